//! What people read of a notice, when they are told: a title, a text, and the same as data.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Kind, Notice, Occasion, Recipient, Rules, Sample, Severity};
use crate::{ids::NoticeId, time::Timestamp};

/// The longest title: what SNS takes as a subject is at most 100 characters.
const TITLE: usize = 100;

/// A notice as it was when people were to be told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The notice.
    pub notice_id: NoticeId,
    /// What it is about.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// Why people are told.
    pub occasion: Occasion,
    /// Who is told.
    pub recipient: Recipient,
    /// How many it folds.
    pub count: u64,
    /// Some of them.
    pub sample: Sample,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the latest happened.
    pub last_at: Timestamp,
    /// When the first of the certificates ends that it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ends_at: Option<Timestamp>,
    /// Whether what it is about is over.
    pub resolved: bool,
}

impl Message {
    /// The message about `notice` as it is now.
    pub fn of(
        notice: &Notice,
        recipient: Recipient,
        occasion: Occasion,
        rules: &Rules,
        now: Timestamp,
    ) -> Self {
        Self {
            notice_id: notice.id,
            kind: notice.kind,
            severity: notice.severity_at(rules, now),
            occasion,
            recipient,
            count: notice.count,
            sample: notice.sample.clone(),
            opened_at: notice.opened_at,
            last_at: notice.last_at,
            ends_at: notice.ends_at,
            resolved: notice.resolved_at.is_some(),
        }
    }

    /// One line of at most 100 ASCII characters.
    pub fn title(&self) -> String {
        let before = match self.occasion {
            Occasion::Opening => "",
            Occasion::Update => "Update: ",
            Occasion::Escalation => "Nobody acknowledged: ",
            Occasion::Closing => "Closed: ",
        };
        let (severity, kind) = (self.severity.name(), self.kind.in_words());
        let about = match (self.count, self.sample.as_slice().first()) {
            (1, Some(only)) => format!("{kind}: {}", only.subject),
            (count, _) => format!("{kind}, {count} times"),
        };
        let title = format!("{before}[{severity}] {about}");
        title.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).take(TITLE).collect()
    }

    /// What happened, one line each.
    pub fn text(&self) -> String {
        let mut text = self.title();
        for sampled in self.sample.as_slice() {
            let _ = write!(text, "\n- {}: {}", sampled.subject, sampled.text);
        }
        let shown = self.sample.as_slice().len() as u64;
        if shown > 1 && self.count > shown {
            let _ = write!(text, "\n- and {} more", self.count - shown);
        }
        if self.resolved {
            text.push_str("\nThis is over.");
        }
        text
    }
}
