//! Recovery: what a certificate still gets after its end, and when that is over.

use super::{Rotation, State, Timing};
use crate::{
    certificate::{Certificate, CertificateStatus, Validity},
    time::Timestamp,
};

impl Timing {
    /// Whether a certificate has ended and its recovery with it: no broker lets it in any more,
    /// and a rotation of it would wait for nobody.
    pub fn has_lapsed(&self, validity: Validity, now: Timestamp) -> bool {
        now > validity.not_after + self.recovery_for
    }
}

/// Whether a device that is back with `certificate`, which has expired, gets a rotation of it now.
///
/// `latest` is the thing's open rotation, or else its latest. A device that comes and goes, and
/// whose rotations fail, gets one in [`Timing::max_backoff_for`]; the daily audit opens others.
pub fn may_recover(
    certificate: &Certificate,
    latest: Option<(&Rotation, &State)>,
    timing: &Timing,
    now: Timestamp,
) -> bool {
    let Certificate { certificate_id, status, validity, .. } = certificate;
    let recovers = *status == CertificateStatus::Active
        && now > validity.not_after
        && !timing.has_lapsed(*validity, now);
    let in_hand = latest.is_some_and(|(rotation, state)| {
        let recent = now.since(rotation.opened_at) < timing.max_backoff_for;
        state.is_open() || (rotation.outgoing == *certificate_id && recent)
    });
    recovers && !in_hand
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{CertificateId, RotationId, ThingName},
        rotation::{Cause, Failed, Failure, Opening, open},
        time::days,
    };

    const ENDS_AT: Timestamp = Timestamp::from_secs(1_000_000);

    fn timing() -> Timing {
        Timing { recovery_for: days(5), ..Timing::default() }
    }

    fn certificate(number: u8) -> Certificate {
        Certificate {
            certificate_id: CertificateId::from_bytes([number; 32]),
            status: CertificateStatus::Active,
            validity: Validity { not_before: Timestamp::EPOCH, not_after: ENDS_AT },
            created_at: Timestamp::EPOCH,
        }
    }

    fn opened(number: u8, now: Timestamp) -> (Rotation, State) {
        let opening = Opening {
            id: RotationId::from_bytes([7; 16]),
            thing: ThingName::new("pump-1").unwrap(),
            outgoing: certificate(number),
            cause: Cause::Recovery,
            rekey: true,
            draw: 0,
        };
        open(opening, &timing(), now)
    }

    #[test]
    fn only_an_active_certificate_recovers_and_only_within_its_span() {
        let instant = std::time::Duration::from_millis(1);
        let at = |now| may_recover(&certificate(1), None, &timing(), now);
        let inactive = Certificate { status: CertificateStatus::Inactive, ..certificate(1) };

        let answers = [at(ENDS_AT), at(ENDS_AT + instant), at(ENDS_AT + days(5))];

        assert_eq!(answers, [false, true, true]);
        assert!(!at(ENDS_AT + days(5) + instant));
        assert!(!may_recover(&inactive, None, &timing(), ENDS_AT + instant));
    }

    #[test]
    fn one_rotation_at_a_time_and_one_an_hour_for_a_certificate() {
        let begun = ENDS_AT + days(1);
        let (rotation, open) = opened(1, begun);
        let ended = State::Failed(Failed {
            reason: Failure::NoAnswer,
            incoming: None,
            rolled_back: false,
            followed_by: None,
            ended_at: begun,
        });
        let hour = timing().max_backoff_for;
        let at = |state, now| {
            may_recover(&certificate(1), Some((&rotation, state)), &timing(), begun + now)
        };

        let (while_open, soon, later) = (at(&open, hour), at(&ended, hour / 2), at(&ended, hour));

        assert_eq!((while_open, soon, later), (false, false, true));
        let other = opened(2, begun).0;
        assert!(may_recover(&certificate(1), Some((&other, &ended)), &timing(), begun));
    }
}
