//! The server's configuration: a TOML file in which every key is known, and sensible without one.

mod audit;
mod check;
mod listeners;
mod notices;
mod outbound;
mod rotation;
mod rules;
mod sns;

use std::{net::SocketAddr, path::Path, time::Duration};

use perennial_api::Links;
use perennial_core::{policy::Scope, time::days};
use perennial_pki::{Profile, ServerProfile};
use serde::Deserialize;

pub(crate) use self::{
    audit::Audit,
    listeners::{Http, Mqtt},
    notices::Notices,
    outbound::{Mail, Outbound},
    rotation::Rotation,
    rules::{Credentials, Rules},
    sns::Sns,
};
use crate::notices::Watching;

/// All that can be configured.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The MQTT listener.
    pub mqtt: Mqtt,
    /// The HTTPS listener: the API.
    pub http: Http,
    /// What certificates are issued.
    pub certificates: Certificates,
    /// When and what is audited.
    pub audit: Audit,
    /// How rotations are paced.
    pub rotation: Rotation,
    /// Whom people are told by, when, and of what.
    pub notices: Notices,
    /// Which account and region ARNs in policies name.
    pub account: Account,
    /// Where messages may leave to.
    pub outbound: Outbound,
    /// The server that mails are handed to.
    pub mail: Mail,
    /// Topics at AWS.
    pub sns: Sns,
    /// Topic rules.
    pub rules: Rules,
}

/// What certificates are issued.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Certificates {
    /// How long a device's certificate lives.
    pub device_secs: u64,
    /// How long the broker's own certificate lives; it is renewed when a third of that is left.
    pub server_secs: u64,
    /// How long a retired certificate is kept, INACTIVE, before it is deleted.
    pub grace_secs: u64,
}

impl Default for Certificates {
    fn default() -> Self {
        let server_secs = days(30).as_secs();
        Self { device_secs: days(90).as_secs(), server_secs, grace_secs: days(30).as_secs() }
    }
}

/// Which account and region ARNs in policies name.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// A region's name.
    pub region: String,
}

impl Default for Account {
    fn default() -> Self {
        let Scope { region, account, .. } = Scope::default();
        Self { id: account, region }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {path} cannot be read: {source}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, a key nobody knows, or a value of the wrong kind.
    #[error("the configuration {path} is not usable: {reason}")]
    Invalid {
        /// Which.
        path: String,
        /// Where and why.
        reason: String,
    },
    /// A value out of its range.
    #[error("{key} = {value}: {reason}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// Why not.
        reason: String,
    },
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the line and the key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: name.clone(), source })?;
        let read = Self::parse(&text).and_then(|it| check::check(&it, &text).map(|()| it));
        read.map_err(|reason| ConfigError::Invalid { path: name, reason })
    }

    /// Reads a configuration's text.
    ///
    /// # Errors
    /// What is wrong, in words, with line and key.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    pub(crate) fn device_profile(&self) -> Profile {
        let validity_for = Duration::from_secs(self.certificates.device_secs);
        Profile { validity_for, ..Profile::default() }
    }

    pub(crate) fn server_profile(&self) -> ServerProfile {
        let validity_for = Duration::from_secs(self.certificates.server_secs);
        ServerProfile { validity_for, ..ServerProfile::default() }
    }

    /// How notices are acknowledged by links, where the API listens on `https`.
    pub(crate) fn links(&self, secret: &[u8; 32], https: SocketAddr) -> Links {
        let valid_for = Duration::from_secs(self.notices.link_secs);
        Links::new(secret, &self.public_url(https), valid_for)
    }

    pub(crate) fn watching(&self, data: &Path) -> Watching {
        let notices = &self.notices;
        Watching {
            data: data.to_owned(),
            free: notices.free_mib.saturating_mul(1 << 20),
            refusals: notices.refusals_per_minute,
            look_for: Duration::from_secs(notices.look_secs.max(1)),
            away_for: Duration::from_secs(notices.away_secs),
            unreachable: Notices::spans(&notices.unreachable_days),
            authorities: Notices::spans(&notices.authority_days),
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        let Account { id, region } = self.account.clone();
        Scope { region, account: id, ..Scope::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that a start asks of a configuration.
    fn take_apart(text: &str) {
        let Ok(config) = Config::parse(text) else { return };
        let _ = (
            config.thresholds(),
            config.enabled_checks(),
            config.schedule(),
            config.timing(),
            config.scope(),
        );
        let _ = (config.device_profile(), config.server_profile(), config.oldest_tls());
        let _ = config.notices.settings();
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            take_apart(&text);
        }

        #[test]
        fn any_number_is_taken_or_refused(
            key in "audit.(every|expiring|age)_secs|rotation.(spread|csr_wait|hold)_secs|certificates.(device|server)_secs|notices.(update|close|escalate|retry|look)_secs",
            value in proptest::num::i64::ANY,
        ) {
            let (table, key) = key.split_once('.').unwrap_or_default();
            take_apart(&format!("[{table}]\n{key} = {value}\n"));
        }
    }
}
