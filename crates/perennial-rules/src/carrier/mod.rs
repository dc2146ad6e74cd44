//! Carriers: one for each way in which something is delivered, tried once.

mod file;
mod http;
mod lambda;
mod notice;
mod republish;

use std::io::Write as _;

use perennial_core::rule::action::Delivery;

pub(crate) use file::Files;
pub(crate) use http::Http;
pub use http::Signer;
pub(crate) use lambda::Lambda;
pub use lambda::LambdaEndpoint;
pub use notice::NoticeTopics;
pub(crate) use republish::Republish;

/// Why something did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Undelivered {
    /// In words.
    pub reason: String,
    /// Whether trying again may help.
    pub may_work_later: bool,
}

impl Undelivered {
    /// It will never work.
    pub fn for_good(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_work_later: false }
    }

    /// It may work later.
    pub fn for_now(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_work_later: true }
    }
}

/// All the ways.
pub(crate) struct Carriers {
    pub(crate) republish: Republish,
    pub(crate) http: Http,
    pub(crate) lambda: Lambda,
    pub(crate) notices: std::sync::Arc<dyn NoticeTopics>,
    pub(crate) files: Files,
}

impl Carriers {
    /// Tries once.
    pub(crate) async fn carry(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        match delivery {
            Delivery::Republish(it) => self.republish.carry(it),
            Delivery::Http(it) => self.http.carry(it).await,
            Delivery::Sns { target_arn, format, payload } => {
                self.notices.publish(target_arn, *format, &payload.0).await
            }
            Delivery::Lambda { function_arn, payload } => {
                self.lambda.carry(function_arn, payload).await
            }
            Delivery::File { name, payload } => self.files.append(name, payload).await,
            Delivery::Stdout { payload } => {
                let mut line = Vec::with_capacity(payload.0.len() + 1);
                line.extend_from_slice(&payload.0);
                line.push(b'\n');
                let written = std::io::stdout().lock().write_all(&line);
                written.map_err(|error| Undelivered::for_now(format!("standard output: {error}")))
            }
        }
    }
}
