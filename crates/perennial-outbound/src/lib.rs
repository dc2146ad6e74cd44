//! How messages leave the server: to destinations that its configuration lists, and nowhere else.
#![warn(missing_docs)]

mod address;
mod connector;
mod destinations;
mod error;
mod http_sender;
mod mail_sender;
mod schedule;
mod trust;

pub use destinations::{BadDestination, Destinations, Refusal};
pub use error::{Failure, SendError};
pub use http_sender::{HttpSender, HttpSettings};
pub use mail_sender::{Encryption, Mail, MailError, MailSender, MailSettings, MailSettingsError};
pub use schedule::RetrySchedule;
pub use trust::TrustError;
