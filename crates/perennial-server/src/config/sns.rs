//! `[sns]`: topics at AWS that messages are published to, and who signs there.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, bail};
use http::{HeaderValue, Uri};
use perennial_api::sigv4::SigningSecret;
use perennial_core::{notice_topic::AwsTopic, policy::Scope};
use perennial_outbound::HttpSender;
use serde::Deserialize;

use crate::aws_sns::{AwsKey, AwsSns};

/// Topics at AWS.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sns {
    /// Their ARNs. Messages leave to no others.
    pub topics: Vec<String>,
    /// The access key's id; absent, key and secret are the environment's.
    pub access_key_id: Option<String>,
    /// The file that its secret is in.
    pub secret_file: Option<PathBuf>,
    /// Where SNS is spoken; AWS's own endpoint of a topic's region, unless this is there.
    pub endpoint: Option<String>,
}

impl Sns {
    /// How messages leave to these topics, through `http`; `own` is what ARNs of this server's own
    /// topics name, and `variable` looks into the environment.
    ///
    /// # Errors
    /// Which key is wrong, or missing.
    pub(crate) fn open(
        &self,
        (own, http): (&Scope, &HttpSender),
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<AwsSns> {
        let mut topics = BTreeMap::new();
        for arn in &self.topics {
            let topic: AwsTopic = arn.parse().context("sns.topics")?;
            if topic.is_of(&own.account, &own.region) {
                bail!("sns.topics: {arn} is this server's own: it needs no entry here");
            }
            let endpoint = self.endpoint_of(&topic)?;
            http.destinations().check(&endpoint).with_context(|| format!("sns.topics: {arn}"))?;
            topics.insert(arn.clone(), (topic, endpoint));
        }
        let key = if topics.is_empty() { None } else { Some(self.key(variable)?) };
        Ok(AwsSns::new(http.clone(), topics, key))
    }

    fn endpoint_of(&self, topic: &AwsTopic) -> anyhow::Result<Uri> {
        let endpoint = self.endpoint.clone().unwrap_or_else(|| topic.endpoint());
        let uri: Uri = endpoint.parse().with_context(|| format!("sns.endpoint = {endpoint:?}"))?;
        if uri.scheme().is_none() || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            bail!("sns.endpoint = {endpoint:?}: https://HOST is expected");
        }
        Ok(uri)
    }

    fn key(&self, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<AwsKey> {
        match (&self.access_key_id, &self.secret_file) {
            (Some(id), Some(path)) => {
                let shown = path.display();
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("sns.secret_file: {shown} cannot be read"))?;
                let secret = text.trim();
                if secret.is_empty() {
                    bail!("sns.secret_file: {shown} is empty: the secret access key is expected");
                }
                Ok(AwsKey { id: id.clone(), secret: SigningSecret::new(secret), token: None })
            }
            (None, None) => of_environment(variable),
            (Some(_), None) | (None, Some(_)) => {
                bail!("sns.access_key_id and sns.secret_file go together: set both or neither")
            }
        }
    }
}

fn of_environment(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<AwsKey> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    let (Some(id), Some(secret)) = (given("AWS_ACCESS_KEY_ID"), given("AWS_SECRET_ACCESS_KEY"))
    else {
        bail!(
            "sns.topics: nobody signs: set sns.access_key_id and sns.secret_file, or \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the server's environment"
        );
    };
    let token = given("AWS_SESSION_TOKEN").map(|token| HeaderValue::from_str(&token)).transpose();
    let mut token = token.context("AWS_SESSION_TOKEN cannot stand in a header")?;
    token.iter_mut().for_each(|token| token.set_sensitive(true));
    Ok(AwsKey { id, secret: SigningSecret::new(secret), token })
}

#[cfg(test)]
mod tests {
    use crate::Config;

    fn said(text: &str, environment: &[(&str, &str)]) -> Result<(), String> {
        let config = Config::parse(text).unwrap();
        let variable = |name: &str| {
            let found = environment.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let http = config.http_sender().unwrap();
        let opened = config.sns.open((&config.scope(), &http), variable);
        opened.map(drop).map_err(|error| format!("{error:#}"))
    }

    const ALLOW: &str = "[outbound]\nallow = [\"sns.eu-central-1.amazonaws.com\"]\n[sns]\n";
    const TOPIC: &str = "topics = [\"arn:aws:sns:eu-central-1:123456789012:fleet\"]\n";

    #[test]
    fn a_topic_and_a_key_are_enough_and_without_topics_nothing_is() {
        let key = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s")];

        assert_eq!(said("", &[]), Ok(()));
        assert_eq!(said(&format!("{ALLOW}{TOPIC}"), &key), Ok(()));
    }

    #[test]
    fn what_is_missing_is_told_with_what_to_write() {
        let key = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s")];
        let own = "topics = [\"arn:aws:sns:local-1:000000000000:a\"]\n";
        let cases = [
            (format!("{ALLOW}{TOPIC}"), &[][..], "set sns.access_key_id and sns.secret_file, or"),
            (format!("[sns]\n{TOPIC}"), &key[..], "add \"sns.eu-central-1.amazonaws.com\" to"),
            (format!("{ALLOW}topics = [\"fleet\"]\n"), &key[..], "arn:aws:sns:REGION:ACCOUNT:NAME"),
            (format!("{ALLOW}{own}"), &key[..], "is this server's own"),
            (format!("{ALLOW}{TOPIC}endpoint = \"sns\"\n"), &key[..], "https://HOST is expected"),
            (format!("{ALLOW}{TOPIC}access_key_id = \"A\"\n"), &key[..], "go together"),
            (
                format!("{ALLOW}{TOPIC}access_key_id = \"A\"\nsecret_file = \"/none/at/all\"\n"),
                &key[..],
                "/none/at/all cannot be read",
            ),
        ];

        for (text, environment, told) in cases {
            let refused = said(&text, environment).unwrap_err();
            assert!(refused.contains(told), "{text}: {refused}");
        }
    }
}
