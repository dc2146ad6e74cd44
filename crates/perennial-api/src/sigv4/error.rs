//! Why a signature does not count, in AWS's codes and words.

/// Why a request is not accepted as its caller's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Nobody signed it.
    #[error("Missing Authentication Token")]
    Missing,
    /// What is needed for checking is not all there, or cannot be read.
    #[error("{0}")]
    Incomplete(String),
    /// Signed, but not so that it counts.
    #[error("{0}")]
    Invalid(String),
    /// No such access key, or a session's.
    #[error("{0}")]
    Unrecognized(&'static str),
}

impl SignatureError {
    /// The signature is another one than the key gives.
    pub(crate) fn mismatch() -> Self {
        Self::Invalid(
            "The request signature we calculated does not match the signature you provided. Check \
             your AWS Secret Access Key and signing method. Consult the service documentation for \
             details."
                .to_owned(),
        )
    }

    pub(crate) fn incomplete(what: impl Into<String>) -> Self {
        Self::Incomplete(what.into())
    }
}
