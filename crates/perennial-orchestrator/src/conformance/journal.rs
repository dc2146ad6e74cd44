//! The journal's promises: what is committed is there, in order, all or nothing, and once.
#![expect(missing_docs, reason = "a promise's name is the promise")]

use std::time::Duration;

use async_trait::async_trait;
use perennial_core::{
    ids::{AuditTaskId, ClientId, Digest, RotationId},
    rotation::{Cancellation, Cause, Command, Enrolling, Failure, FaultKind, Remedy, Resolution},
    time::{Timestamp, days},
    topic::Kind,
};

use super::samples::{
    NOW, asked, certificate_id, commands, ended, failed, moved, opened_at, opening, requested,
    rotation_id, states, thing,
};
use crate::port::{
    CommandId, Commit, Fact, FactId, HistoryEntry, Journal, NewRotation, StepRecord, Stored,
};

/// A journal under examination.
#[async_trait]
pub trait JournalSubject: Send + Sync {
    /// The port.
    fn journal(&self) -> &dyn Journal;

    /// Ends the process that has the journal open, and opens it again on what is durable.
    async fn reopen(&mut self);

    /// A rotation's history, as people read it.
    async fn history(&self, id: RotationId) -> Vec<HistoryEntry>;
}

async fn open(subject: &impl JournalSubject, openings: Vec<NewRotation>) {
    commit(subject, Commit { openings, ..Commit::default() }).await;
}

async fn commit(subject: &impl JournalSubject, commit: Commit) {
    subject.journal().commit(commit).await.unwrap();
}

async fn step(subject: &impl JournalSubject, step: StepRecord) {
    commit(subject, Commit { steps: vec![step], ..Commit::default() }).await;
}

async fn stored(subject: &impl JournalSubject, id: RotationId) -> Stored {
    subject.journal().load(&[id]).await.unwrap().remove(0).unwrap()
}

async fn facts(subject: &impl JournalSubject) -> Vec<(FactId, Fact)> {
    subject.journal().pending(FactId(0), 100_000).await.unwrap()
}

pub async fn an_accepted_fact_comes_back_in_order_until_it_is_done(subject: impl JournalSubject) {
    let message = Fact::Message {
        client_id: ClientId::new("pump-1").unwrap(),
        principal: certificate_id(1, 1),
        addressee: ClientId::new("pump-2").unwrap(),
        kind: Kind::CsrRes,
        payload: b"{\"CSR\":\"\xff\0\"}".to_vec(),
    };
    let audited = Fact::AuditCompleted { task: AuditTaskId::from_bytes([1; 16]) };
    let cancelled = Fact::CancellationRequested { rotation_id: rotation_id(1, 1) };
    let withdrawn = Fact::CertificateWithdrawn { certificate_id: certificate_id(1, 2) };
    let all = vec![message, requested(2), audited, cancelled, withdrawn];

    let ids = subject.journal().accept(all.clone()).await.unwrap();
    commit(&subject, Commit { facts_done: vec![ids[1]], ..Commit::default() }).await;

    assert!(ids.is_sorted());
    let mut left: Vec<_> = ids.into_iter().zip(all).collect();
    left.remove(1);
    assert_eq!(facts(&subject).await, left);
}

pub async fn the_inbox_is_read_in_pages(subject: impl JournalSubject) {
    let ids = subject.journal().accept((0..7).map(requested).collect()).await.unwrap();

    let (mut read, mut after) = (Vec::new(), FactId(0));
    loop {
        let page = subject.journal().pending(after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some((last, _)) = page.last() else { break };
        after = *last;
        read.extend(page.into_iter().map(|(id, _)| id));
    }

    assert_eq!(read, ids);
}

/// A fact never appears below one that was seen before: the ring's reader looks only upwards.
pub async fn a_reader_that_follows_misses_no_fact(subject: impl JournalSubject) {
    let journal = subject.journal();
    let write = async {
        for round in 0..20 {
            let one = async |writer: u32| journal.accept(vec![requested(round * 4 + writer)]).await;
            let written = tokio::join!(one(0), one(1), one(2), one(3));
            written.0.and(written.1).and(written.2).and(written.3).unwrap();
        }
    };
    let read = async {
        let (mut read, mut after) = (Vec::new(), FactId(0));
        while read.len() < 80 {
            for (id, fact) in journal.pending(after, 5).await.unwrap() {
                after = id;
                read.push(fact);
            }
            tokio::task::yield_now().await;
        }
        read
    };

    let (read, ()) = tokio::join!(read, write);

    let numbered: Vec<_> = facts(&subject).await.into_iter().map(|(_, fact)| fact).collect();
    assert_eq!(read, numbered);
}

pub async fn the_numbers_of_facts_and_commands_only_rise(mut subject: impl JournalSubject) {
    let first = subject.journal().accept(vec![requested(1)]).await.unwrap();
    open(&subject, vec![opening(1, 1), opening(1, 2)]).await;
    let steps = vec![asked(&stored(&subject, rotation_id(1, 1)).await)];
    let earlier = subject.journal().commit(Commit { steps, ..Commit::default() }).await.unwrap();
    let commands_done = vec![earlier[0].id];
    commit(&subject, Commit { facts_done: first.clone(), commands_done, ..Commit::default() })
        .await;

    subject.reopen().await;

    let second = subject.journal().accept(vec![requested(2)]).await.unwrap();
    let steps = vec![asked(&stored(&subject, rotation_id(1, 2)).await)];
    let later = subject.journal().commit(Commit { steps, ..Commit::default() }).await.unwrap();
    assert!(second[0] > first[0] && later[0].id > earlier[0].id);
}

pub async fn empty_batches_change_nothing(subject: impl JournalSubject) {
    let journal = subject.journal();

    assert_eq!(journal.accept(Vec::new()).await.unwrap(), []);
    assert_eq!(journal.load(&[]).await.unwrap(), []);
    assert_eq!(journal.latest(&[]).await.unwrap(), []);
    assert_eq!(journal.commit(Commit::default()).await.unwrap(), []);
    assert_eq!(journal.pending(FactId(0), 10).await.unwrap(), []);
    assert_eq!(journal.undone(CommandId(0), 10).await.unwrap(), []);
    assert_eq!(journal.due(10, Timestamp::MAX).await.unwrap(), []);
    assert_eq!(journal.open_with(&certificate_id(1, 1)).await.unwrap(), []);
}

pub async fn a_huge_batch_is_one_batch(subject: impl JournalSubject) {
    const MANY: u32 = 5_000;
    let journal = subject.journal();
    let ids = journal.accept((0..MANY).map(requested).collect()).await.unwrap();
    open(&subject, (0..MANY).map(|number| opening(1, number)).collect()).await;
    let all: Vec<_> = (0..MANY).map(|number| rotation_id(1, number)).collect();
    let found = journal.load(&all).await.unwrap();

    let steps: Vec<_> = found.iter().flatten().map(asked).collect();
    let done = Commit { steps, facts_done: ids, ..Commit::default() };
    let commands = journal.commit(done).await.unwrap();

    assert_eq!(commands.len(), MANY as usize);
    assert_eq!(facts(&subject).await, []);
    assert_eq!(journal.undone(CommandId(0), usize::MAX).await.unwrap(), commands);
    assert_eq!(journal.due(usize::MAX, NOW).await.unwrap(), []);
}

pub async fn a_thing_has_one_open_rotation(subject: impl JournalSubject) {
    open(&subject, vec![opening(1, 1), opening(2, 1), opening(1, 2)]).await;
    open(&subject, vec![opening(3, 1), opening(3, 4)]).await;

    let things = [thing(1), thing(2), thing(4), thing(9)];
    let latest = subject.journal().latest(&things).await.unwrap();

    let ids: Vec<_> = latest.into_iter().map(|it| it.map(|stored| stored.rotation.id)).collect();
    let wanted = [(1, 1), (1, 2), (3, 4)].map(|(series, number)| Some(rotation_id(series, number)));
    assert_eq!(ids, [&wanted[..], &[None]].concat());
}

pub async fn a_rotation_is_followed_by_another_in_the_commit_that_ends_it(
    subject: impl JournalSubject,
) {
    open(&subject, vec![opening(1, 1)]).await;
    let steps = vec![ended(&stored(&subject, rotation_id(1, 1)).await)];
    let (of, remedy) = (rotation_id(1, 1), Remedy::FitClock { behind_for: Duration::from_secs(7) });
    let cause = Cause::Resolution(Resolution { of, attempt: 1, remedy });
    let openings = vec![opened_at(2, 1, cause, NOW)];

    commit(&subject, Commit { openings, steps, ..Commit::default() }).await;

    let (before, after) = (stored(&subject, of).await, stored(&subject, rotation_id(2, 1)).await);
    assert_eq!((before.state.is_open(), after.state.is_open()), (false, true));
    assert_eq!(after.rotation.cause, cause);
    assert_eq!(subject.journal().latest(&[thing(1)]).await.unwrap(), [Some(after)]);
}

pub async fn a_finding_is_served_once(subject: impl JournalSubject) {
    let [task, next] =
        [1, 2].map(|task| Cause::Finding { task: AuditTaskId::from_bytes([task; 16]) });
    open(&subject, vec![opened_at(1, 1, task, NOW)]).await;
    step(&subject, ended(&stored(&subject, rotation_id(1, 1)).await)).await;

    open(&subject, vec![opened_at(2, 1, task, NOW + days(1)), opened_at(2, 2, task, NOW)]).await;
    let served = subject.journal().load(&[rotation_id(2, 1), rotation_id(2, 2)]).await.unwrap();
    open(&subject, vec![opened_at(3, 1, next, NOW + days(1))]).await;

    assert_eq!(served[0], None);
    assert!(served[1].is_some());
    assert!(stored(&subject, rotation_id(3, 1)).await.state.is_open());
}

pub async fn a_step_is_committed_with_its_history_and_commands(subject: impl JournalSubject) {
    open(&subject, vec![opening(1, 1)]).await;
    let opened = stored(&subject, rotation_id(1, 1)).await;
    let mut twofold = asked(&opened);
    let mut again = twofold.history[0].clone();
    again.detail = "the next".to_owned();
    twofold.history.push(again);
    twofold.ignored = 7;
    let record = twofold.clone();

    let steps = vec![twofold];
    let commands = subject.journal().commit(Commit { steps, ..Commit::default() }).await.unwrap();

    let after = stored(&subject, rotation_id(1, 1)).await;
    assert_eq!((after.version, after.ignored), (opened.version + 1, 7));
    assert_eq!((after.state, after.rotation), (record.state, opened.rotation));
    assert_eq!(commands.len(), record.commands.len());
    assert_eq!(subject.journal().undone(CommandId(0), 10).await.unwrap(), commands);
    assert_eq!(subject.history(rotation_id(1, 1)).await, record.history);
}

pub async fn commands_are_answered_in_the_order_of_the_steps(subject: impl JournalSubject) {
    open(&subject, vec![opening(1, 1), opening(1, 2)]).await;
    let mut steps = Vec::new();
    for number in [2, 1] {
        let mut asking = asked(&stored(&subject, rotation_id(1, number)).await);
        asking.commands.extend([Command::RetireOutgoing, Command::RequestCsr { refused: None }]);
        steps.push(asking);
    }
    let wanted: Vec<_> = steps
        .iter()
        .flat_map(|step| step.commands.iter().map(|command| (step.rotation_id, command.clone())))
        .collect();

    let commands = subject.journal().commit(Commit { steps, ..Commit::default() }).await.unwrap();

    assert!(commands.is_sorted_by_key(|command| command.id));
    let first = subject.journal().undone(CommandId(0), 4).await.unwrap();
    let rest = subject.journal().undone(first[3].id, 4).await.unwrap();
    assert_eq!([first, rest].concat(), commands);
    let found: Vec<_> = commands.into_iter().map(|it| (it.rotation_id, it.command)).collect();
    assert_eq!(found, wanted);
}

/// A commit that opens, steps and ends something, its last step being `bad`.
async fn refused(subject: &impl JournalSubject, bad: StepRecord) {
    let journal = subject.journal();
    let fact = journal.accept(vec![requested(1)]).await.unwrap();
    let steps = vec![asked(&stored(subject, rotation_id(1, 3)).await)];
    let undone = journal.commit(Commit { steps, ..Commit::default() }).await.unwrap();
    let good = asked(&stored(subject, rotation_id(1, 1)).await);
    let due = journal.due(10, NOW).await.unwrap();

    let error = journal
        .commit(Commit {
            openings: vec![opening(1, 9)],
            steps: vec![good, bad],
            facts_done: fact.clone(),
            commands_done: undone.iter().map(|command| command.id).collect(),
        })
        .await
        .unwrap_err();

    assert_eq!(error.kind, FaultKind::Permanent, "{error}");
    assert_eq!(journal.due(10, NOW).await.unwrap(), due);
    assert_eq!(journal.load(&[rotation_id(1, 9)]).await.unwrap(), [None]);
    assert_eq!(facts(subject).await, [(fact[0], requested(1))]);
    assert_eq!(journal.undone(CommandId(0), 10).await.unwrap(), undone);
    assert_eq!(subject.history(rotation_id(1, 1)).await, []);
}

pub async fn an_outdated_step_takes_the_whole_commit_with_it(subject: impl JournalSubject) {
    open(&subject, vec![opening(1, 1), opening(1, 2), opening(1, 3)]).await;
    let outdated = asked(&stored(&subject, rotation_id(1, 2)).await);
    step(&subject, outdated.clone()).await;
    let commands_done = subject.journal().undone(CommandId(0), 10).await.unwrap();
    let commands_done = commands_done.into_iter().map(|command| command.id).collect();
    commit(&subject, Commit { commands_done, ..Commit::default() }).await;

    refused(&subject, outdated).await;
}

pub async fn a_step_of_an_unknown_rotation_takes_the_whole_commit_with_it(
    subject: impl JournalSubject,
) {
    open(&subject, vec![opening(1, 1), opening(1, 3)]).await;
    let unknown = asked(&stored(&subject, rotation_id(1, 1)).await);

    refused(&subject, StepRecord { rotation_id: rotation_id(9, 9), ..unknown }).await;
}

pub async fn what_is_done_twice_is_done(subject: impl JournalSubject) {
    let journal = subject.journal();
    let facts_done = journal.accept(vec![requested(1), requested(2)]).await.unwrap();
    open(&subject, vec![opening(1, 1)]).await;
    let steps = vec![asked(&stored(&subject, rotation_id(1, 1)).await)];
    let commands = journal.commit(Commit { steps, ..Commit::default() }).await.unwrap();
    let commands_done: Vec<_> = commands.iter().map(|command| command.id).collect();

    for _ in 0..2 {
        let (facts_done, commands_done) = (facts_done.clone(), commands_done.clone());
        commit(&subject, Commit { facts_done, commands_done, ..Commit::default() }).await;
    }

    assert_eq!(facts(&subject).await, []);
    assert_eq!(journal.undone(CommandId(0), 10).await.unwrap(), []);
}

pub async fn deadlines_come_the_earliest_first(subject: impl JournalSubject) {
    let at = |number: u32, day| opened_at(1, number, Cause::Operator, NOW + days(day));
    open(&subject, vec![at(1, 3), at(2, 1), at(3, 2), at(4, 4)]).await;

    let due = async |limit, day| {
        let due = subject.journal().due(limit, NOW + days(day)).await.unwrap();
        due.into_iter().map(|stored| stored.rotation.thing.clone()).collect::<Vec<_>>()
    };

    assert_eq!(due(10, 0).await, []);
    assert_eq!(due(10, 1).await, [thing(2)]);
    assert_eq!(due(10, 3).await, [thing(2), thing(3), thing(1)]);
    assert_eq!(due(2, 9).await, [thing(2), thing(3)]);
}

pub async fn an_ended_rotation_is_neither_due_nor_in_the_way(subject: impl JournalSubject) {
    open(&subject, vec![opening(1, 1)]).await;
    let ending = ended(&stored(&subject, rotation_id(1, 1)).await);

    step(&subject, ending.clone()).await;

    let journal = subject.journal();
    assert_eq!(journal.due(10, Timestamp::MAX).await.unwrap(), []);
    assert_eq!(journal.open_with(&certificate_id(1, 1)).await.unwrap(), []);
    let last = journal.latest(&[thing(1)]).await.unwrap().remove(0).unwrap();
    assert_eq!(last.state, ending.state);
    open(&subject, vec![opened_at(2, 1, Cause::Operator, NOW + days(1))]).await;
    let latest = journal.latest(&[thing(1)]).await.unwrap().remove(0).unwrap();
    assert_eq!(latest.rotation.id, rotation_id(2, 1));
}

pub async fn answers_stand_where_they_were_asked_for(subject: impl JournalSubject) {
    open(&subject, (1..4).map(|number| opening(1, number)).collect()).await;
    let numbers = [3, 9, 1, 3];

    let ids = numbers.map(|number| rotation_id(1, number));
    let loaded = subject.journal().load(&ids).await.unwrap();
    let latest = subject.journal().latest(&numbers.map(thing)).await.unwrap();

    let wanted = numbers.map(|number| (number != 9).then(|| thing(number)));
    for found in [loaded, latest] {
        let things: Vec<_> =
            found.into_iter().map(|it| it.map(|it| it.rotation.thing.clone())).collect();
        assert_eq!(things, wanted);
    }
}

pub async fn the_rotations_of_a_certificate_are_found_while_they_are_open(
    subject: impl JournalSubject,
) {
    open(&subject, vec![opening(1, 1), opening(1, 2)]).await;
    let incoming = certificate_id(2, 1);
    let enrolling = Enrolling { incoming, csr: Digest::from_bytes([1; 32]), tries: 1, due_at: NOW };
    let opened = stored(&subject, rotation_id(1, 1)).await;
    step(&subject, moved(&opened, enrolling.into())).await;

    let with = async |id| subject.journal().open_with(&id).await.unwrap();
    let (by_outgoing, by_incoming) = (with(certificate_id(1, 1)).await, with(incoming).await);
    let cancelled = Failure::Cancelled { by: Cancellation::Operator };
    let failed = failed(cancelled, Some(incoming));
    step(&subject, moved(&stored(&subject, rotation_id(1, 1)).await, failed)).await;

    assert_eq!([by_outgoing, by_incoming], [[rotation_id(1, 1)], [rotation_id(1, 1)]]);
    assert_eq!(with(certificate_id(1, 1)).await, []);
    assert_eq!(with(incoming).await, []);
}

pub async fn every_state_and_command_comes_back_as_it_was(mut subject: impl JournalSubject) {
    let states = states();
    let openings = (0..).zip(&states).map(|(number, _)| opening(1, number)).collect();
    open(&subject, openings).await;
    let mut steps = Vec::new();
    for (number, state) in (0..).zip(&states) {
        let mut step = moved(&stored(&subject, rotation_id(1, number)).await, state.clone());
        step.commands = commands();
        steps.push(step);
    }
    let left = subject.journal().commit(Commit { steps, ..Commit::default() }).await.unwrap();

    subject.reopen().await;

    for (number, state) in (0..).zip(states) {
        assert_eq!(stored(&subject, rotation_id(1, number)).await.state, state);
    }
    assert_eq!(subject.journal().undone(CommandId(0), 1000).await.unwrap(), left);
    let found: Vec<_> = left.into_iter().map(|it| it.command).take(commands().len()).collect();
    assert_eq!(found, commands());
}

pub async fn what_was_committed_survives(mut subject: impl JournalSubject) {
    subject.journal().accept(vec![requested(1), requested(2)]).await.unwrap();
    open(&subject, vec![opening(1, 1), opening(1, 2)]).await;
    step(&subject, asked(&stored(&subject, rotation_id(1, 1)).await)).await;
    let journal = subject.journal();
    let before = (
        journal.pending(FactId(0), 10).await.unwrap(),
        journal.undone(CommandId(0), 10).await.unwrap(),
        journal.due(10, Timestamp::MAX).await.unwrap(),
        subject.history(rotation_id(1, 1)).await,
    );

    subject.reopen().await;

    let journal = subject.journal();
    let after = (
        journal.pending(FactId(0), 10).await.unwrap(),
        journal.undone(CommandId(0), 10).await.unwrap(),
        journal.due(10, Timestamp::MAX).await.unwrap(),
        subject.history(rotation_id(1, 1)).await,
    );
    assert_eq!((after.0.len(), after.1.len(), after.2.len(), after.3.len()), (2, 1, 2, 1));
    assert_eq!(after, before);
}
