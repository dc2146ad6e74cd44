//! Every state of a notice against every input, as one reviewed table.

use std::fmt::Write as _;

use perennial_core::{
    notice::*,
    time::{Timestamp, days},
};

use super::world::*;

const TEN_MINUTES: u64 = 10;

/// Each state, and those of its data that guards look at.
fn states() -> Vec<(&'static str, Option<Notice>)> {
    let line = |inputs: Vec<(Input, Timestamp)>| {
        let mut line = Line::new(rules());
        for (input, at) in inputs {
            line.step(input, at);
        }
        line.notice
    };
    let night = NOON - 13 * HOUR;
    let first = || happened(failed(1, far()));
    let more = || (happened(failed(2, far())), NOON + MINUTE);
    let unreached = || Input::DeliveryFailed { to: Recipient::First };
    let escalated = || vec![(first(), NOON), (unreached(), NOON + MINUTE)];
    vec![
        ("none", None),
        ("Held", line(vec![(first(), night)])),
        ("Held, acknowledged", line(vec![(first(), night), (acknowledged(), night)])),
        ("Held, resolved", line(vec![(first(), night), (Input::Resolved, night)])),
        ("AwaitingAck", line(vec![(first(), NOON)])),
        ("AwaitingAck, with news", line(vec![(first(), NOON), more()])),
        ("Escalated", line(escalated())),
        ("Escalated, with news", line([escalated(), vec![more()]].concat())),
        ("Acknowledged", line(vec![(first(), NOON), (acknowledged(), NOON)])),
        ("Acknowledged, with news", line(vec![(first(), NOON), (acknowledged(), NOON), more()])),
        ("Closed", line(vec![(first(), NOON), (Input::Resolved, NOON)])),
    ]
}

fn inputs() -> Vec<(&'static str, Input, Timestamp)> {
    let soon = NOON + u32::try_from(TEN_MINUTES).unwrap() * MINUTE;
    let tonight = NOON + 11 * HOUR;
    vec![
        ("another", happened(failed(3, far())), soon),
        ("another, at night", happened(failed(3, far())), tonight),
        ("another with two days left", happened(failed(3, NOON + days(2))), soon),
        ("another with two days left, at night", happened(failed(3, NOON + days(2))), tonight),
        ("a critical one, at night", happened(left_active(3)), tonight),
        ("resolved", Input::Resolved, soon),
        ("resolved, at night", Input::Resolved, tonight),
        ("acknowledged", acknowledged(), soon),
        ("acknowledged, at night", acknowledged(), tonight),
        ("first not reached", Input::DeliveryFailed { to: Recipient::First }, soon),
        ("first not reached, at night", Input::DeliveryFailed { to: Recipient::First }, tonight),
        ("second not reached", Input::DeliveryFailed { to: Recipient::Second }, soon),
        ("deadline, too early", Input::DeadlinePassed, NOON + MINUTE),
        ("deadline, after 15 minutes", Input::DeadlinePassed, NOON + 15 * MINUTE),
        ("deadline, after an hour", Input::DeadlinePassed, NOON + HOUR),
        ("deadline, at night", Input::DeadlinePassed, tonight),
        ("deadline, in the morning", Input::DeadlinePassed, NOON + 19 * HOUR),
    ]
}

fn cell(before: Option<&Notice>, step: &Step) -> String {
    let next = match (before, &step.notice) {
        (_, None) => "·".to_owned(),
        (Some(before), Some(after)) if before.state == after.state => "·".to_owned(),
        (_, Some(after)) => match after.state {
            State::Closed { why, .. } => format!("closed: {why:?}"),
            State::Held | State::AwaitingAck | State::Escalated | State::Acknowledged => {
                after.state.name().to_owned()
            }
        },
    };
    let commands: Vec<_> = step
        .commands
        .iter()
        .map(|Command::Tell { to, occasion }| format!("{} {}", occasion.name(), to.name()))
        .collect();
    let note = match step.note {
        Note::Counted => String::new(),
        Note::Ignored(why) => format!("ignored: {why:?}"),
    };
    format!("{next} | {} | {note}", commands.join(", "))
}

#[test]
fn every_state_meets_every_input_as_reviewed() {
    let rules = rules();
    let mut table = String::new();

    for (name, notice) in states() {
        writeln!(table, "\n{name}").unwrap();
        for (input_name, input, now) in inputs() {
            let step = step(notice.clone(), input, &rules, id(99), now);
            let cell = cell(notice.as_ref(), &step);
            writeln!(table, "  {input_name:<38} {}", cell.trim_end()).unwrap();
        }
    }

    insta::assert_snapshot!(table);
}
