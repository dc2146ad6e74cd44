//! Notices: what people are told, taken in once, stepped by the core, and delivered target by
//! target.
//!
//! All that a fact leads to is one transaction: its key, the notice that folds it, and the messages
//! that go out. There is a row for each notice, whatever the number of devices it is about; the keys
//! of facts are what grows with a fleet, and they are on disk.

mod deliveries;
mod histories;
mod intake;
mod lists;
mod sweep;
mod unreachable;

use std::time::Duration;

use perennial_core::{
    notice::{Redelivery, Rules},
    time::days,
};

pub use deliveries::{DeliveryId, DeliveryOutcome, DueMessage, Proof};
pub use lists::{DeliveryStatus, NoticeFilter, ShownDelivery, StoredNotice};
pub use unreachable::UnreachablePlace;

pub(crate) use intake::{resolve, take_in};

/// Which target writes to the log only: nobody may have read that.
pub const LOG_TARGET: &str = "log";

/// What the store is told of notices.
#[derive(Debug, Clone)]
pub struct NoticeSettings {
    /// When notices are updated, escalated, held back and closed.
    pub rules: Rules,
    /// How patient deliveries are.
    pub redelivery: Redelivery,
    /// The targets of those who are told first.
    pub first: Vec<String>,
    /// The targets of those who are told second.
    pub second: Vec<String>,
    /// How long what is over is kept.
    pub keep_for: Duration,
}

impl Default for NoticeSettings {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            redelivery: Redelivery::default(),
            first: vec![LOG_TARGET.to_owned()],
            second: Vec::new(),
            keep_for: days(400),
        }
    }
}
