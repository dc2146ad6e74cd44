//! Notices: taken in once, folded, delivered, acknowledged, and remembered where people look.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::time::Duration;

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{ClientId, NoticeId, RotationId},
    notice::{Days, Fact, Kind, Notice, Occasion, Recipient, Redelivery, Rules, State},
    rotation::{AwaitingCsr, Cause, Failure, Note, Opening, Rotation, Timing, open},
    time::{Timestamp, days},
};
use perennial_orchestrator::port::{Commit, HistoryEntry, Journal as _, NewRotation, StepRecord};
use perennial_store::{
    ConnectionChange, DeliveryOutcome, DeliveryStatus, NoticeFilter, NoticeSettings, Order, Proof,
    Settings, Store, StoreError,
};

use common::{NOW, certificate_id, register, thing};

const HOUR: Duration = Duration::from_secs(3_600);

fn settings() -> Settings {
    let rules = Rules { escalate_for: Some(HOUR), ..Rules::default() };
    let redelivery = Redelivery { max_tries: 2, ..Redelivery::default() };
    let notices = NoticeSettings {
        rules,
        redelivery,
        first: vec!["log".to_owned(), "pager".to_owned()],
        second: vec!["boss".to_owned()],
        ..NoticeSettings::default()
    };
    Settings { notices, ..Settings::default() }
}

fn opened(folder: &std::path::Path) -> Store {
    Store::open(folder, settings()).unwrap()
}

fn rotation_id(number: u32) -> RotationId {
    RotationId::from_bytes(u128::from(number).to_be_bytes())
}

fn failed(number: u32) -> Fact {
    Fact::RotationFailed {
        rotation_id: rotation_id(number),
        thing: thing(number),
        reason: Failure::NoAck,
        rolled_back: true,
        ends_at: NOW + days(100),
    }
}

async fn listed(store: &Store, open: bool) -> Vec<Notice> {
    let filter = NoticeFilter { open, kind: None };
    store.list_notices(filter, Order::Descending, None, 100).await.unwrap().items
}

async fn only(store: &Store) -> Notice {
    let mut found = listed(store, true).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn proof(id: &str) -> DeliveryOutcome {
    let (message_id, taken_by) = (id.to_owned(), "somebody".to_owned());
    DeliveryOutcome::Delivered(Proof { message_id, taken_by })
}

fn refused() -> DeliveryOutcome {
    DeliveryOutcome::Failed { reason: "nobody is there".to_owned(), hopeless: false }
}

/// Lets a target say this of everything that waits for it.
async fn deliver(store: &Store, target: &str, outcome: DeliveryOutcome, now: Timestamp) -> usize {
    let due = store.due_messages(target.to_owned(), 100, now).await.unwrap();
    let outcomes = due.iter().map(|it| (it.id, outcome.clone())).collect();
    store.delivered(outcomes, now).await.unwrap();
    due.len()
}

#[tokio::test]
async fn the_same_fact_told_twice_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());

    store.notice(vec![failed(1), failed(2), failed(1)], NOW).await.unwrap();
    store.notice(vec![failed(2)], NOW + HOUR).await.unwrap();

    let notice = only(&store).await;
    assert_eq!((notice.count, notice.kind), (2, Kind::RotationRolledBack));
}

#[tokio::test]
async fn a_storm_is_one_notice_and_one_message_a_target() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());

    for batch in 0..20 {
        let facts = (0..250).map(|number| failed(batch * 250 + number)).collect();
        store.notice(facts, NOW).await.unwrap();
    }

    assert_eq!(only(&store).await.count, 5_000);
    assert_eq!(deliver(&store, "pager", proof("m-1"), NOW).await, 1);
    assert_eq!(deliver(&store, "log", proof("m-2"), NOW).await, 1);
    assert_eq!(deliver(&store, "boss", proof("m-3"), NOW).await, 0);
}

#[tokio::test]
async fn a_store_that_was_closed_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    store.notice(vec![failed(1)], NOW).await.unwrap();
    let before = only(&store).await;
    store.close();

    let store = opened(folder.path());
    store.notice(vec![failed(1), failed(2)], NOW + HOUR / 2).await.unwrap();
    let stepped = store.step_due_notices(10, NOW + HOUR).await.unwrap();

    let after = only(&store).await;
    assert_eq!((after.id, after.count, stepped), (before.id, 2, 1));
    assert_eq!(after.state, State::Escalated);
    assert_eq!(store.awaited_targets().await.unwrap(), ["boss", "log", "pager"]);
}

#[tokio::test]
async fn whoever_acknowledges_stops_the_escalation() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    store.notice(vec![failed(1)], NOW).await.unwrap();
    let id = only(&store).await.id;

    let acknowledged = store.acknowledge_notice(id, "ada".to_owned(), NOW).await.unwrap();
    store.step_due_notices(10, NOW + HOUR).await.unwrap();

    assert_eq!(acknowledged.acknowledged.unwrap().by, "ada");
    assert_eq!(deliver(&store, "boss", proof("m"), NOW + days(1)).await, 0);
    let again = store.acknowledge_notice(id, "bob".to_owned(), NOW).await.unwrap();
    assert_eq!(again.acknowledged.unwrap().by, "ada");
    store.step_due_notices(10, NOW + days(1)).await.unwrap();
    let late = store.acknowledge_notice(id, "ada".to_owned(), NOW + days(1)).await;
    assert!(matches!(late, Err(StoreError::StateConflict(_))), "{late:?}");
    let unknown = NoticeId::from_bytes([9; 16]);
    let unknown = store.acknowledge_notice(unknown, "ada".to_owned(), NOW).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })), "{unknown:?}");
}

#[tokio::test]
async fn when_no_target_takes_a_message_the_second_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    store.notice(vec![failed(1)], NOW).await.unwrap();

    let first = deliver(&store, "pager", refused(), NOW).await;
    assert_eq!(deliver(&store, "pager", refused(), NOW).await, 0, "it is not due yet");
    let second = deliver(&store, "pager", refused(), NOW + HOUR / 60).await;
    assert_eq!(deliver(&store, "boss", proof("m"), NOW + HOUR / 60).await, 0, "the log may do");
    deliver(&store, "log", refused(), NOW).await;
    deliver(&store, "log", refused(), NOW + HOUR / 60).await;

    assert_eq!((first, second), (1, 1));
    assert_eq!(only(&store).await.state, State::Escalated);
    assert_eq!(deliver(&store, "boss", proof("m"), NOW + HOUR / 60).await, 1);
    let shown = store.stored_notice(only(&store).await.id).await.unwrap().deliveries;
    let given_up = |target: &str| {
        let found = shown.iter().find(|it| it.target == target).unwrap();
        matches!(&found.status, DeliveryStatus::GivenUp { failure, .. } if failure == "nobody is there")
    };
    assert!(given_up("pager") && given_up("log"), "{shown:?}");
    assert_eq!(shown[2].recipient, Recipient::Second);
    assert_eq!(shown[2].occasion, Occasion::Escalation);
    assert!(matches!(shown[2].status, DeliveryStatus::Delivered { .. }), "{shown:?}");
}

fn sample_rotation(number: u32) -> (Rotation, AwaitingCsr) {
    let opening = Opening {
        id: rotation_id(number),
        thing: thing(number),
        outgoing: Certificate {
            certificate_id: certificate_id(1, number),
            status: CertificateStatus::Active,
            validity: Validity { not_before: NOW, not_after: NOW + days(100) },
            created_at: NOW,
        },
        cause: Cause::Operator,
        rekey: true,
        draw: 0,
    };
    let rotation = open(opening, &Timing::default(), NOW).0;
    (rotation, AwaitingCsr { requests: 0, refusals: 0, refused: None, at_once: false, due_at: NOW })
}

async fn step(store: &Store, number: u32, version: u64) {
    let state = sample_rotation(number).1;
    let entry = HistoryEntry {
        at: NOW,
        input: "DeadlinePassed".to_owned(),
        from: "AwaitingCsr".to_owned(),
        to: "AwaitingCsr".to_owned(),
        note: Note::Counted,
        detail: String::new(),
    };
    let record = StepRecord {
        rotation_id: rotation_id(number),
        version,
        state: state.into(),
        ignored: 0,
        history: vec![entry],
        commands: Vec::new(),
    };
    let steps = vec![record];
    store.commit(Commit { steps, ..Commit::default() }).await.unwrap();
}

#[tokio::test]
async fn every_rotation_of_a_notice_says_in_its_history_that_people_were_told_and_by_what() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    let openings = (0..5).map(|number| {
        let (rotation, state) = sample_rotation(number);
        NewRotation { rotation, state: state.into() }
    });
    let openings = openings.collect();
    store.commit(Commit { openings, ..Commit::default() }).await.unwrap();
    for number in 0..5 {
        step(&store, number, 0).await;
    }
    store.notice((0..4).map(failed).collect(), NOW).await.unwrap();

    deliver(&store, "log", proof("line"), NOW).await;
    assert!(!store.record_told_rotations(2).await.unwrap(), "nobody may have read the log");
    deliver(&store, "pager", proof("m-17"), NOW + HOUR).await;
    while store.record_told_rotations(2).await.unwrap() {}
    step(&store, 1, 1).await;

    let told = |lines: Vec<HistoryEntry>| lines.into_iter().filter(|it| it.input == "PeopleTold");
    for number in 0..5 {
        let lines = store.history(rotation_id(number)).await.unwrap();
        let told: Vec<_> = told(lines).collect();
        // The opening told of the first alone: the others are told with the update.
        assert_eq!(told.len(), usize::from(number == 0), "{number}: {told:?}");
        for line in told {
            assert_eq!((line.at, line.to.as_str()), (NOW + HOUR, "AwaitingCsr"));
            assert!(line.detail.contains("message m-17 taken by somebody"), "{}", line.detail);
        }
    }
    store.step_due_notices(10, NOW + HOUR).await.unwrap();
    deliver(&store, "pager", proof("m-18"), NOW + HOUR).await;
    while store.record_told_rotations(2).await.unwrap() {}
    for number in 0..4 {
        let lines = store.history(rotation_id(number)).await.unwrap();
        assert_eq!(told(lines).count(), 1, "{number}");
    }
    let lines = store.history(rotation_id(1)).await.unwrap();
    assert_eq!(lines.len(), 3);
}

#[tokio::test]
async fn devices_that_are_away_are_told_once_for_each_span() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    register(&store, 2_500, days(10)).await;
    let change = |number, at| ConnectionChange::Connected {
        client_id: ClientId::from(&thing(number)),
        principal: certificate_id(1, number),
        at,
    };
    let gone = |number, at| ConnectionChange::Disconnected {
        client_id: ClientId::from(&thing(number)),
        principal: certificate_id(1, number),
        at,
        reason: "CONNECTION_LOST".to_owned(),
    };
    let changes = vec![
        change(1, NOW - days(2)),
        change(2, NOW - days(2)),
        gone(2, NOW - HOUR / 2),
        change(3, NOW - days(2)),
        gone(3, NOW - 2 * HOUR),
    ];
    store.record_connections(changes).await.unwrap();
    let look = async |now| {
        let mut place = None;
        loop {
            let spans = Days::USUAL.to_vec();
            place = store.look_for_unreachable(spans, HOUR, place, now).await.unwrap();
            if place.is_none() {
                break;
            }
        }
    };

    look(NOW).await;
    look(NOW + HOUR / 4).await;

    let notice = only(&store).await;
    assert_eq!((notice.kind, notice.count), (Kind::DeviceUnreachable, 2_498));
    assert_eq!(notice.key.as_str(), "device_unreachable/14");
    look(NOW + HOUR).await;
    assert_eq!(only(&store).await.count, 2_499, "pump-2 is away for long enough now");
    look(NOW + days(4)).await;
    let spans = listed(&store, true).await;
    let newest = spans.iter().find(|it| it.key.as_str() == "device_unreachable/7").unwrap();
    assert_eq!((spans.len(), newest.count), (2, 2_499));
}

#[tokio::test]
async fn lists_go_page_by_page_and_by_kind() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    let facts = (1..=30).map(|days| Fact::ServerCertificateEnding {
        ends_at: NOW + perennial_core::time::days(40),
        left: Days::new(days),
    });
    store.notice(facts.collect(), NOW).await.unwrap();
    store.notice(vec![failed(1)], NOW).await.unwrap();

    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let filter = NoticeFilter::default();
        let page = store.list_notices(filter, Order::Ascending, after, 7).await.unwrap();
        seen.extend(page.items.into_iter().map(|it| it.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }

    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 31);
    let kind = Some(Kind::RotationRolledBack);
    let filter = NoticeFilter { open: false, kind };
    let page = store.list_notices(filter, Order::Descending, None, 7).await.unwrap();
    assert_eq!(page.items.len(), 1);
}

#[tokio::test]
async fn what_is_long_over_is_forgotten_and_what_is_open_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    store.notice(vec![failed(1)], NOW).await.unwrap();
    let later = NOW + days(500);

    assert!(!store.forget_notices(10, later).await.unwrap());
    assert_eq!(listed(&store, false).await.len(), 1);
    store.resolve_notice(failed(1).fold_key(), NOW + HOUR).await.unwrap();
    assert!(listed(&store, true).await.is_empty());
    store.forget_notices(10, later).await.unwrap();

    assert!(listed(&store, false).await.is_empty());
    assert!(store.awaited_targets().await.unwrap().is_empty());
}
