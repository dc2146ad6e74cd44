//! Automated resolution: what follows upon a rotation that its device gave up, and how otherwise.
//!
//! One rotation has one certificate, so a remedy is another rotation: opened in the commit that
//! ends the one before, numbered, and bounded. When there is no remedy left, people are told.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{AwaitingCsr, Cause, Failure, Rotation, State, step::Context};
use crate::{ids::RotationId, message::ErrorCode, time::Timestamp};

/// Which rotation another one follows upon, and what it does otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    /// The rotation that failed.
    pub of: RotationId,
    /// Its number among those that follow upon each other, from 1.
    pub attempt: u32,
    /// What it does otherwise.
    pub remedy: Remedy,
}

/// What a rotation does otherwise than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", tag = "kind")]
pub enum Remedy {
    /// Delivers the chain up to and including the anchors.
    WholeChain,
    /// Issues a certificate that begins as much earlier as the device's clock is behind.
    FitClock {
        /// How far it is behind.
        behind_for: Duration,
    },
    /// Asks for another key.
    AnotherKey,
    /// Attaches thing and policies anew, after a pause.
    AttachAnew,
    /// Asks again, after a pause.
    TryLater,
}

impl Remedy {
    /// Its name, for lists and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WholeChain => "whole_chain",
            Self::FitClock { .. } => "fit_clock",
            Self::AnotherKey => "another_key",
            Self::AttachAnew => "attach_anew",
            Self::TryLater => "try_later",
        }
    }
}

/// How far a device's clock is ahead of the server's, in milliseconds; negative when it is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClockSkew(i64);

impl ClockSkew {
    /// The skew of a clock that shows `device_time`.
    pub const fn of(device_time: Timestamp, now: Timestamp) -> Self {
        Self(device_time.as_millis().saturating_sub(now.as_millis()))
    }

    /// Whether it is a minute or more: less is how long messages take, and worth no words.
    pub const fn is_noticeable(self) -> bool {
        self.0.unsigned_abs() >= 60_000
    }

    /// How far it is behind; nothing when it is not.
    pub fn behind_for(self) -> Duration {
        Duration::from_millis(self.0.min(0).unsigned_abs())
    }
}

impl fmt::Display for ClockSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.0 < 0 { "behind" } else { "ahead" };
        write!(f, "{} s {way}", self.0.unsigned_abs() / 1_000)
    }
}

/// A rotation that follows upon another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// What is fixed.
    pub rotation: Rotation,
    /// Where it starts.
    pub state: State,
}

impl Rotation {
    /// Which rotation it follows upon, if it does.
    pub const fn resolution(&self) -> Option<&Resolution> {
        match &self.cause {
            Cause::Resolution(resolution) => Some(resolution),
            Cause::Finding { .. } | Cause::Operator | Cause::Recovery => None,
        }
    }

    /// Whether it follows upon another.
    pub(super) const fn is_successor(&self) -> bool {
        self.resolution().is_some()
    }

    /// What it does otherwise than the one before, if it follows upon one.
    pub fn remedy(&self) -> Option<Remedy> {
        self.resolution().map(|resolution| resolution.remedy)
    }

    /// Whether it pauses: what it follows upon failed only just.
    pub(super) fn is_pausing(&self, now: Timestamp) -> bool {
        self.is_successor() && now < self.begins_at
    }
}

/// The table: what helps against an error, given the remedy that was tried last. `None` where only
/// people can help.
///
/// A remedy that does the same again is taken once; a clock is followed as far as it falls behind;
/// what may mend itself is tried for as long as there are attempts.
pub fn remedy(
    code: ErrorCode,
    skew: Option<ClockSkew>,
    tried: Option<Remedy>,
    max_behind_for: Duration,
) -> Option<Remedy> {
    match code {
        ErrorCode::Malformed | ErrorCode::UntrustedChain => once(Remedy::WholeChain, tried),
        ErrorCode::KeyMismatch | ErrorCode::NoCandidate => once(Remedy::AnotherKey, tried),
        ErrorCode::NotYetValid => fitting(skew, tried, max_behind_for),
        ErrorCode::CandidateRefused => Some(Remedy::AttachAnew),
        ErrorCode::KeyFailed
        | ErrorCode::StorageFailed
        | ErrorCode::CandidateUnreachable
        | ErrorCode::Unknown => Some(Remedy::TryLater),
        // A name is the registry's or the device's to mend; a certificate that has ended by a
        // clock that runs ahead would have ended by it whenever it began.
        ErrorCode::WrongName | ErrorCode::Expired => None,
    }
}

fn once(remedy: Remedy, tried: Option<Remedy>) -> Option<Remedy> {
    (tried != Some(remedy)).then_some(remedy)
}

/// A beginning that fits the clock, if it is not too far behind for anything it could trust. A
/// device that does not say what its clock shows gets the earliest.
fn fitting(
    skew: Option<ClockSkew>,
    tried: Option<Remedy>,
    max_behind_for: Duration,
) -> Option<Remedy> {
    let behind_for = skew.map_or(max_behind_for, ClockSkew::behind_for);
    let before = match tried {
        Some(Remedy::FitClock { behind_for }) => behind_for,
        Some(Remedy::WholeChain | Remedy::AnotherKey | Remedy::AttachAnew | Remedy::TryLater)
        | None => Duration::ZERO,
    };
    let helps = behind_for > before && behind_for <= max_behind_for;
    helps.then_some(Remedy::FitClock { behind_for })
}

/// The rotation that follows upon `context`'s, which failed for this reason; `None` when people
/// have to see to it.
pub(super) fn successor(reason: &Failure, context: &Context<'_>) -> Option<Successor> {
    let Failure::DeviceRefused { code, skew, .. } = reason else { return None };
    let Context { rotation, timing, now } = *context;
    let attempt = rotation.resolution().map_or(0, |before| before.attempt) + 1;
    if attempt > timing.max_attempts {
        return None;
    }
    let remedy = remedy(*code, *skew, rotation.remedy(), timing.max_behind_for)?;
    let begins_at = now + pause(remedy, attempt, context);
    if begins_at >= context.outgoing_unusable_at() {
        return None;
    }
    let rotation = Rotation {
        id: rotation.id.following(),
        cause: Cause::Resolution(Resolution { of: rotation.id, attempt, remedy }),
        rekey: rotation.rekey || remedy == Remedy::AnotherKey,
        opened_at: now,
        begins_at,
        gives_up_at: begins_at + timing.hold_for,
        ..rotation.clone()
    };
    let state = AwaitingCsr::until(begins_at);
    Some(Successor { rotation, state: state.into() })
}

/// What mends itself needs time, the more the longer it did not; what the server does otherwise
/// needs none.
fn pause(remedy: Remedy, attempt: u32, context: &Context<'_>) -> Duration {
    match remedy {
        Remedy::WholeChain | Remedy::FitClock { .. } | Remedy::AnotherKey => Duration::ZERO,
        Remedy::AttachAnew | Remedy::TryLater => context.timing.retry_after(attempt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::Failure;

    #[test]
    fn a_failure_names_the_protocols_code_and_only_a_clock_that_is_off() {
        let now = Timestamp::from_secs(7_200);
        let told = |device_time| {
            let skew = Some(ClockSkew::of(device_time, now));
            let (code, text) = (ErrorCode::NotYetValid, "too early".to_owned());
            Failure::DeviceRefused { code, text, skew }.to_string()
        };

        let in_time = told(now + Duration::from_secs(1));
        let behind = told(now - Duration::from_secs(3_600));

        assert_eq!(in_time, "the device gave up: too early (not_yet_valid)");
        let said = [ErrorCode::Unknown, ErrorCode::WrongName, ErrorCode::CandidateUnreachable];
        for code in said {
            assert_eq!(serde_json::json!(code), code.as_str());
        }
        assert_eq!(
            behind,
            "the device, whose clock is 3600 s behind, gave up: too early (not_yet_valid)"
        );
    }

    #[test]
    fn a_clock_is_behind_or_ahead() {
        let (now, hour) = (Timestamp::from_secs(7_200), Duration::from_secs(3_600));

        let behind = ClockSkew::of(now - hour, now);
        let ahead = ClockSkew::of(now + hour, now);

        assert_eq!((behind.behind_for(), ahead.behind_for()), (hour, Duration::ZERO));
        assert_eq!(
            (behind.to_string(), ahead.to_string()),
            ("3600 s behind".into(), "3600 s ahead".into())
        );
        assert_eq!(
            ClockSkew::of(Timestamp::from_millis(i64::MIN), now).behind_for().as_millis(),
            1 << 63
        );
    }

    #[test]
    fn a_clock_is_followed_only_as_far_as_it_falls_behind() {
        let hours = |n: u64| Duration::from_secs(3_600 * n);
        let now = Timestamp::from_secs(1_000_000);
        let skew = |n: u64| Some(ClockSkew::of(now - hours(n), now));
        let fitted = |n: u64| Some(Remedy::FitClock { behind_for: hours(n) });
        for (reported, tried, expected) in [
            (skew(2), None, fitted(2)),
            (skew(2), Some(Remedy::TryLater), fitted(2)),
            (skew(3), fitted(2), fitted(3)),
            (skew(2), fitted(2), None),
            (skew(1), fitted(2), None),
            (skew(24), None, fitted(24)),
            (skew(25), None, None),
            (skew(0), None, None),
            (Some(ClockSkew::of(now + hours(1), now)), None, None),
            (None, None, fitted(24)),
            (None, fitted(24), None),
        ] {
            let found = remedy(ErrorCode::NotYetValid, reported, tried, hours(24));
            assert_eq!(found, expected, "{reported:?} after {tried:?}");
        }
    }
}
