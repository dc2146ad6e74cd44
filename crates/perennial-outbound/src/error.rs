//! Why a message did not leave: what will never work, and what may.

use std::{error::Error, time::Duration};

use crate::Refusal;

/// A request without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The configuration does not let it leave: trying again is of no use.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// It did not get through: trying again may help.
    #[error("{0}")]
    Failed(#[from] Failure),
}

/// What got in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection came about: no such name, nobody there, a certificate that is not trusted.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// Who.
        host: String,
        /// Why.
        reason: String,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("{host} did not answer: {reason}")]
    Broken {
        /// Who.
        host: String,
        /// Why.
        reason: String,
    },
    /// The whole answer took too long.
    #[error("{host} did not answer within {} s", within.as_secs_f64())]
    TooSlow {
        /// Who.
        host: String,
        /// How long it had.
        within: Duration,
    },
}

/// Connecting took too long.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} s", .0.as_secs_f64())]
pub(crate) struct ConnectTimeout(pub(crate) Duration);

/// An error with its causes, as one line.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error).skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The error and what is under it.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
