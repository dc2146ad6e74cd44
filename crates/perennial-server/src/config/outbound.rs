//! `[outbound]` and `[mail]`: where messages may leave to, and how.

use std::path::PathBuf;

use anyhow::Context as _;
use perennial_outbound::{
    Destinations, Encryption, HttpSender, HttpSettings, MailSender, MailSettings,
};
use serde::Deserialize;

use super::Config;

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

impl Config {
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
}
