//! The journal: facts that came in, where every rotation stands, and commands not yet done.

use std::sync::Arc;

use async_trait::async_trait;
use perennial_core::{
    ids::{AuditTaskId, CertificateId, ClientId, RotationId, ThingName},
    rotation::{Command, Note, Rotation, State},
    time::Timestamp,
    topic::Kind,
};
use serde::{Deserialize, Serialize};

use super::PortError;

/// A fact's number in the inbox, in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FactId(pub i64);

/// A command's number in the outbox, in the order in which commands are to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CommandId(pub i64);

/// Something that happened outside, durable from the moment its sender learns that it arrived.
///
/// Presence is not among them: a device that is still connected, or connects again, says so anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A device published on one of its management topics.
    Message {
        /// The client id of the session.
        client_id: ClientId,
        /// The certificate of the session.
        principal: CertificateId,
        /// The client id that the topic names.
        addressee: ClientId,
        /// Which message.
        kind: Kind,
        /// The payload as it came.
        payload: Vec<u8>,
    },
    /// An audit task ended; its findings are to be acted upon.
    AuditCompleted {
        /// The task.
        task: AuditTaskId,
    },
    /// Somebody wants a certificate rotated now.
    RotationRequested {
        /// The id that the rotation shall have; drawn when it is opened, if there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rotation_id: Option<RotationId>,
        /// The thing.
        thing: ThingName,
        /// Its certificate; `None` for the one it uses.
        certificate_id: Option<CertificateId>,
        /// Whether a new key is wanted.
        rekey: bool,
    },
    /// Somebody wants an open rotation to begin now.
    StartRequested {
        /// The rotation.
        rotation_id: RotationId,
    },
    /// Somebody called an open rotation off.
    CancellationRequested {
        /// The rotation.
        rotation_id: RotationId,
    },
    /// A certificate was deactivated, revoked or deleted by other hands than a rotation's.
    CertificateWithdrawn {
        /// The certificate.
        certificate_id: CertificateId,
    },
}

/// A rotation as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What is fixed.
    pub rotation: Arc<Rotation>,
    /// Where it stands.
    pub state: State,
    /// How many steps were committed; the next one must name this number.
    pub version: u64,
    /// How many inputs were ignored so far.
    pub ignored: u32,
}

/// A rotation to open.
#[derive(Debug, Clone)]
pub struct NewRotation {
    /// What is fixed.
    pub rotation: Rotation,
    /// Where it starts.
    pub state: State,
}

/// One line of a rotation's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// The input's name.
    pub input: String,
    /// The state before.
    pub from: String,
    /// The state after.
    pub to: String,
    /// Whether it counted.
    pub note: Note,
    /// Who or what, in words: the sender, a code, an error's text.
    pub detail: String,
}

/// One rotation's new state, with what led to it and what is to be done.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// The rotation.
    pub rotation_id: RotationId,
    /// [`Stored::version`] as it was loaded.
    pub version: u64,
    /// The state from now on.
    pub state: State,
    /// How many inputs were ignored in all.
    pub ignored: u32,
    /// One entry for each input of this step, in order.
    pub history: Vec<HistoryEntry>,
    /// Commands for the outbox, in order.
    pub commands: Vec<Command>,
}

/// What is to become durable together.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// Rotations to open once the steps are made, so that one may follow upon another that they
    /// end; one whose thing has an open rotation, or whose (audit task, outgoing certificate) was
    /// opened before, is left out silently.
    pub openings: Vec<NewRotation>,
    /// Steps, at most one for a rotation.
    pub steps: Vec<StepRecord>,
    /// Facts that need no more attention.
    pub facts_done: Vec<FactId>,
    /// Commands whose outcome is part of this commit, or that have none.
    pub commands_done: Vec<CommandId>,
}

impl Commit {
    /// Whether there is nothing to make durable.
    pub fn is_empty(&self) -> bool {
        self.openings.is_empty()
            && self.steps.is_empty()
            && self.facts_done.is_empty()
            && self.commands_done.is_empty()
    }
}

/// A command that is to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxCommand {
    /// Its number.
    pub id: CommandId,
    /// The rotation that wants it.
    pub rotation_id: RotationId,
    /// What to do.
    pub command: Command,
}

/// Durable memory of the ring.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes facts to the inbox; when it returns they are durable.
    async fn accept(&self, facts: Vec<Fact>) -> Result<Vec<FactId>, PortError>;

    /// Facts not yet done whose number is above `after`, in order, at most `limit`.
    async fn pending(&self, after: FactId, limit: usize) -> Result<Vec<(FactId, Fact)>, PortError>;

    /// The rotations with these ids.
    async fn load(&self, ids: &[RotationId]) -> Result<Vec<Option<Stored>>, PortError>;

    /// For each thing its open rotation, or else its latest one.
    async fn latest(&self, things: &[ThingName]) -> Result<Vec<Option<Stored>>, PortError>;

    /// Ids of the open rotations whose outgoing or incoming certificate this is.
    async fn open_with(&self, certificate: &CertificateId) -> Result<Vec<RotationId>, PortError>;

    /// Makes all of `commit` durable, or nothing of it; answers its steps' commands with their
    /// numbers, in the order of the steps.
    async fn commit(&self, commit: Commit) -> Result<Vec<OutboxCommand>, PortError>;

    /// Open rotations whose deadline has come, the earliest first, at most `limit`.
    async fn due(&self, limit: usize, now: Timestamp) -> Result<Vec<Stored>, PortError>;

    /// Commands not yet done whose number is above `after`, in order, at most `limit`.
    async fn undone(&self, after: CommandId, limit: usize)
    -> Result<Vec<OutboxCommand>, PortError>;
}
