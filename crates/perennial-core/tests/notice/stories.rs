//! Storms, nights and people who do not answer.

use perennial_core::{
    notice::*,
    time::{Timestamp, days},
};

use super::world::*;

fn alone() -> Rules {
    Rules { escalate_for: None, quiet: None, ..rules() }
}

#[test]
fn a_storm_of_a_hundred_thousand_is_one_notice_with_its_count_and_a_sample() {
    let mut line = Line::new(alone());

    for number in 0..100_000 {
        line.step(happened(failed(number, far())), NOON);
    }
    line.pass_until(NOON, NOON + days(30));

    let notice = line.notice.clone().unwrap();
    assert_eq!(notice.count, 100_000);
    assert_eq!(notice.sample.as_slice().len(), Sample::MOST);
    assert_eq!(notice.sample.as_slice()[0].subject, "pump-0");
    assert_eq!(notice.sample.as_slice()[9].subject, "pump-99999");
    let expected =
        [(0, Recipient::First, Occasion::Opening), (15, Recipient::First, Occasion::Update)];
    assert_eq!(line.told(), expected);
    assert!(matches!(notice.state, State::Closed { why: Closing::Silence, .. }));
}

#[test]
fn what_goes_on_is_told_at_growing_spans_and_then_closed() {
    let mut line = Line::new(alone());

    for minute in 0..8 * 24 * 60 {
        let now = NOON + minute * MINUTE;
        line.pass_until(now, now);
        line.step(happened(failed(u128::from(minute), far())), now);
    }

    let told = line.told();
    let first: Vec<u64> = told.iter().take(9).map(|(minute, ..)| *minute).collect();
    assert_eq!(first, [0, 15, 45, 105, 225, 465, 945, 1_905, 3_345]);
    let closing = told.iter().position(|it| it.2 == Occasion::Closing).unwrap();
    assert_eq!(told[closing], (7 * 24 * 60, Recipient::First, Occasion::Closing));
    assert_eq!(told[closing + 1].2, Occasion::Opening);
}

#[test]
fn what_nobody_acknowledges_is_escalated_once() {
    let mut line = Line::new(rules());

    line.step(happened(failed(1, far())), NOON);
    line.pass_until(NOON, NOON + days(2));

    let expected =
        [(0, Recipient::First, Occasion::Opening), (60, Recipient::Second, Occasion::Escalation)];
    assert_eq!(line.told(), expected);
}

#[test]
fn what_somebody_acknowledges_is_not_escalated() {
    let mut line = Line::new(rules());

    line.step(happened(failed(1, far())), NOON);
    line.step(acknowledged(), NOON + 59 * MINUTE);
    line.pass_until(NOON + 59 * MINUTE, NOON + days(2));

    assert_eq!(line.told(), [(0, Recipient::First, Occasion::Opening)]);
    let by = line.notice.unwrap().acknowledged.unwrap().by;
    assert_eq!(by, "ada");
}

#[test]
fn a_night_delays_and_loses_nothing() {
    let mut line = Line::new(rules());
    let night = NOON + 11 * HOUR;

    for number in 0..3 {
        line.step(happened(failed(number, far())), night);
    }
    line.pass_until(night, NOON + days(1));

    let (first, ..) = line.told()[0];
    assert_eq!((first, line.told()[0].2), (19 * 60, Occasion::Opening));
    assert_eq!(line.notice.unwrap().told.unwrap().count, 3);
}

#[test]
fn a_server_that_was_down_in_the_morning_does_not_make_up_for_it_at_night() {
    let mut line = Line::new(rules());
    line.step(happened(failed(1, far())), NOON + 11 * HOUR);
    let next_night = NOON + 36 * HOUR;

    let note = line.step(Input::DeadlinePassed, next_night);

    assert_eq!(note, Note::Ignored(Ignored::NotDue));
    assert_eq!(line.told(), []);
    assert_eq!(line.due_at(next_night), Some(NOON + 43 * HOUR));
}

#[test]
fn the_last_three_days_begin_at_night_and_are_told_at_once() {
    let mut line = Line::new(rules());
    let night = NOON + 11 * HOUR;

    line.step(happened(failed(1, night + days(3) + HOUR)), night);
    line.pass_until(night, night + 2 * HOUR);

    let expected = [
        (12 * 60, Recipient::First, Occasion::Opening),
        (13 * 60, Recipient::Second, Occasion::Escalation),
    ];
    assert_eq!(line.told(), expected);
    assert_eq!(line.notice.unwrap().told.unwrap().severity, Severity::Critical);
}

#[test]
fn people_who_cannot_be_reached_are_stood_in_for_at_once() {
    let mut line = Line::new(rules());
    line.step(happened(failed(1, far())), NOON);

    line.step(Input::DeliveryFailed { to: Recipient::First }, NOON + MINUTE);
    line.pass_until(NOON + MINUTE, NOON + 5 * HOUR);

    let expected =
        [(0, Recipient::First, Occasion::Opening), (1, Recipient::Second, Occasion::Escalation)];
    assert_eq!(line.told(), expected);
}

#[test]
fn a_message_has_a_title_for_a_subject_line_and_says_how_many_more_there_are() {
    let mut line = Line::new(alone());
    for number in 0..100 {
        line.step(happened(failed(number, far())), NOON);
    }
    let notice = line.notice.unwrap();

    let message = Message::of(&notice, Recipient::First, Occasion::Update, &line.rules, NOON);

    assert_eq!(message.title(), "Update: [warning] rotation rolled back, 100 times");
    assert!(message.text().ends_with("\n- and 90 more"), "{}", message.text());
    assert!(message.text().contains("- pump-0: the device never proved"), "{}", message.text());
    let json = serde_json::to_value(&message).unwrap();
    assert_eq!(json["kind"], "rotation_rolled_back");
    assert_eq!(serde_json::from_value::<Message>(json).unwrap(), message);
}

#[test]
fn a_notice_is_read_back_as_it_was_written() {
    let mut line = Line::new(rules());
    line.step(happened(failed(1, far())), NOON);
    line.step(acknowledged(), NOON + MINUTE);
    let notice = line.notice.unwrap();

    let json = serde_json::to_string(&notice).unwrap();

    assert_eq!(serde_json::from_str::<Notice>(&json).unwrap(), notice);
    let fact = failed(1, Timestamp::MAX);
    let json = serde_json::to_string(&fact).unwrap();
    assert_eq!(serde_json::from_str::<Fact>(&json).unwrap(), fact);
}
