//! What must hold of notices whatever happens, and whenever.

use std::time::Duration;

use perennial_core::{
    notice::*,
    time::{Timestamp, days},
};
use proptest::prelude::*;

use super::world::*;

/// What happens, and how long after what happened before.
#[derive(Debug, Clone)]
struct Move {
    after: Duration,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Failed { days_left: u64 },
    LeftActive,
    Resolved,
    Acknowledged,
    Unreached(Recipient),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let what = prop_oneof![
        6 => (0u64..40).prop_map(|days_left| What::Failed { days_left }),
        1 => Just(What::LeftActive),
        1 => Just(What::Resolved),
        1 => Just(What::Acknowledged),
        1 => Just(What::Unreached(Recipient::First)),
        1 => Just(What::Unreached(Recipient::Second)),
    ];
    let after = prop_oneof![3 => 0u64..900, 2 => 0u64..40_000, 1 => 0u64..1_000_000];
    let step = (after, what);
    let step = step.prop_map(|(secs, what)| Move { after: Duration::from_secs(secs), what });
    prop::collection::vec(step, 1..60)
}

fn rules_of_any_kind() -> impl Strategy<Value = Rules> {
    let quiet = prop::option::of((0u16..1_440, 1u16..=960, -720i16..=720));
    let spans = (60u64..7_200, 60u64..100_000, prop::option::of(60u64..20_000), 60u64..100_000);
    (quiet, spans).prop_map(|(quiet, (update, longest, escalate, close))| {
        let quiet = quiet.map(|(from, length, offset)| {
            let zone = Zone::new(offset, Vec::new()).unwrap();
            QuietHours::new(from, (from + length) % 1_440, zone).unwrap()
        });
        let rules = Rules {
            update_for: Duration::from_secs(update),
            max_update_for: Duration::from_secs(longest),
            escalate_for: escalate.map(Duration::from_secs),
            close_for: Duration::from_secs(close),
            quiet,
            ..Rules::default()
        };
        rules.checked().unwrap()
    })
}

/// Everything that goes on, with what must hold after each step.
#[derive(Debug)]
struct Run {
    line: Line,
    now: Timestamp,
    happened: u64,
    /// Counts of the notices that are closed.
    closed: u64,
}

impl Run {
    fn input(&mut self, what: &What, number: u128) -> Input {
        match what {
            What::Failed { days_left } => {
                self.happened += 1;
                happened(failed(number, self.now + days(*days_left)))
            }
            What::LeftActive => {
                self.happened += 1;
                happened(left_active(number))
            }
            What::Resolved => Input::Resolved,
            What::Acknowledged => acknowledged(),
            What::Unreached(to) => Input::DeliveryFailed { to: *to },
        }
    }

    fn step(&mut self, input: Input) -> Result<(), TestCaseError> {
        let before = self.line.notice.clone();
        let told = self.line.told.len();
        let note = self.line.step(input, self.now);
        let Some(after) = self.line.notice.clone() else { return Ok(()) };
        if before.as_ref().is_some_and(|before| !before.is_open() && before.id != after.id) {
            self.closed += before.as_ref().map_or(0, |it| it.count);
        }
        self.check_silence(&after, told)?;
        if note == Note::Counted {
            self.check_urgent(&after)?;
        }
        self.check_bounds(&after)
    }

    /// Nobody is told while it is quiet, but of what cannot wait.
    fn check_silence(&self, after: &Notice, told: usize) -> Result<(), TestCaseError> {
        let quiet = self.line.rules.quiet.as_ref().is_some_and(|it| it.is_quiet(self.now));
        let waits = after.severity_at(&self.line.rules, self.now) < Severity::Critical;
        prop_assert!(!(quiet && waits) || self.line.told.len() == told, "told at night");
        Ok(())
    }

    /// What is critical, or about a certificate's last three days, was told as that.
    fn check_urgent(&self, after: &Notice) -> Result<(), TestCaseError> {
        let severity = after.severity_at(&self.line.rules, self.now);
        if severity == Severity::Critical && after.is_open() {
            prop_assert_eq!(after.told.map(|it| it.severity), Some(Severity::Critical));
        }
        Ok(())
    }

    fn check_bounds(&self, after: &Notice) -> Result<(), TestCaseError> {
        prop_assert!(after.sample.as_slice().len() <= Sample::MOST);
        prop_assert!(serde_json::to_string(after).unwrap().len() < 8_000);
        let mine: Vec<_> = self.line.told.iter().filter(|it| it.1 == after.id).collect();
        let count = |wanted| mine.iter().filter(|(.., occasion)| *occasion == wanted).count();
        prop_assert!(count(Occasion::Opening) <= 1);
        prop_assert_eq!(count(Occasion::Opening) == 1, after.told.is_some());
        prop_assert!(count(Occasion::Escalation) <= 1);
        let escalated = after.told.is_some_and(|it| it.escalated_at.is_some());
        prop_assert_eq!(count(Occasion::Escalation) == 1, escalated);
        if let State::Closed { why, .. } = after.state {
            prop_assert!(after.told.is_some_and(|it| it.count == after.count), "lost: {after:?}");
            let left = self.line.rules.escalate_for.is_some() && why != Closing::Resolved;
            let seen = after.acknowledged.is_some() || after.severity == Severity::Info;
            prop_assert!(!left || seen || escalated, "nobody else was told: {after:?}");
        }
        Ok(())
    }

    /// Lets deadlines come, each as soon as it is due, until `until`.
    fn pass_until(&mut self, until: Timestamp) -> Result<(), TestCaseError> {
        while let Some(due) = self.line.due_at(self.now).filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.step(Input::DeadlinePassed)?;
            let again = self.line.due_at(self.now);
            prop_assert!(again.is_none_or(|at| at > self.now), "no progress: {:?}", self.line);
        }
        self.now = until;
        Ok(())
    }
}

/// The longest that a notice is open once nothing happens any more.
fn longest(rules: &Rules) -> Duration {
    let quiet = days(1);
    let escalation = rules.escalate_for.unwrap_or_default();
    rules.max_open_for.max(rules.close_for) + 2 * escalation + 3 * quiet
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_lost_nothing_is_silenced_and_everything_is_closed(
        moves in moves(),
        rules in rules_of_any_kind(),
    ) {
        let line = Line::new(rules);
        let mut run = Run { line, now: NOON, happened: 0, closed: 0 };

        for (number, it) in (0..).zip(&moves) {
            run.pass_until(run.now + it.after)?;
            let input = run.input(&it.what, number);
            run.step(input)?;
        }
        run.pass_until(run.now + longest(&run.line.rules))?;

        let last = run.line.notice.as_ref();
        prop_assert!(last.is_none_or(|it| !it.is_open()), "still open: {last:?}");
        prop_assert_eq!(run.closed + last.map_or(0, |it| it.count), run.happened);
    }

    #[test]
    fn deadlines_that_come_late_change_only_when_people_are_told(
        moves in moves(),
        rules in rules_of_any_kind(),
        late in 1u64..200_000,
    ) {
        let line = Line::new(rules);
        let mut run = Run { line, now: NOON, happened: 0, closed: 0 };

        for (number, it) in (0..).zip(&moves) {
            run.now = run.now + it.after + Duration::from_secs(late);
            run.step(Input::DeadlinePassed)?;
            let input = run.input(&it.what, number);
            run.step(input)?;
        }
        run.pass_until(run.now + longest(&run.line.rules))?;

        let last = run.line.notice.as_ref();
        prop_assert!(last.is_none_or(|it| !it.is_open()), "still open: {last:?}");
        prop_assert_eq!(run.closed + last.map_or(0, |it| it.count), run.happened);
    }
}
