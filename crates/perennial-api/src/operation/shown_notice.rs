//! Notices and what was sent of them as the API shows them.

use perennial_core::{
    ids::NoticeId,
    notice::{Closing, Kind, Notice, Occasion, Recipient, Severity, State},
};
use perennial_store::{DeliveryId, DeliveryStatus, ShownDelivery, StoredNotice};
use serde::Serialize;

use crate::wire::Seconds;

/// A notice.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    notice_id: NoticeId,
    kind: Kind,
    fold_key: String,
    state: &'static str,
    severity: Severity,
    count: u64,
    sample: Vec<Sampled>,
    opened_at: Seconds,
    last_at: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    told_at: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    escalated_at: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_as: Option<Closing>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sampled {
    subject: String,
    text: String,
    at: Seconds,
}

impl From<Notice> for Shown {
    fn from(it: Notice) -> Self {
        let closed = match it.state {
            State::Closed { why, at } => Some((why, at)),
            State::Held | State::AwaitingAck | State::Escalated | State::Acknowledged => None,
        };
        let sample = it.sample.as_slice().iter().map(|one| Sampled {
            subject: one.subject.clone(),
            text: one.text.clone(),
            at: Seconds(one.at),
        });
        Self {
            notice_id: it.id,
            kind: it.kind,
            fold_key: it.key.to_string(),
            state: it.state.name(),
            severity: it.severity,
            count: it.count,
            sample: sample.collect(),
            opened_at: Seconds(it.opened_at),
            last_at: Seconds(it.last_at),
            ends_at: it.ends_at.map(Seconds),
            told_at: it.told.map(|told| Seconds(told.first_at)),
            escalated_at: it.told.and_then(|told| told.escalated_at).map(Seconds),
            acknowledged_at: it.acknowledged.as_ref().map(|it| Seconds(it.at)),
            acknowledged_by: it.acknowledged.map(|it| it.by),
            closed_at: closed.map(|(_, at)| Seconds(at)),
            closed_as: closed.map(|(why, _)| why),
        }
    }
}

/// A notice, with what was sent of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WithDeliveries {
    #[serde(flatten)]
    notice: Shown,
    deliveries: Vec<Sent>,
}

/// What became of one message to one target.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    delivery_id: DeliveryId,
    target: String,
    recipient: Recipient,
    occasion: Occasion,
    status: &'static str,
    tries: u32,
    /// When it is tried next, got through, or was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl From<StoredNotice> for WithDeliveries {
    fn from(StoredNotice { notice, deliveries }: StoredNotice) -> Self {
        Self { notice: notice.into(), deliveries: deliveries.into_iter().map(Sent::from).collect() }
    }
}

impl From<ShownDelivery> for Sent {
    fn from(it: ShownDelivery) -> Self {
        let sent = Self {
            delivery_id: it.id,
            target: it.target,
            recipient: it.recipient,
            occasion: it.occasion,
            status: "",
            tries: it.tries,
            due_at: None,
            ended_at: None,
            message_id: None,
            taken_by: None,
            failure: None,
        };
        match it.status {
            DeliveryStatus::Pending { due_at, failure } => {
                Self { status: "pending", due_at: Some(Seconds(due_at)), failure, ..sent }
            }
            DeliveryStatus::Delivered { at, proof } => Self {
                status: "delivered",
                ended_at: Some(Seconds(at)),
                message_id: Some(proof.message_id),
                taken_by: Some(proof.taken_by),
                ..sent
            },
            DeliveryStatus::GivenUp { at, failure } => Self {
                status: "given_up",
                ended_at: Some(Seconds(at)),
                failure: Some(failure),
                ..sent
            },
        }
    }
}
