//! A batch: the rotations that a set of events touches, stepped in memory and committed as one.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use perennial_core::{
    ids::{ClientId, RotationId, ThingName},
    message::{Message as _, ProofKind, RefusalCode},
    rotation::{Command, Ignored, Input, Note, Remedy, Rotation, Sender, Timing, step},
    time::Timestamp,
    topic::Kind,
};
use tracing::{info, warn};

use super::{
    held::Held,
    work::{Key, Says, Unread, Work},
};
use crate::{
    history, payload,
    port::{
        Commit, HistoryEntry, NewRotation, PortError, ProofClaim, Publication, StepRecord, Stored,
    },
    ring::Ports,
    verbs::Job,
};

/// After this many ignored inputs a rotation no longer records or answers them.
const MAX_IGNORED: u32 = 64;

/// A rotation in the making of its next state.
#[derive(Debug)]
struct Working {
    stored: Stored,
    history: Vec<HistoryEntry>,
    commands: Vec<Command>,
}

/// The rotations that a set of events touches.
#[derive(Debug, Default)]
pub(super) struct Batch {
    rotations: BTreeMap<RotationId, Working>,
    by_thing: HashMap<ThingName, RotationId>,
    /// Which certificates' keys signed, by the number of the work whose proof was checked.
    proven: HashMap<usize, perennial_core::ids::CertificateId>,
    strangers: Vec<(ClientId, Unread)>,
    commit: Commit,
}

impl Batch {
    /// Takes or loads every rotation that `works` are for.
    pub(super) async fn load(
        works: &[Work],
        held: &mut Held,
        ports: &Ports,
    ) -> Result<Self, PortError> {
        let (mut ids, mut things) = (BTreeSet::new(), BTreeSet::new());
        for key in works.iter().filter_map(|work| work.key.as_ref()) {
            match key {
                Key::Rotation(id) => drop(ids.insert(*id)),
                Key::Thing(thing) => drop(things.insert(thing.clone())),
            }
        }
        let mut batch = Self::default();
        ids.retain(|id| !batch.hold(held.take(id)));
        things.retain(|thing| {
            !batch.by_thing.contains_key(thing) && !batch.hold(held.take_of(thing))
        });
        batch.read(ids.into_iter().collect(), things.into_iter().collect(), ports).await?;
        Ok(batch)
    }

    /// Reads what is not held.
    async fn read(
        &mut self,
        ids: Vec<RotationId>,
        things: Vec<ThingName>,
        ports: &Ports,
    ) -> Result<(), PortError> {
        if !ids.is_empty() {
            for stored in ports.journal.load(&ids).await? {
                self.hold(stored);
            }
        }
        if !things.is_empty() {
            let latest = ports.journal.latest(&things).await?;
            for (thing, stored) in things.into_iter().zip(latest) {
                if let Some(stored) = &stored {
                    self.by_thing.insert(thing, stored.rotation.id);
                }
                self.hold(stored);
            }
        }
        Ok(())
    }

    /// Works on this rotation, if there is one; says whether there is. An open one is its thing's
    /// latest.
    fn hold(&mut self, stored: Option<Stored>) -> bool {
        let Some(stored) = stored else { return false };
        let id = stored.rotation.id;
        if stored.state.is_open() {
            self.by_thing.insert(stored.rotation.thing.clone(), id);
        }
        let working = Working { stored, history: Vec::new(), commands: Vec::new() };
        self.rotations.entry(id).or_insert(working);
        true
    }

    fn rotation_of(&self, key: Option<&Key>) -> Option<RotationId> {
        match key? {
            Key::Rotation(id) => self.rotations.contains_key(id).then_some(*id),
            Key::Thing(thing) => self.by_thing.get(thing).copied(),
        }
    }

    /// Checks the proofs that would tell more than the session does.
    pub(super) async fn check_proofs(
        &mut self,
        works: &[Work],
        ports: &Ports,
    ) -> Result<(), PortError> {
        let (numbers, claims): (Vec<usize>, Vec<ProofClaim>) = works
            .iter()
            .enumerate()
            .filter_map(|(number, work)| Some((number, self.claim(work)?)))
            .unzip();
        if claims.is_empty() {
            return Ok(());
        }
        let speakers: Vec<_> = claims.iter().map(|claim| claim.certificate_id).collect();
        let verdicts = ports.authority.check_proofs(claims).await?;
        for ((number, speaker), good) in numbers.into_iter().zip(speakers).zip(verdicts) {
            if good {
                self.proven.insert(number, speaker);
            }
        }
        Ok(())
    }

    /// The claim of a message whose session is not the one that must speak.
    fn claim(&self, work: &Work) -> Option<ProofClaim> {
        let proof = work.proof.clone()?;
        let Says::Input(input) = &work.says else { return None };
        let stored = &self.rotations.get(&self.rotation_of(work.key.as_ref())?)?.stored;
        let rotation_id = stored.rotation.id;
        let (kind, certificate_id, sender, csr) = match (&**input, stored.state.incoming()) {
            (Input::CsrReceived { sender, csr, .. }, _) => {
                (ProofKind::Continuity, stored.rotation.outgoing, sender, Some(csr.clone()))
            }
            (Input::AckReceived { sender, .. }, Some(incoming)) => {
                (ProofKind::Possession, *incoming, sender, None)
            }
            (_, _) => return None,
        };
        let claim = ProofClaim { certificate_id, kind, rotation_id, csr, proof };
        (!sender.is(&certificate_id)).then_some(claim)
    }

    /// Lets the core decide each event in order.
    pub(super) fn step(&mut self, works: &[Work], timing: &Timing, now: Timestamp) {
        for (number, work) in works.iter().enumerate() {
            self.commit.facts_done.extend(work.fact);
            self.commit.commands_done.extend(work.command);
            match (&work.says, self.rotation_of(work.key.as_ref())) {
                (Says::Nothing, _) => {}
                (Says::Input(input), Some(id)) => {
                    let proven = self.proven.get(&number).copied();
                    self.advance(id, with_proof((**input).clone(), proven), timing, now);
                }
                (Says::Input(input), None) => self.not_asked(work, input),
                (Says::Unread(unread), id) => self.unread(work, unread, id, now),
            }
        }
    }

    fn advance(&mut self, id: RotationId, input: Input, timing: &Timing, now: Timestamp) {
        let Some(working) = self.rotations.get_mut(&id) else { return };
        let before = working.stored.state.clone();
        let decided = step(&working.stored.rotation, before.clone(), input.clone(), timing, now);
        if !recorded(&decided.note, &input, &mut working.stored.ignored) {
            return;
        }
        let names = (before.name(), decided.state.name());
        working.history.push(history::entry(&input, names, decided.note, now));
        working.commands.extend(decided.commands);
        report(&working.stored.rotation, names, &decided.note, &input);
        working.stored.state = decided.state;
        if let Some(next) = decided.successor {
            let (rotation, state) = (next.rotation, next.state);
            let remedy = rotation.remedy().map(Remedy::name);
            info!(rotation.id = %id, next.id = %rotation.id, remedy, "followed");
            self.commit.openings.push(NewRotation { rotation, state });
        }
    }

    /// A device spoke of a rotation that never was.
    fn not_asked(&mut self, work: &Work, input: &Input) {
        let Some(about) = input.message_kind() else { return };
        let code = RefusalCode::NotAsked;
        let unread = Unread { about, code, reason: code.in_words().to_owned() };
        self.stranger(work, unread);
    }

    fn stranger(&mut self, work: &Work, unread: Unread) {
        let Some(client_id) = work.speaker.clone() else { return };
        warn!(client.id = %client_id, topic = %unread.about, reason = %unread.reason, "refused");
        self.strangers.push((client_id, unread));
    }

    /// A message that cannot be read is recorded with the rotation it may have been meant for.
    fn unread(&mut self, work: &Work, unread: &Unread, id: Option<RotationId>, now: Timestamp) {
        let open = id.and_then(|id| self.rotations.get_mut(&id));
        if let Some(working) = open.filter(|working| working.stored.state.is_open()) {
            working.stored.ignored += 1;
            if working.stored.ignored > MAX_IGNORED {
                return;
            }
            let state = working.stored.state.name();
            working.history.push(HistoryEntry {
                at: now,
                input: format!("{}Unreadable", unread.about),
                from: state.to_owned(),
                to: state.to_owned(),
                note: Note::Ignored(Ignored::OutOfTurn),
                detail: unread.reason.clone(),
            });
        }
        self.stranger(work, unread.clone());
    }

    /// Tells devices why messages of theirs concern no rotation.
    pub(super) async fn tell_strangers(&mut self, ports: &Ports) {
        let told = std::mem::take(&mut self.strangers);
        let publication = |(client_id, unread): (ClientId, Unread)| {
            let message = payload::refused(unread.about, unread.code, None, &unread.reason);
            let payload = message.to_payload().ok()?.into();
            Some(Publication { client_id, kind: Kind::Refused, payload })
        };
        let publications: Vec<_> = told.into_iter().filter_map(publication).collect();
        if !publications.is_empty() {
            ports.messaging.publish(publications).await;
        }
    }

    /// Makes it all durable, holds what is open, and answers the commands that may now be carried
    /// out.
    pub(super) async fn commit(
        self,
        held: &mut Held,
        ports: &Ports,
    ) -> Result<Vec<Job>, PortError> {
        let mut commit = self.commit;
        let mut rotations: HashMap<RotationId, Arc<Rotation>> = HashMap::new();
        let mut committed = Vec::with_capacity(self.rotations.len());
        for (rotation_id, working) in self.rotations {
            let Working { mut stored, history, commands } = working;
            if !history.is_empty() {
                let (version, ignored) = (stored.version, stored.ignored);
                let state = stored.state.clone();
                let step = StepRecord { rotation_id, version, state, ignored, history, commands };
                commit.steps.push(step);
                stored.version += 1;
                rotations.insert(rotation_id, Arc::clone(&stored.rotation));
            }
            committed.push(stored);
        }
        let commands =
            if commit.is_empty() { Vec::new() } else { ports.journal.commit(commit).await? };
        committed.into_iter().for_each(|stored| held.put(stored));
        let job = |command: crate::port::OutboxCommand| {
            let rotation = Arc::clone(rotations.get(&command.rotation_id)?);
            Some(Job { id: command.id, rotation, command: command.command })
        };
        Ok(commands.into_iter().filter_map(job).collect())
    }
}

/// Adds what a proof showed to what the session showed.
fn with_proof(mut input: Input, proven: Option<perennial_core::ids::CertificateId>) -> Input {
    if let Input::CsrReceived { sender, .. } | Input::AckReceived { sender, .. } = &mut input {
        *sender = Sender { proven, ..*sender };
    }
    input
}

/// Whether an input goes on record. Presence that does not matter never does; what else was
/// ignored does until there is too much of it, so that no device can fill the disk.
fn recorded(note: &Note, input: &Input, ignored: &mut u32) -> bool {
    match note {
        Note::Counted => true,
        Note::Ignored(_) => {
            if is_presence(input) {
                return false;
            }
            *ignored = ignored.saturating_add(1);
            *ignored <= MAX_IGNORED
        }
    }
}

const fn is_presence(input: &Input) -> bool {
    matches!(
        input,
        Input::DeviceConnected { .. }
            | Input::DeviceSubscribed { .. }
            | Input::DeadlinePassed { .. }
    )
}

fn report(rotation: &Rotation, (from, to): (&str, &str), note: &Note, input: &Input) {
    let (id, thing, input) = (rotation.id, &rotation.thing, input.name());
    match note {
        Note::Counted => {
            info!(rotation.id = %id, thing.name = %thing, from, to, input, "stepped");
        }
        Note::Ignored(why) => {
            let why = why.in_words();
            warn!(rotation.id = %id, thing.name = %thing, state = from, input, why, "ignored");
        }
    }
}
