//! What the API asks of whoever delivers notices.

use perennial_core::notice_topic::{Protocol, Uuid};

/// Delivers what is published to notice topics.
pub trait NoticeDelivery: Send + Sync {
    /// Whether anything may be sent to an endpoint that looks as its protocol wants.
    ///
    /// # Errors
    /// Why not, and what to configure.
    fn check(&self, protocol: Protocol, endpoint: &str) -> Result<(), String>;

    /// There is something to deliver.
    fn nudge(&self);

    /// What ends a subscription without a signature: only who got its messages knows it.
    fn unsubscribe_token(&self, subscription: &Uuid) -> String;

    /// The certificate, in PEM, of that name: one whose key messages are signed with, or were.
    fn signing_certificate(&self, name: &str) -> Option<String>;
}
