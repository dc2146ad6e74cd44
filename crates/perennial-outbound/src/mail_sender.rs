//! The mail client: hands mails to the one server that is configured, over TLS that is verified.

use std::{fmt, path::PathBuf, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        Error as SmtpError,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};

use crate::{TrustError, error::with_causes, trust};

/// How long each step of a conversation with the server may take, and all of it.
const STEP_FOR: Duration = Duration::from_secs(20);
const MAIL_FOR: Duration = Duration::from_secs(60);

/// How mails leave.
#[derive(Clone)]
pub struct MailSettings {
    /// The server's name or address, which its certificate has to be for.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How TLS begins; there is no way without.
    pub encryption: Encryption,
    /// A user's name and password, if the server wants one.
    pub credentials: Option<(String, String)>,
    /// Who mails are from: `ops@example.com`, or `Perennial <ops@example.com>`.
    pub from: String,
    /// A file of authorities, in PEM, that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for MailSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailSettings({}:{})", self.server, self.port)
    }
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// With the connection (port 465).
    Tls,
    /// By the command STARTTLS (port 587); a server without it gets nothing.
    StartTls,
}

/// A mail to one person.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Whom it goes to.
    pub to: String,
    /// The sender's name for people, where it is another than the configured one.
    pub from_name: Option<String>,
    /// What it is headed.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// A URL that ends such mails, for programs that show a button for it.
    pub unsubscribe_url: Option<String>,
}

/// A mail that did not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It never will: the server says so, or it is none.
    #[error("the mail is refused: {0}")]
    Refused(String),
    /// It may, later.
    #[error("the mail server did not take it: {0}")]
    Failed(String),
}

/// Settings with which no mail leaves.
#[derive(Debug, thiserror::Error)]
pub enum MailSettingsError {
    /// Nobody it could be from.
    #[error("{0:?} is no sender: write ops@example.com, or Perennial <ops@example.com>")]
    From(String),
    /// The authorities.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// TLS.
    #[error("TLS to the mail server {0}: {1}")]
    Tls(String, String),
}

/// Sends mails. Cheap to clone: clones share their connections.
#[derive(Clone)]
pub struct MailSender {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl MailSender {
    /// A sender without a connection yet.
    ///
    /// # Errors
    /// [`MailSettingsError`] says which setting does not do.
    pub fn new(settings: MailSettings) -> Result<Self, MailSettingsError> {
        let MailSettings { server, port, encryption, credentials, from, ca_file } = settings;
        let from = from.parse().map_err(|_| MailSettingsError::From(from))?;
        let failed = |error: SmtpError| MailSettingsError::Tls(server.clone(), with_causes(&error));
        let mut tls = TlsParameters::builder(server.clone());
        for anchor in ca_file.as_deref().map(trust::extra).transpose()?.unwrap_or_default() {
            tls = tls.add_root_certificate(Certificate::from_der(anchor.to_vec()).map_err(failed)?);
        }
        let tls = tls.build().map_err(failed)?;
        let tls = match encryption {
            Encryption::Tls => Tls::Wrapper(tls),
            Encryption::StartTls => Tls::Required(tls),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server)
            .port(port)
            .tls(tls)
            .timeout(Some(STEP_FOR));
        if let Some((user, password)) = credentials {
            transport = transport.credentials(Credentials::new(user, password));
        }
        Ok(Self { transport: transport.build(), from })
    }

    /// Hands a mail to the server; answers what that said.
    ///
    /// # Errors
    /// [`MailError`] tells what will never work from what may.
    pub async fn send(&self, mail: Mail) -> Result<String, MailError> {
        let message = self.message(mail)?;
        match tokio::time::timeout(MAIL_FOR, self.transport.send(message)).await {
            Ok(Ok(response)) => {
                let said = response.message().collect::<Vec<_>>().join(" ");
                Ok(format!("{} {said}", response.code()))
            }
            Ok(Err(error)) => Err(why(&error)),
            Err(_) => Err(MailError::Failed(format!("no answer within {} s", MAIL_FOR.as_secs()))),
        }
    }

    fn message(&self, mail: Mail) -> Result<Message, MailError> {
        let refused = |error: &dyn fmt::Display| MailError::Refused(error.to_string());
        let name =
            mail.from_name.filter(|name| !name.is_empty()).or_else(|| self.from.name.clone());
        let from = Mailbox::new(name, self.from.email.clone());
        let to: Mailbox =
            mail.to.parse().map_err(|error: lettre::address::AddressError| refused(&error))?;
        let mut message = Message::builder()
            .from(from)
            .to(to)
            .subject(mail.subject)
            .message_id(None)
            .header(ContentType::TEXT_PLAIN);
        if let Some(url) = mail.unsubscribe_url {
            message = message.header(ListUnsubscribe(format!("<{url}>")));
        }
        message.body(mail.text).map_err(|error| refused(&error))
    }
}

/// RFC 2369 §3.2.
#[derive(Clone)]
struct ListUnsubscribe(String);

impl lettre::message::header::Header for ListUnsubscribe {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), self.0.clone())
    }
}

/// A server that does not know us (53x) may be told a right password tomorrow.
fn why(error: &SmtpError) -> MailError {
    let reason = with_causes(error);
    let is_login = error.status().is_some_and(|code| code.to_string().starts_with("53"));
    if error.is_permanent() && !is_login {
        MailError::Refused(reason)
    } else {
        MailError::Failed(reason)
    }
}
