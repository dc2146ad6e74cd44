//! The configuration of topic rules: how they deliver, and with whose credentials.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use perennial_core::rule::action::SigningRole;
use perennial_outbound::{Destinations, RetrySchedule};
use perennial_rules::{LambdaEndpoint, Settings};
use serde::Deserialize;

/// Topic rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// How often a delivery is tried in all.
    pub max_tries: u32,
    /// The pause after the first failure; doubles with each.
    pub retry_secs: f64,
    /// For how many seconds none of an action's deliveries must have been given up before one that
    /// arrives ends the notice that they fail.
    pub calm_secs: u64,
    /// How many requests of an action are under way at a time.
    pub in_flight: usize,
    /// How large a file that rules write becomes before another is begun.
    pub file_bytes: u64,
    /// How many full ones are kept beside it.
    pub files_kept: u32,
    /// Where functions are invoked; nowhere, unless this is there.
    pub lambda: Option<Lambda>,
    /// Who signs requests.
    pub credentials: Vec<Credentials>,
}

/// Where functions are invoked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lambda {
    /// Scheme and host, and port if need be.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: Option<String>,
    /// The role whose credentials sign; without it requests are not signed.
    pub role_arn: Option<String>,
}

/// An access key at AWS, under the role that rules name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The role.
    pub role_arn: String,
    /// The access key's id.
    pub access_key_id: String,
    /// The file that its secret is in.
    pub secret_file: PathBuf,
}

impl Default for Rules {
    fn default() -> Self {
        let Settings { retry, calm_for, in_flight, file_bytes, files_kept, .. } =
            Settings::new(String::new(), PathBuf::new());
        Self {
            max_tries: retry.max_tries,
            retry_secs: retry.first.as_secs_f64(),
            calm_secs: calm_for.as_secs(),
            in_flight,
            file_bytes,
            files_kept,
            lambda: None,
            credentials: Vec::new(),
        }
    }
}

impl Rules {
    /// How rules deliver, on the data folder `data`.
    ///
    /// # Errors
    /// Which key has a value out of its range.
    pub(crate) fn settings(&self, account_id: String, data: &Path) -> anyhow::Result<Settings> {
        let usual = Settings::new(account_id, data.join("rules"));
        let first = Duration::try_from_secs_f64(self.retry_secs)
            .ok()
            .filter(|it| *it <= usual.retry.longest)
            .with_context(|| {
                let longest = usual.retry.longest.as_secs();
                format!("rules.retry_secs = {}: 0 to {longest} is expected", self.retry_secs)
            })?;
        if !(1..=1024).contains(&self.in_flight) {
            bail!("rules.in_flight = {}: 1 to 1024 is expected", self.in_flight);
        }
        let retry = RetrySchedule { first, max_tries: self.max_tries.max(1), ..usual.retry };
        let Self { in_flight, file_bytes, files_kept, .. } = *self;
        let calm_for = Duration::from_secs(self.calm_secs);
        Ok(Settings { retry, calm_for, in_flight, file_bytes, files_kept, ..usual })
    }

    /// Where functions are invoked.
    ///
    /// # Errors
    /// When the endpoint is no URL, nothing may be sent there, or nobody can sign.
    pub(crate) fn lambda(
        &self,
        region: &str,
        allowed: &Destinations,
    ) -> anyhow::Result<Option<LambdaEndpoint>> {
        let Some(Lambda { endpoint, region: own, role_arn }) = &self.lambda else {
            return Ok(None);
        };
        let url: http::Uri =
            endpoint.parse().with_context(|| format!("rules.lambda.endpoint = {endpoint:?}"))?;
        if url.scheme().is_none() || !matches!(url.path(), "" | "/") {
            bail!("rules.lambda.endpoint = {endpoint:?}: https://HOST is expected");
        }
        allowed.check(&url).with_context(|| format!("rules.lambda.endpoint = {endpoint:?}"))?;
        if let Some(role) = role_arn
            && !self.credentials.iter().any(|it| it.role_arn == *role)
        {
            bail!("rules.lambda.role_arn = {role:?}: add its key to [[rules.credentials]]");
        }
        let region = own.clone().unwrap_or_else(|| region.to_owned());
        let signing = role_arn.clone().map(|role_arn| SigningRole {
            region,
            service: "lambda".to_owned(),
            role_arn,
        });
        Ok(Some(LambdaEndpoint { url, signing }))
    }
}

#[cfg(test)]
mod tests {
    use perennial_outbound::Destinations;

    use crate::Config;

    fn said(text: &str) -> Result<(), String> {
        let config = Config::parse(text).unwrap();
        let allowed = Destinations::parse(&config.outbound.allow).unwrap();
        let lambda = config.rules.lambda("local-1", &allowed);
        lambda.map(drop).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn where_functions_cannot_be_invoked_is_told_at_start_with_what_to_write() {
        let allow = "[outbound]\nallow = [\"l.example\"]\n[rules]\n";
        let lambda =
            |members: &str| format!("lambda = {{ endpoint = \"https://l.example\"{members} }}\n");
        let role = lambda(", role_arn = \"r\"");
        let key =
            "[[rules.credentials]]\nrole_arn = \"r\"\naccess_key_id = \"A\"\nsecret_file = \"s\"\n";

        assert_eq!(said(&format!("{allow}{}", lambda(""))), Ok(()));
        assert_eq!(said(&format!("{allow}{role}{key}")), Ok(()));
        let refused = said(&format!("[rules]\n{}", lambda(""))).unwrap_err();
        assert!(refused.contains("add \"l.example\" to"), "{refused}");
        let refused = said(&format!("{allow}{role}")).unwrap_err();
        assert!(refused.contains("add its key to [[rules.credentials]]"), "{refused}");
    }
}
