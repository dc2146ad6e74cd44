//! Opening: what stays fixed for a rotation's whole life, the jitter among it.

use serde::{Deserialize, Serialize};

use super::{AwaitingCsr, Resolution, State, Timing};
use crate::{
    certificate::Certificate,
    ids::{AuditTaskId, CertificateId, ClientId, RotationId, ThingName},
    time::Timestamp,
};

/// What a rotation is about; decided at opening and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// Its id.
    pub id: RotationId,
    /// The thing whose certificate is rotated.
    pub thing: ThingName,
    /// The client id under which its device speaks.
    pub client_id: ClientId,
    /// The certificate to replace.
    pub outgoing: CertificateId,
    /// When the outgoing certificate ends.
    pub outgoing_not_after: Timestamp,
    /// Why it was opened.
    pub cause: Cause,
    /// Whether the device must make a key of its own for it.
    pub rekey: bool,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the device is asked first: `opened_at` plus the jitter, drawn once.
    pub begins_at: Timestamp,
    /// When it ends for want of an answer.
    pub gives_up_at: Timestamp,
}

/// Why a rotation was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "cause")]
pub enum Cause {
    /// A finding of an audit.
    Finding {
        /// The audit task that found it.
        task: AuditTaskId,
    },
    /// Somebody asked for it.
    Operator,
    /// The device came back with its certificate expired, within its recovery.
    Recovery,
    /// The one before failed, and there is something to be done otherwise.
    Resolution(Resolution),
}

/// What is known when a rotation is to be opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The id drawn for it.
    pub id: RotationId,
    /// The thing.
    pub thing: ThingName,
    /// The certificate to replace.
    pub outgoing: Certificate,
    /// Why.
    pub cause: Cause,
    /// Whether a new key is wanted.
    pub rekey: bool,
    /// A random draw; its share of `u32::MAX` is the share of the spread to wait.
    pub draw: u32,
}

/// Opens a rotation.
///
/// The spread shrinks so that no rotation begins later than half-way to the outgoing
/// certificate's end; that of one which has expired begins at once.
pub fn open(opening: Opening, timing: &Timing, now: Timestamp) -> (Rotation, State) {
    let left_for = opening.outgoing.validity.not_after.since(now);
    let spread_for = timing.spread_for.min(left_for / 2);
    let begins_at = now + spread_for.mul_f64(f64::from(opening.draw) / f64::from(u32::MAX));
    let rotation = Rotation {
        id: opening.id,
        client_id: ClientId::from(&opening.thing),
        thing: opening.thing,
        outgoing: opening.outgoing.certificate_id,
        outgoing_not_after: opening.outgoing.validity.not_after,
        cause: opening.cause,
        rekey: opening.rekey,
        opened_at: now,
        begins_at,
        gives_up_at: begins_at + timing.hold_for,
    };
    (rotation, State::AwaitingCsr(AwaitingCsr::until(begins_at)))
}
