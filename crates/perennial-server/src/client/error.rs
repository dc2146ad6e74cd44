//! Why a call did not do: the server's own answer, or why there is none.

use http::StatusCode;

/// A call that did not do.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server says no.
    #[error("{message} ({code})")]
    Refused {
        /// AWS's code for it.
        code: String,
        /// What was wrong, where, and what to do.
        message: String,
        /// The answer's status.
        status: StatusCode,
    },
    /// Nobody is there.
    #[error("no server answers at {endpoint}: {reason}; is `perennial serve` running there?")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// Somebody is there who is not believed to be the server.
    #[error("{endpoint} is not trusted: {reason}; is {bundle} its trust anchor (`ca.pem`)?")]
    Untrusted {
        /// Where.
        endpoint: String,
        /// Why.
        reason: String,
        /// The file whose certificates are trusted.
        bundle: String,
    },
    /// The trust anchors cannot be used.
    #[error("the trust anchors in {bundle} cannot be used: {reason}")]
    Anchors {
        /// The file.
        bundle: String,
        /// Why.
        reason: String,
    },
    /// The connection broke before there was an answer: what was asked may be done or not.
    #[error("the server went away before it answered: {0}; look whether it was done")]
    Broken(String),
    /// The answer is not JSON.
    #[error("the server's answer cannot be read: {0}; is this a Perennial server?")]
    Unreadable(String),
    /// The request cannot be written down.
    #[error("the request cannot be sent: {0}")]
    Unsendable(String),
}

impl CallError {
    /// Whether the same may be asked again in a moment.
    pub(super) fn is_throttled(&self) -> bool {
        self.is("ThrottlingException")
    }

    /// Whether it is the server's answer with this code.
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}
