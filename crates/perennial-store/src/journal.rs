//! The journal: inbox, rotations with their history, and outbox, changed in one transaction.

use std::sync::Arc;

use async_trait::async_trait;
use perennial_core::{
    ids::{CertificateId, RotationId, ThingName},
    rotation::{Cause, Command, State},
    time::Timestamp,
};
use perennial_orchestrator::port::{
    CommandId, Commit, Fact, FactId, HistoryEntry, Journal, NewRotation, OutboxCommand, PortError,
    StepRecord, Stored,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::json;

use crate::{
    Store, StoreError,
    events::{self, count},
    row::{from_json, to_json},
};

/// Ignored inputs of one step are numbered within it; a step never has this many.
const INPUTS_A_STEP: i64 = 4096;

const STORED: &str = "SELECT r.fixed, s.state, s.version, s.ignored FROM rotations r \
     JOIN rotation_states s ON s.rotation_id = r.id";

#[async_trait]
impl Journal for Store {
    async fn accept(&self, facts: Vec<Fact>) -> Result<Vec<FactId>, PortError> {
        let job = move |connection: &Connection| {
            facts.into_iter().map(|fact| insert_fact(connection, fact)).collect()
        };
        Ok(self.write(job).await?)
    }

    async fn pending(&self, after: FactId, limit: usize) -> Result<Vec<(FactId, Fact)>, PortError> {
        Ok(self.read(move |connection| pending(connection, after, limit)).await?)
    }

    async fn load(&self, ids: &[RotationId]) -> Result<Vec<Option<Stored>>, PortError> {
        let ids = ids.to_vec();
        let job = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&format!("{STORED} WHERE r.id = ?"))?;
            let mut load = |id: &RotationId| {
                let stored = statement.query_row([id.as_bytes()], columns).optional()?;
                stored.map(stored_rotation).transpose()
            };
            ids.iter().map(&mut load).collect()
        };
        Ok(self.read(job).await?)
    }

    async fn latest(&self, things: &[ThingName]) -> Result<Vec<Option<Stored>>, PortError> {
        let things = things.to_vec();
        let job = move |connection: &Connection| {
            // An open rotation is its thing's latest: none is opened while one is open.
            let mut statement = connection.prepare_cached(&format!(
                "{STORED} WHERE r.thing = ? ORDER BY r.opened_at DESC, r.id DESC LIMIT 1"
            ))?;
            let mut load = |thing: &ThingName| {
                let stored = statement.query_row([thing.as_str()], columns).optional()?;
                stored.map(stored_rotation).transpose()
            };
            things.iter().map(&mut load).collect()
        };
        Ok(self.read(job).await?)
    }

    async fn open_with(&self, certificate: &CertificateId) -> Result<Vec<RotationId>, PortError> {
        let certificate = *certificate;
        Ok(self.read(move |connection| open_with(connection, &certificate)).await?)
    }

    async fn commit(&self, commit: Commit) -> Result<Vec<OutboxCommand>, PortError> {
        Ok(self.write(move |connection| apply(connection, commit)).await?)
    }

    async fn due(&self, limit: usize, now: Timestamp) -> Result<Vec<Stored>, PortError> {
        let job = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{STORED} WHERE s.due_at <= ? ORDER BY s.due_at LIMIT ?"
            ))?;
            let rows = statement.query_map(params![now.as_millis(), count(limit)], columns)?;
            rows.map(|row| stored_rotation(row?)).collect()
        };
        Ok(self.read(job).await?)
    }

    async fn undone(
        &self,
        after: CommandId,
        limit: usize,
    ) -> Result<Vec<OutboxCommand>, PortError> {
        Ok(self.read(move |connection| undone(connection, after, limit)).await?)
    }
}

pub(crate) fn insert_fact(connection: &Connection, mut fact: Fact) -> Result<FactId, StoreError> {
    // A payload stands apart: in JSON it would take up several times its size.
    let payload = match &mut fact {
        Fact::Message { payload, .. } => Some(std::mem::take(payload)),
        Fact::AuditCompleted { .. }
        | Fact::RotationRequested { .. }
        | Fact::StartRequested { .. }
        | Fact::CancellationRequested { .. }
        | Fact::CertificateWithdrawn { .. } => None,
    };
    connection
        .prepare_cached("INSERT INTO inbox (fact, payload) VALUES (?, ?)")?
        .execute(params![to_json("fact", &fact)?, payload])?;
    Ok(FactId(connection.last_insert_rowid()))
}

fn pending(
    connection: &Connection,
    after: FactId,
    limit: usize,
) -> Result<Vec<(FactId, Fact)>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT id, fact, payload FROM inbox WHERE id > ? ORDER BY id LIMIT ?")?;
    let mut rows = statement.query(params![after.0, count(limit)])?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        let mut fact: Fact = from_json("fact", &row.get::<_, String>(1)?)?;
        if let Fact::Message { payload, .. } = &mut fact {
            *payload = row.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default();
        }
        facts.push((FactId(row.get(0)?), fact));
    }
    Ok(facts)
}

type Columns = (String, String, i64, i64);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn stored_rotation((fixed, state, version, ignored): Columns) -> Result<Stored, StoreError> {
    Ok(Stored {
        rotation: Arc::new(from_json("rotation", &fixed)?),
        state: from_json("rotation state", &state)?,
        version: u64::try_from(version).map_err(|error| StoreError::corrupt("version", error))?,
        ignored: u32::try_from(ignored).unwrap_or(u32::MAX),
    })
}

fn open_with(
    connection: &Connection,
    certificate: &CertificateId,
) -> Result<Vec<RotationId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT s.rotation_id FROM rotation_states s WHERE s.incoming = ?1 AND s.due_at IS NOT NULL \
         UNION SELECT r.id FROM rotations r JOIN rotation_states s ON s.rotation_id = r.id \
         WHERE r.outgoing = ?1 AND s.due_at IS NOT NULL",
    )?;
    let rows = statement.query_map([certificate.as_bytes()], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(RotationId::from_bytes)).collect::<Result<_, _>>()?)
}

fn undone(
    connection: &Connection,
    after: CommandId,
    limit: usize,
) -> Result<Vec<OutboxCommand>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, rotation_id, command FROM outbox WHERE id > ? ORDER BY id LIMIT ?",
    )?;
    let mut rows = statement.query(params![after.0, count(limit)])?;
    let mut commands = Vec::new();
    while let Some(row) = rows.next()? {
        let command: Command = from_json("command", &row.get::<_, String>(2)?)?;
        let rotation_id = RotationId::from_bytes(row.get(1)?);
        commands.push(OutboxCommand { id: CommandId(row.get(0)?), rotation_id, command });
    }
    Ok(commands)
}

fn apply(connection: &Connection, commit: Commit) -> Result<Vec<OutboxCommand>, StoreError> {
    let mut commands = Vec::new();
    for step in commit.steps {
        write_step(connection, &step)?;
        for command in step.commands {
            commands.push(insert_command(connection, step.rotation_id, command)?);
        }
    }
    for opening in &commit.openings {
        open(connection, opening)?;
    }
    let mut done = connection.prepare_cached("DELETE FROM inbox WHERE id = ?")?;
    for fact in commit.facts_done {
        done.execute([fact.0])?;
    }
    let mut done = connection.prepare_cached("DELETE FROM outbox WHERE id = ?")?;
    for command in commit.commands_done {
        done.execute([command.0])?;
    }
    Ok(commands)
}

fn open(connection: &Connection, opening: &NewRotation) -> Result<(), StoreError> {
    let NewRotation { rotation, state } = opening;
    let is_open: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM rotation_states WHERE open_thing = ?)")?
        .query_row([rotation.thing.as_str()], |row| row.get(0))?;
    if is_open {
        return Ok(());
    }
    let task = match rotation.cause {
        Cause::Finding { task } => Some(*task.as_bytes()),
        Cause::Operator | Cause::Recovery | Cause::Resolution(_) => None,
    };
    let opened = connection
        .prepare_cached(
            "INSERT INTO rotations (id, thing, outgoing, cause_task, opened_at, fixed) \
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (cause_task, outgoing, thing) \
             WHERE cause_task IS NOT NULL DO NOTHING",
        )?
        .execute(params![
            rotation.id.as_bytes(),
            rotation.thing.as_str(),
            rotation.outgoing.as_bytes(),
            task,
            rotation.opened_at.as_millis(),
            to_json("rotation", rotation)?,
        ])?;
    if opened == 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO rotation_states \
             (rotation_id, open_thing, version, ignored, due_at, incoming, state) \
             VALUES (?, ?, 0, 0, ?, NULL, ?)",
        )?
        .execute(params![
            rotation.id.as_bytes(),
            rotation.thing.as_str(),
            state.due_at().map(Timestamp::as_millis),
            to_json("rotation state", state)?,
        ])?;
    let body = json!({ "rotationId": rotation.id, "thingName": rotation.thing,
        "outgoing": rotation.outgoing, "cause": rotation.cause });
    events::append(connection, "rotation.opened", &body, rotation.opened_at)
}

fn write_step(connection: &Connection, step: &StepRecord) -> Result<(), StoreError> {
    let outdated = || StoreError::Outdated { rotation_id: step.rotation_id, version: step.version };
    let version = i64::try_from(step.version).map_err(|_| outdated())?;
    let (id, incoming) = (step.rotation_id.as_bytes(), step.state.incoming());
    // A column that a statement names has its indexes rewritten, changed or not: those that seldom
    // change have statements of their own.
    let changed = connection
        .prepare_cached(
            "UPDATE rotation_states SET version = ?1 + 1, ignored = ?2, due_at = ?3, state = ?4 \
             WHERE rotation_id = ?5 AND version = ?1",
        )?
        .execute(params![
            version,
            step.ignored,
            step.state.due_at().map(Timestamp::as_millis),
            to_json("rotation state", &step.state)?,
            id,
        ])?;
    if changed == 0 {
        return Err(outdated());
    }
    connection
        .prepare_cached(
            "UPDATE rotation_states SET incoming = ?1 WHERE rotation_id = ?2 AND incoming IS NOT ?1",
        )?
        .execute(params![incoming.map(CertificateId::as_bytes), id])?;
    if !step.state.is_open() {
        connection
            .prepare_cached("UPDATE rotation_states SET open_thing = NULL WHERE rotation_id = ?")?
            .execute([id])?;
    }
    write_history(connection, step, version)?;
    let to = step.state.name();
    match step.history.iter().find(|entry| entry.to == to && entry.from != to) {
        Some(closing) if !step.state.is_open() => {
            closed(connection, step.rotation_id, &step.state, closing.at)
        }
        Some(_) | None => Ok(()),
    }
}

fn write_history(
    connection: &Connection,
    step: &StepRecord,
    version: i64,
) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO rotation_history (rotation_id, seq, entry) VALUES (?, ?, ?)",
    )?;
    for (number, entry) in (0i64..).zip(&step.history) {
        let seq = version.saturating_mul(INPUTS_A_STEP) + number;
        insert.execute(params![step.rotation_id.as_bytes(), seq, history_json(entry)?])?;
    }
    Ok(())
}

fn history_json(entry: &HistoryEntry) -> Result<String, StoreError> {
    to_json("history entry", entry)
}

fn closed(
    connection: &Connection,
    rotation_id: RotationId,
    state: &State,
    now: Timestamp,
) -> Result<(), StoreError> {
    let body = json!({ "rotationId": rotation_id, "outcome": state.outcome(),
        "incoming": state.incoming(), "state": state });
    events::append(connection, "rotation.closed", &body, now)
}

fn insert_command(
    connection: &Connection,
    rotation_id: RotationId,
    command: Command,
) -> Result<OutboxCommand, StoreError> {
    connection
        .prepare_cached("INSERT INTO outbox (rotation_id, command) VALUES (?, ?)")?
        .execute(params![rotation_id.as_bytes(), to_json("command", &command)?])?;
    Ok(OutboxCommand { id: CommandId(connection.last_insert_rowid()), rotation_id, command })
}
