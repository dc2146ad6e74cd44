//! The journal's contract: what is committed is there, all or nothing, and once.

mod common;

use common::{NOW, opening, register, store, thing};
use perennial_core::{
    rotation::{Input, Note, Presence, Timing, step},
    time::days,
};
use perennial_orchestrator::port::{
    CommandId, Commit, Fact, FactId, HistoryEntry, Journal, StepRecord, Stored,
};

fn requested(number: u32) -> Fact {
    Fact::RotationRequested { thing: thing(number), certificate_id: None, rekey: true }
}

/// The step that a deadline makes with the device online.
fn asked(stored: &Stored) -> StepRecord {
    let presence = Presence::Online(stored.rotation.outgoing);
    let input = Input::DeadlinePassed { presence };
    let decided =
        step(&stored.rotation, stored.state.clone(), input.clone(), &Timing::default(), NOW);
    let entry = HistoryEntry {
        at: NOW,
        input: input.name().to_owned(),
        from: stored.state.name().to_owned(),
        to: decided.state.name().to_owned(),
        note: Note::Counted,
        detail: String::new(),
    };
    StepRecord {
        rotation_id: stored.rotation.id,
        version: stored.version,
        state: decided.state,
        ignored: 0,
        history: vec![entry],
        commands: decided.commands,
    }
}

#[tokio::test]
async fn facts_come_back_in_order_until_they_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let message = Fact::Message {
        client_id: perennial_core::ids::ClientId::new("pump-1").unwrap(),
        principal: common::certificate_id(1, 1),
        addressee: perennial_core::ids::ClientId::new("pump-1").unwrap(),
        kind: perennial_core::topic::Kind::CsrRes,
        payload: b"{\"CSR\":\"\xff\"}".to_vec(),
    };

    let ids = store.accept(vec![message.clone(), requested(2)]).await.unwrap();
    let facts_done = vec![ids[1]];
    store.commit(Commit { facts_done, ..Commit::default() }).await.unwrap();

    assert_eq!(store.pending(FactId(0), 10).await.unwrap(), [(ids[0], message)]);
    assert_eq!(store.pending(ids[0], 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_thing_has_one_open_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 2, days(7)).await;

    let openings = vec![opening(1, 1), opening(1, 2)];
    store.commit(Commit { openings, ..Commit::default() }).await.unwrap();

    let latest = store.latest(&[thing(1), thing(0)]).await.unwrap();
    assert_eq!(*latest[0].as_ref().unwrap().rotation, opening(1, 1).rotation);
    assert_eq!(latest[1], None);
}

#[tokio::test]
async fn a_step_is_committed_with_its_history_and_commands() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;
    store.commit(Commit { openings: vec![opening(0, 1)], ..Commit::default() }).await.unwrap();
    let due = store.due(10, NOW).await.unwrap();

    let steps = due.iter().map(asked).collect();
    let commands = store.commit(Commit { steps, ..Commit::default() }).await.unwrap();

    let id = due[0].rotation.id;
    assert_eq!(commands.len(), 1);
    assert_eq!(store.undone(CommandId(0), 10).await.unwrap(), commands);
    assert_eq!(store.history(id).await.unwrap().len(), 1);
    assert_eq!(store.load(&[id]).await.unwrap()[0].as_ref().unwrap().version, 1);
    assert_eq!(store.due(10, NOW).await.unwrap(), []);
}

#[tokio::test]
async fn an_outdated_step_takes_the_whole_commit_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 2, days(7)).await;
    let openings = vec![opening(0, 1), opening(1, 1)];
    store.commit(Commit { openings, ..Commit::default() }).await.unwrap();
    let due = store.due(10, NOW).await.unwrap();
    let mut steps: Vec<_> = due.iter().map(asked).collect();
    steps[1].version = 9;

    let refused = store.commit(Commit { steps, ..Commit::default() }).await;

    assert!(refused.unwrap_err().to_string().contains("since version 9"));
    assert_eq!(store.due(10, NOW).await.unwrap(), due);
    assert_eq!(store.undone(CommandId(0), 10).await.unwrap(), []);
}
