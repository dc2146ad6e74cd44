//! Rotations and events in lists: in both directions, by thing, by state, open ones by name.

#![allow(clippy::unwrap_used, reason = "a test's own helpers")]

mod common;

use std::sync::Arc;

use common::{NOW, certificate_id, days_left, register, store, thing};
use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{RotationId, ThingName},
    rotation::{Cancellation, Cause, Input, Opening, Timing, open, step},
    time::{Timestamp, days},
};
use perennial_orchestrator::port::{
    Commit, Fact, FactId, Journal as _, NewRotation, StepRecord, Stored,
};
use perennial_store::{
    ChainLink, EventFilter, Order, RequestedRotation, RotationFilter, RotationRequest, Store,
    StoreError,
};

const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

fn id(number: u32) -> RotationId {
    RotationId::from_bytes(u128::from(number).to_be_bytes())
}

fn opening(number: u32, of: ThingName, now: Timestamp) -> NewRotation {
    let outgoing = Certificate {
        certificate_id: certificate_id(1, number),
        status: CertificateStatus::Active,
        validity: Validity { not_before: NOW, not_after: NOW + days(7) },
        created_at: NOW,
    };
    let opening = Opening {
        id: id(number),
        thing: of,
        outgoing,
        cause: Cause::Operator,
        rekey: true,
        draw: 0,
    };
    let (rotation, state) = open(opening, &Timing::default(), now);
    NewRotation { rotation, state }
}

/// Opens rotation `number` of pump `number % 3`, and cancels it unless it is among the last three.
async fn rotations(store: &Store, count: u32) {
    for number in 0..count {
        let new = opening(number, thing(number % 3), NOW + days(number.into()));
        let stored = Stored {
            rotation: Arc::new(new.rotation.clone()),
            state: new.state.clone(),
            version: 0,
            ignored: 0,
        };
        store.commit(Commit { openings: vec![new], ..Commit::default() }).await.unwrap();
        if number + 3 < count {
            let steps = vec![cancelled(&stored)];
            store.commit(Commit { steps, ..Commit::default() }).await.unwrap();
        }
    }
}

fn cancelled(stored: &Stored) -> StepRecord {
    told(stored, Input::Cancelled { by: Cancellation::Operator })
}

fn asked(stored: &Stored) -> StepRecord {
    told(stored, Input::DeviceSubscribed { principal: stored.rotation.outgoing })
}

fn told(stored: &Stored, input: Input) -> StepRecord {
    let decided = step(&stored.rotation, stored.state.clone(), input, &Timing::default(), NOW);
    StepRecord {
        rotation_id: stored.rotation.id,
        version: stored.version,
        state: decided.state,
        ignored: 0,
        history: Vec::new(),
        commands: Vec::new(),
    }
}

/// The numbers of all rotations that are listed, page by page of `limit`.
async fn listed(store: &Store, filter: RotationFilter, order: Order, limit: usize) -> Vec<u32> {
    let (mut numbers, mut after) = (Vec::new(), None);
    loop {
        let page = store.list_rotations(filter.clone(), order, after, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        let number = |it: &Stored| u128::from_be_bytes(*it.rotation.id.as_bytes());
        numbers.extend(page.items.iter().map(|it| u32::try_from(number(it)).unwrap()));
        after = page.next;
        if after.is_none() {
            return numbers;
        }
    }
}

#[tokio::test]
async fn rotations_come_by_their_opening_in_both_directions_whatever_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    rotations(&store, 12).await;
    let (all, of_thing) = (RotationFilter::default(), Some(thing(1)));

    for limit in [1, 5, 12, 100] {
        let up = listed(&store, all.clone(), Order::Ascending, limit).await;
        let down = listed(&store, all.clone(), Order::Descending, limit).await;
        let filter = RotationFilter { thing: of_thing.clone(), ..all.clone() };
        let of_thing = listed(&store, filter, Order::Descending, limit).await;

        assert_eq!(up, (0..12).collect::<Vec<_>>(), "{limit}");
        assert_eq!(down, (0..12).rev().collect::<Vec<_>>(), "{limit}");
        assert_eq!(of_thing, [10, 7, 4, 1], "{limit}");
    }
}

#[tokio::test]
async fn open_ones_come_by_their_things_and_others_by_state() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    rotations(&store, 12).await;
    let filter = |thing, open, state| RotationFilter { thing, open, state };

    for limit in [1, 2, 100] {
        let open = listed(&store, filter(None, true, None), Order::Ascending, limit).await;
        let back = listed(&store, filter(None, true, None), Order::Descending, limit).await;
        let one =
            listed(&store, filter(Some(thing(2)), true, None), Order::Descending, limit).await;
        let waiting = filter(None, true, Some("AwaitingCsr"));
        let waiting = listed(&store, waiting, Order::Ascending, limit).await;
        let failed = filter(Some(thing(0)), false, Some("Failed"));
        let failed = listed(&store, failed, Order::Ascending, limit).await;
        let none =
            listed(&store, filter(None, true, Some("Failed")), Order::Ascending, limit).await;

        assert_eq!(open, [9, 10, 11], "{limit}");
        assert_eq!(back, [11, 10, 9], "{limit}");
        assert_eq!(one, [11], "{limit}");
        assert_eq!(waiting, [9, 10, 11], "{limit}");
        assert_eq!(failed, [0, 3, 6], "{limit}");
        assert_eq!(none, Vec::<u32>::new(), "{limit}");
    }
}

#[tokio::test]
async fn a_rotation_is_asked_for_once_and_only_where_it_is_clear_of_what() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 3, days_left()).await;
    let ask = |number: u32, certificate_id| {
        let thing = thing(number);
        let rotation_id = id(number);
        store.request_rotation(
            RotationRequest { rotation_id, thing, certificate_id, rekey: true },
            NOW,
        )
    };
    let two = [certificate_id(1, 1), certificate_id(1, 2)];
    store
        .attach_principal(thing(1), two[1], perennial_core::registry::PrincipalType::default(), NOW)
        .await
        .unwrap();

    let accepted = ask(0, None).await;
    let ambiguous = ask(1, None).await.unwrap_err();
    let named = ask(1, Some(two[1])).await;
    let foreign = ask(0, Some(two[0])).await.unwrap_err();
    let nobody = ask(7, None).await.unwrap_err();
    store.update_status(two[1], CertificateStatus::Inactive, NOW).await.unwrap();
    let inactive = ask(2, None).await.unwrap_err();

    assert_eq!(accepted.unwrap(), RequestedRotation::Accepted(certificate_id(1, 0)));
    let said = ambiguous.to_string();
    assert!(two.iter().all(|id| said.contains(&id.to_string())), "{said}");
    assert_eq!(named.unwrap(), RequestedRotation::Accepted(two[1]));
    assert!(matches!(foreign, StoreError::Conflict(_)), "{foreign}");
    assert!(matches!(nobody, StoreError::NotFound { .. }), "{nobody}");
    assert!(inactive.to_string().contains("no ACTIVE certificate"), "{inactive}");
    let facts = store.pending(FactId(0), 10).await.unwrap();
    let requested = facts.iter().filter(|(_, it)| matches!(it, Fact::RotationRequested { .. }));
    assert_eq!(requested.count(), 2);
}

#[tokio::test]
async fn an_open_rotation_is_told_instead_of_another_and_called_off_while_that_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days_left()).await;
    let new = opening(0, thing(0), NOW);
    store.commit(Commit { openings: vec![new.clone()], ..Commit::default() }).await.unwrap();
    let ask = |certificate_id| {
        let (rotation_id, thing) = (id(9), thing(0));
        let request = RotationRequest { rotation_id, thing, certificate_id, rekey: true };
        store.request_rotation(request, NOW)
    };

    let told = [ask(None).await, ask(Some(certificate_id(1, 0))).await];
    let facts = store.pending(FactId(0), 10).await.unwrap();
    let other = ask(Some(certificate_id(1, 7))).await.unwrap_err();
    store.request_cancellation(id(0), NOW).await.unwrap();
    let stored = store.rotation(id(0)).await.unwrap();
    store.commit(Commit { steps: vec![asked(&stored)], ..Commit::default() }).await.unwrap();
    let under_way = ask(None).await;
    let stored = store.rotation(id(0)).await.unwrap();
    let steps = vec![cancelled(&stored)];
    store.commit(Commit { steps, ..Commit::default() }).await.unwrap();
    let ended = store.request_cancellation(id(0), NOW).await.unwrap_err();
    let unknown = store.request_cancellation(id(8), NOW).await.unwrap_err();

    let waits = |it: &_| matches!(it, Ok(RequestedRotation::Waiting(open)) if *open == id(0));
    assert!(told.iter().all(waits), "{told:?}");
    let started = Fact::StartRequested { rotation_id: id(0) };
    assert!(facts.len() == 2 && facts.iter().all(|(_, fact)| *fact == started), "{facts:?}");
    assert_eq!(under_way.unwrap(), RequestedRotation::Open(id(0)));
    assert!(other.to_string().contains(&id(0).to_string()), "{other}");
    assert!(matches!(ended, StoreError::Conflict(_)), "{ended}");
    assert!(matches!(unknown, StoreError::NotFound { .. }), "{unknown}");
}

#[tokio::test]
async fn events_come_in_both_directions_and_the_chain_is_checked_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 4, days_left()).await;
    let count = store.verify_events().await.unwrap().unwrap();

    for order in ORDERS {
        let (mut numbers, mut after) = (Vec::new(), None);
        loop {
            let filter = EventFilter { above: 2 };
            let page = store.list_events(filter, order, after, 3).await.unwrap();
            numbers.extend(page.items.iter().map(|event| event.seq));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if order == Order::Descending {
            numbers.reverse();
        }
        assert_eq!(numbers, (3..=count).collect::<Vec<_>>());
    }
    let mut links = vec![ChainLink::START];
    while links.len() < 2 || links[links.len() - 1] != links[links.len() - 2] {
        let last = links[links.len() - 1];
        links.push(store.verify_events_after(last, 2).await.unwrap().unwrap());
    }
    let wrong = ChainLink { hash: links[0].hash, ..links[1] };
    let broken = store.verify_events_after(wrong, 2).await.unwrap().unwrap_err();
    assert_eq!(links[links.len() - 1].seq, count);
    assert_eq!(broken.seq, links[1].seq + 1);
}
