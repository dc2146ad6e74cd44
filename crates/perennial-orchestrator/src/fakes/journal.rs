//! The journal in memory: what [`Journal::commit`] answered survives a crash, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use perennial_core::{
    ids::{AuditTaskId, CertificateId, RotationId, ThingName},
    rotation::{Cause, Command},
    time::Timestamp,
};

use super::{Seen, Verb, Witness, fault::Gate};
use crate::port::{
    CommandId, Commit, Fact, FactId, HistoryEntry, Journal, NewRotation, OutboxCommand, PortError,
    StepRecord, Stored,
};

/// What is durable.
#[derive(Default)]
pub(super) struct Durable {
    facts: i64,
    inbox: BTreeMap<FactId, Fact>,
    commands: i64,
    outbox: BTreeMap<CommandId, OutboxCommand>,
    rotations: HashMap<RotationId, Kept>,
    of_thing: HashMap<ThingName, BTreeSet<(Timestamp, RotationId)>>,
    open: HashMap<ThingName, RotationId>,
    due: BTreeSet<(Timestamp, RotationId)>,
    served: HashSet<(AuditTaskId, CertificateId, ThingName)>,
    refused: HashSet<ThingName>,
    most_undone: usize,
}

struct Kept {
    stored: Stored,
    history: Vec<HistoryEntry>,
}

/// The journal as one process has it.
#[derive(Clone)]
pub struct FakeJournal {
    pub(super) durable: Arc<Mutex<Durable>>,
    pub(super) witness: Witness,
    pub(super) gate: Gate,
}

impl FakeJournal {
    /// A rotation's history, the earliest first.
    pub fn history(&self, id: RotationId) -> Vec<HistoryEntry> {
        let durable = self.durable.lock();
        durable.rotations.get(&id).map(|kept| kept.history.clone()).unwrap_or_default()
    }

    /// Every rotation there ever was, in the order of their ids.
    pub fn rotations(&self) -> Vec<Stored> {
        let durable = self.durable.lock();
        let mut all: Vec<_> = durable.rotations.values().map(|kept| kept.stored.clone()).collect();
        all.sort_by_key(|stored| stored.rotation.id);
        all
    }

    /// How many rotations are open.
    pub fn open_count(&self) -> usize {
        self.durable.lock().open.len()
    }

    /// How many facts are not done.
    pub fn inbox_len(&self) -> usize {
        self.durable.lock().inbox.len()
    }

    /// How many commands are not done.
    pub fn outbox_len(&self) -> usize {
        self.durable.lock().outbox.len()
    }

    /// The largest number of commands that were ever not done at once.
    pub fn most_undone(&self) -> usize {
        self.durable.lock().most_undone
    }

    /// Fails every commit that steps or opens a rotation of this thing, for good.
    pub fn refuse(&self, thing: ThingName) {
        self.durable.lock().refused.insert(thing);
    }
}

#[async_trait]
impl Journal for FakeJournal {
    async fn accept(&self, facts: Vec<Fact>) -> Result<Vec<FactId>, PortError> {
        let accept = || Ok(self.durable.lock().accept(facts.clone()));
        self.gate.call(Verb::Accept, facts.len(), accept).await
    }

    async fn pending(&self, after: FactId, limit: usize) -> Result<Vec<(FactId, Fact)>, PortError> {
        let read = || {
            let durable = self.durable.lock();
            let above = durable.inbox.range(FactId(after.0.saturating_add(1))..);
            Ok(above.take(limit).map(|(id, fact)| (*id, fact.clone())).collect::<Vec<_>>())
        };
        let page = self.gate.call(Verb::Pending, 0, read).await?;
        self.gate.answered(Verb::Pending, page.len());
        Ok(page)
    }

    async fn load(&self, ids: &[RotationId]) -> Result<Vec<Option<Stored>>, PortError> {
        let read = || {
            let durable = self.durable.lock();
            Ok(ids.iter().map(|id| durable.stored(id)).collect())
        };
        self.gate.call(Verb::Load, ids.len(), read).await
    }

    async fn latest(&self, things: &[ThingName]) -> Result<Vec<Option<Stored>>, PortError> {
        let read = || {
            let durable = self.durable.lock();
            Ok(things.iter().map(|thing| durable.latest(thing)).collect())
        };
        self.gate.call(Verb::Latest, things.len(), read).await
    }

    async fn open_with(&self, certificate: &CertificateId) -> Result<Vec<RotationId>, PortError> {
        let read = || Ok(self.durable.lock().open_with(certificate));
        self.gate.call(Verb::OpenWith, 1, read).await
    }

    async fn commit(&self, commit: Commit) -> Result<Vec<OutboxCommand>, PortError> {
        let size = commit.openings.len() + commit.steps.len();
        let write = || self.durable.lock().commit(commit, &self.witness);
        self.gate.call(Verb::Commit, size, write).await
    }

    async fn due(&self, limit: usize, now: Timestamp) -> Result<Vec<Stored>, PortError> {
        let read = || {
            let durable = self.durable.lock();
            let come = durable.due.iter().take_while(|(due_at, _)| *due_at <= now).take(limit);
            Ok(come.filter_map(|(_, id)| durable.stored(id)).collect::<Vec<_>>())
        };
        let page = self.gate.call(Verb::Due, 0, read).await?;
        self.gate.answered(Verb::Due, page.len());
        Ok(page)
    }

    async fn undone(
        &self,
        after: CommandId,
        limit: usize,
    ) -> Result<Vec<OutboxCommand>, PortError> {
        let read = || {
            let durable = self.durable.lock();
            let above = durable.outbox.range(CommandId(after.0.saturating_add(1))..);
            Ok(above.take(limit).map(|(_, command)| command.clone()).collect())
        };
        self.gate.call(Verb::Undone, 0, read).await
    }
}

impl Durable {
    pub(super) fn accept(&mut self, facts: Vec<Fact>) -> Vec<FactId> {
        facts.into_iter().map(|fact| self.accept_one(fact)).collect()
    }

    fn accept_one(&mut self, fact: Fact) -> FactId {
        self.facts += 1;
        let id = FactId(self.facts);
        self.inbox.insert(id, fact);
        id
    }

    fn stored(&self, id: &RotationId) -> Option<Stored> {
        self.rotations.get(id).map(|kept| kept.stored.clone())
    }

    fn latest(&self, thing: &ThingName) -> Option<Stored> {
        // An open rotation is its thing's latest: none is opened while one is open.
        let (_, id) = self.of_thing.get(thing)?.last()?;
        self.stored(id)
    }

    fn open_with(&self, certificate: &CertificateId) -> Vec<RotationId> {
        let part_of = |id: &&RotationId| {
            self.rotations.get(id).is_some_and(|Kept { stored, .. }| {
                stored.rotation.outgoing == *certificate
                    || stored.state.incoming() == Some(certificate)
            })
        };
        self.open.values().filter(part_of).copied().collect()
    }

    /// First sees whether all of it can be done, then does all of it.
    fn commit(
        &mut self,
        commit: Commit,
        witness: &Witness,
    ) -> Result<Vec<OutboxCommand>, PortError> {
        for opening in &commit.openings {
            self.check_thing(&opening.rotation.thing)?;
        }
        for step in &commit.steps {
            self.check_step(step)?;
        }
        let commands = commit.steps.into_iter().flat_map(|it| self.step(it, witness)).collect();
        for opening in commit.openings {
            self.open(opening, witness);
        }
        for fact in commit.facts_done {
            self.inbox.remove(&fact);
        }
        for command in commit.commands_done {
            self.outbox.remove(&command);
        }
        self.most_undone = self.most_undone.max(self.outbox.len());
        Ok(commands)
    }

    fn check_thing(&self, thing: &ThingName) -> Result<(), PortError> {
        if self.refused.contains(thing) {
            return Err(PortError::permanent(format!("nothing of {thing} is written, as asked")));
        }
        Ok(())
    }

    fn check_step(&self, step: &StepRecord) -> Result<(), PortError> {
        let StepRecord { rotation_id, version, .. } = step;
        let known = self.rotations.get(rotation_id).map(|kept| &kept.stored);
        match known.filter(|stored| stored.version == *version) {
            Some(stored) => self.check_thing(&stored.rotation.thing),
            None => Err(PortError::permanent(format!(
                "rotation {rotation_id} was stepped by somebody else since version {version}"
            ))),
        }
    }

    fn open(&mut self, opening: NewRotation, witness: &Witness) {
        let NewRotation { rotation, state } = opening;
        if self.open.contains_key(&rotation.thing) {
            return;
        }
        if let Cause::Finding { task } = rotation.cause
            && !self.served.insert((task, rotation.outgoing, rotation.thing.clone()))
        {
            return;
        }
        witness.saw(Seen::Opened(rotation.clone()));
        self.due.extend(state.due_at().map(|due_at| (due_at, rotation.id)));
        self.open.insert(rotation.thing.clone(), rotation.id);
        let of_thing = self.of_thing.entry(rotation.thing.clone()).or_default();
        of_thing.insert((rotation.opened_at, rotation.id));
        let id = rotation.id;
        let stored = Stored { rotation: Arc::new(rotation), state, version: 0, ignored: 0 };
        self.rotations.insert(id, Kept { stored, history: Vec::new() });
    }

    fn step(&mut self, step: StepRecord, witness: &Witness) -> Vec<OutboxCommand> {
        let StepRecord { rotation_id, state, ignored, history, commands, .. } = step;
        let Some(kept) = self.rotations.get_mut(&rotation_id) else { return Vec::new() };
        let due_before = kept.stored.state.due_at();
        kept.history.extend(history);
        kept.stored.version += 1;
        (kept.stored.state, kept.stored.ignored) = (state.clone(), ignored);
        if !state.is_open() {
            self.open.remove(&kept.stored.rotation.thing);
        }
        if let Some(due_at) = due_before {
            self.due.remove(&(due_at, rotation_id));
        }
        self.due.extend(state.due_at().map(|due_at| (due_at, rotation_id)));
        witness.saw(Seen::Stepped { rotation_id, to: state, commands: commands.clone() });
        commands.into_iter().map(|command| self.command(rotation_id, command)).collect()
    }

    fn command(&mut self, rotation_id: RotationId, command: Command) -> OutboxCommand {
        self.commands += 1;
        let outbox = OutboxCommand { id: CommandId(self.commands), rotation_id, command };
        self.outbox.insert(outbox.id, outbox.clone());
        outbox
    }
}
