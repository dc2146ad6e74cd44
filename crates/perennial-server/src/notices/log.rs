//! The log as a target: a line for each letter.

use async_trait::async_trait;
use perennial_core::notice::Severity;
use perennial_store::{DeliveryOutcome, Proof};
use tracing::{error, info, warn};

use super::{letter::Letter, target::Target};

/// The process's log. Nobody may read it.
pub(crate) struct Log;

#[async_trait]
impl Target for Log {
    async fn deliver(&self, letters: &[Letter]) -> Vec<DeliveryOutcome> {
        letters.iter().map(write).collect()
    }
}

fn write(letter: &Letter) -> DeliveryOutcome {
    let (id, text) = (letter.message.notice_id, letter.message.text());
    let kind = letter.message.kind.name();
    match letter.message.severity {
        Severity::Info => info!(notice.id = %id, notice.kind = kind, "{text}"),
        Severity::Warning => warn!(notice.id = %id, notice.kind = kind, "{text}"),
        Severity::Critical => error!(notice.id = %id, notice.kind = kind, "{text}"),
    }
    let message_id = letter.message_id();
    DeliveryOutcome::Delivered(Proof { message_id, taken_by: "the server's log".to_owned() })
}
