//! The server's configuration: a TOML file in which every key is known, and sensible without one.

mod check;
mod notices;
mod rules;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use perennial_api::{Links, Rate};
use perennial_broker::TlsVersion;
use perennial_core::{
    audit::{CheckName, Schedule, Threshold},
    policy::Scope,
    rotation::Timing,
    time::days,
    topic::Prefix,
};
use perennial_outbound::{
    Destinations, Encryption, HttpSender, HttpSettings, MailSender, MailSettings,
};
use perennial_pki::{Profile, ServerProfile};
use serde::Deserialize;

pub(crate) use self::{
    notices::Notices,
    rules::{Credentials, Rules},
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
    /// Topic rules.
    pub rules: Rules,
}

/// Where messages may leave to, and who is trusted there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outbound {
    /// Names, `*.` before one for all below it, addresses and networks; `http://` before one lets
    /// messages go without TLS. Nothing leaves to others.
    pub allow: Vec<String>,
    /// A file of authorities, in PEM, that are trusted there beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// The server that mails are handed to, over TLS always.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// Its name; without one no mail leaves.
    pub server: Option<String>,
    /// Its port; 587, or 465 when TLS begins with the connection.
    pub port: Option<u16>,
    /// How TLS begins.
    pub encryption: MailEncryption,
    /// Who mails are from.
    pub from: String,
    /// The user whom the server knows.
    pub user: Option<String>,
    /// The file with that user's password.
    pub password_file: Option<PathBuf>,
}

/// How TLS to the mail server begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailEncryption {
    /// By the command STARTTLS.
    #[default]
    StartTls,
    /// With the connection.
    Tls,
}

/// The MQTT listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mqtt {
    /// Where it listens.
    pub listen: SocketAddr,
    /// DNS names and IP addresses under which devices reach it; its certificate carries them.
    pub names: Vec<String>,
    /// Lets clients in that know TLS 1.2 only.
    pub allow_tls12: bool,
    /// The first levels of the management topics.
    pub prefix: Prefix,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8883)),
            names: ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec(),
            allow_tls12: false,
            prefix: Prefix::default(),
        }
    }
}

/// The HTTPS listener: the API. It shows the same certificate as the MQTT listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Under which URL others reach it, for links in messages; absent, its first name and port.
    pub url: Option<String>,
    /// Where plain HTTP listens as well; loopback only.
    pub plain: Option<SocketAddr>,
    /// Lets clients in that know TLS 1.2 only.
    pub allow_tls12: bool,
    /// How many requests a second an access key may make in the long run.
    pub requests_per_second: u32,
    /// How many requests an access key may make at once.
    pub burst: u32,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8443)),
            url: None,
            plain: None,
            allow_tls12: false,
            requests_per_second: 100,
            burst: 500,
        }
    }
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

/// When and what is audited.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// From one audit to the next; a day is counted from midnight UTC.
    pub every_secs: u64,
    /// A certificate with less than this left is a finding. Device Defender allows no less than
    /// 30 days; certificates that live shorter need less.
    pub expiring_secs: u64,
    /// A certificate older than this is a finding; absent, age is not checked unless somebody
    /// enables that check.
    pub age_secs: Option<u64>,
    /// Whether what the age check finds is rotated, as what is about to end is.
    pub rotate_aged: bool,
    /// Files with keys known to be weak, in the format of openssl-blacklist.
    pub weak_keys: Vec<PathBuf>,
    /// Files with revocation lists, PEM or DER, of this server's authorities or their issuers;
    /// looked at again every hour.
    pub revocation_lists: Vec<PathBuf>,
}

impl Default for Audit {
    fn default() -> Self {
        let (every_secs, expiring_secs) = (days(1).as_secs(), days(30).as_secs());
        Self {
            every_secs,
            expiring_secs,
            age_secs: None,
            rotate_aged: true,
            weak_keys: Vec::new(),
            revocation_lists: Vec::new(),
        }
    }
}

/// How rotations are paced.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rotation {
    /// Whether devices must make a new key.
    pub rekey: bool,
    /// Rotations that one audit opens begin spread over this.
    pub spread_secs: u64,
    /// How long to wait for a CSR before asking again.
    pub csr_wait_secs: u64,
    /// How long to wait for an acknowledgement before delivering again.
    pub ack_wait_secs: u64,
    /// How long after the new certificate was seen connecting to complete without an ack.
    pub settle_secs: u64,
    /// How long a rotation stays open for a device that is away.
    pub hold_secs: u64,
    /// For how long after its end a certificate is let in, on a session that may only rotate it;
    /// 0 for never.
    pub recovery_secs: u64,
    /// How often at most a connected device is asked, or delivered to.
    pub max_tries: u32,
    /// How many rotations at most follow upon one that its device gave up.
    pub max_attempts: u32,
    /// The pause before the first of those that only need time; doubles with each.
    pub retry_secs: u64,
}

impl Default for Rotation {
    fn default() -> Self {
        let timing = Timing::default();
        Self {
            rekey: true,
            spread_secs: timing.spread_for.as_secs(),
            csr_wait_secs: timing.csr_wait_for.as_secs(),
            ack_wait_secs: timing.ack_wait_for.as_secs(),
            settle_secs: timing.settle_for.as_secs(),
            hold_secs: timing.hold_for.as_secs(),
            recovery_secs: timing.recovery_for.as_secs(),
            max_tries: timing.max_requests,
            max_attempts: timing.max_attempts,
            retry_secs: timing.retry_for.as_secs(),
        }
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

    /// The thresholds that the file sets.
    pub(crate) fn thresholds(&self) -> Result<BTreeMap<CheckName, Threshold>, ConfigError> {
        let Audit { expiring_secs, age_secs, .. } = &self.audit;
        let expiring = threshold("audit.expiring_secs", *expiring_secs)?;
        let age = age_secs.map(|secs| threshold("audit.age_secs", secs)).transpose()?;
        let age = age.map(|age| (CheckName::DeviceCertificateAge, age));
        Ok([(CheckName::DeviceCertificateExpiring, expiring)].into_iter().chain(age).collect())
    }

    /// The checks that the file wants to run: all that have something to examine, age only when it
    /// says so, and re-used keys only where new ones are wanted.
    pub(crate) fn enabled_checks(&self) -> BTreeSet<CheckName> {
        let unwanted = |check: &CheckName| {
            *check == CheckName::DeviceCertificateAge && self.audit.age_secs.is_none()
                || *check == CheckName::KeyReused && !self.rotation.rekey
        };
        let wanted = |check: &CheckName| check.has_subject() && !unwanted(check);
        CheckName::ALL.into_iter().filter(wanted).collect()
    }

    /// The checks whose findings are rotated.
    pub(crate) fn rotated_checks(&self) -> BTreeSet<CheckName> {
        let aged = self.audit.rotate_aged.then_some(CheckName::DeviceCertificateAge);
        aged.into_iter().chain([CheckName::DeviceCertificateExpiring]).collect()
    }

    pub(crate) fn schedule(&self) -> Result<Schedule, ConfigError> {
        let secs = self.audit.every_secs;
        Schedule::every(Duration::from_secs(secs)).map_err(|error| ConfigError::Value {
            key: "audit.every_secs",
            value: secs.to_string(),
            reason: error.to_string(),
        })
    }

    pub(crate) fn timing(&self) -> Timing {
        let rotation = &self.rotation;
        Timing {
            spread_for: Duration::from_secs(rotation.spread_secs),
            csr_wait_for: Duration::from_secs(rotation.csr_wait_secs),
            ack_wait_for: Duration::from_secs(rotation.ack_wait_secs),
            settle_for: Duration::from_secs(rotation.settle_secs),
            hold_for: Duration::from_secs(rotation.hold_secs),
            recovery_for: Duration::from_secs(rotation.recovery_secs),
            max_requests: rotation.max_tries,
            max_deliveries: rotation.max_tries,
            max_attempts: rotation.max_attempts,
            retry_for: Duration::from_secs(rotation.retry_secs),
            ..Timing::default()
        }
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

    /// The name under which this server is reached: the first that its certificate carries.
    pub(crate) fn host(&self) -> String {
        let host = self.mqtt.names.first().map_or("localhost", String::as_str);
        if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
    }

    pub(crate) fn oldest_tls(&self) -> TlsVersion {
        oldest(self.mqtt.allow_tls12)
    }

    pub(crate) fn oldest_https_tls(&self) -> TlsVersion {
        oldest(self.http.allow_tls12)
    }

    /// How HTTP requests leave.
    pub(crate) fn http_sender(&self) -> anyhow::Result<HttpSender> {
        let Outbound { allow, ca_file } = &self.outbound;
        let destinations = Destinations::parse(allow).context("outbound.allow")?;
        let ca_file = ca_file.clone();
        let settings = HttpSettings { destinations, ca_file, ..HttpSettings::default() };
        HttpSender::new(settings).context("outbound.ca_file")
    }

    /// How mails leave, if they do.
    pub(crate) fn mail_sender(&self) -> anyhow::Result<Option<MailSender>> {
        let Mail { server, port, encryption, from, user, password_file } = self.mail.clone();
        let Some(server) = server else { return Ok(None) };
        let credentials = match (user, password_file) {
            (Some(user), Some(path)) => {
                let text = std::fs::read_to_string(&path).with_context(|| {
                    format!("mail.password_file: {} cannot be read", path.display())
                })?;
                Some((user, text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                anyhow::bail!("mail.user and mail.password_file go together: set both or neither")
            }
        };
        let (encryption, usual) = match encryption {
            MailEncryption::StartTls => (Encryption::StartTls, 587),
            MailEncryption::Tls => (Encryption::Tls, 465),
        };
        let (port, ca_file) = (port.unwrap_or(usual), self.outbound.ca_file.clone());
        let settings = MailSettings { server, port, encryption, credentials, from, ca_file };
        MailSender::new(settings).context("[mail]").map(Some)
    }

    /// The URL under which others reach the API, which listens on `https`.
    pub(crate) fn public_url(&self, https: SocketAddr) -> String {
        let usual = || format!("https://{}:{}", self.host(), https.port());
        self.http.url.clone().unwrap_or_else(usual)
    }

    pub(crate) fn request_rate(&self) -> Rate {
        Rate { per_second: self.http.requests_per_second, burst: self.http.burst.max(1) }
    }
}

fn oldest(allow_tls12: bool) -> TlsVersion {
    if allow_tls12 { TlsVersion::V1_2 } else { TlsVersion::V1_3 }
}

fn threshold(key: &'static str, secs: u64) -> Result<Threshold, ConfigError> {
    Threshold::custom(Duration::from_secs(secs)).map_err(|error| ConfigError::Value {
        key,
        value: secs.to_string(),
        reason: error.to_string(),
    })
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
