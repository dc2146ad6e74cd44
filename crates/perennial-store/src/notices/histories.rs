//! Histories: each rotation that a notice is about says that people were told, by which message,
//! and who took it.

use perennial_core::{
    ids::{NoticeId, RotationId},
    notice::Message,
    rotation::Note,
    time::Timestamp,
};
use perennial_orchestrator::port::HistoryEntry;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::deliveries::LastTry;
use crate::{
    Store, StoreError,
    events::count,
    row::{from_json, to_json},
};

/// The line's name among a rotation's inputs.
const TOLD: &str = "PeopleTold";

/// A delivery that got through and that histories do not know of yet.
struct Unrecorded {
    id: i64,
    notice: NoticeId,
    facts_up_to: i64,
    detail: String,
    at: Timestamp,
}

impl Store {
    /// Writes into the histories of at most `limit` rotations that people were told; answers
    /// whether there are more.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn record_told_rotations(&self, limit: usize) -> Result<bool, StoreError> {
        let waits = self.read(|connection| Ok(unrecorded(connection)?.is_some())).await?;
        if !waits {
            return Ok(false);
        }
        self.write(move |connection| {
            let Some(delivery) = unrecorded(connection)? else { return Ok(false) };
            record(connection, &delivery, limit)?;
            Ok(true)
        })
        .await
    }
}

fn unrecorded(connection: &Connection) -> Result<Option<Unrecorded>, StoreError> {
    let found: Option<(i64, [u8; 16], i64, String, String, String)> = connection
        .prepare_cached(
            "SELECT id, notice, facts_up_to, target, message, outcome FROM notice_letters \
             WHERE records = 1 AND id > 0 ORDER BY id LIMIT 1",
        )?
        .query_row([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .optional()?;
    let Some((id, notice, facts_up_to, target, message, outcome)) = found else { return Ok(None) };
    let notice = NoticeId::from_bytes(notice);
    let message: Message = from_json("message", &message)?;
    let LastTry { at, proof, .. } = from_json("outcome", &outcome)?;
    let proof = proof.ok_or_else(|| StoreError::corrupt("outcome", "no proof"))?;
    let occasion = message.occasion.name();
    let detail = format!(
        "notice {notice} ({occasion}) to {target}, message {} taken by {}",
        proof.message_id, proof.taken_by
    );
    Ok(Some(Unrecorded { id, notice, facts_up_to, detail, at }))
}

fn record(connection: &Connection, delivery: &Unrecorded, limit: usize) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, rotation_id FROM notice_facts WHERE notice = ? AND id <= ? \
         AND rotation_id IS NOT NULL ORDER BY id LIMIT ?",
    )?;
    let parameters = params![delivery.notice.as_bytes(), delivery.facts_up_to, count(limit)];
    let rows = statement.query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let told: Vec<(i64, [u8; 16])> = rows.collect::<Result<_, _>>()?;
    for (fact, rotation) in &told {
        append(connection, RotationId::from_bytes(*rotation), delivery)?;
        connection
            .prepare_cached("UPDATE notice_facts SET rotation_id = NULL WHERE id = ?")?
            .execute([fact])?;
    }
    if told.len() < limit {
        connection
            .prepare_cached("UPDATE notice_letters SET records = NULL WHERE id = ?")?
            .execute([delivery.id])?;
    }
    Ok(())
}

/// Appends the line behind those of the rotation's latest step: the next step's have room behind
/// it.
fn append(
    connection: &Connection,
    rotation: RotationId,
    delivery: &Unrecorded,
) -> Result<(), StoreError> {
    let found: Option<(i64, String)> = connection
        .prepare_cached(
            "SELECT (SELECT MAX(seq) FROM rotation_history WHERE rotation_id = ?1), \
             json_extract(state, '$.state') FROM rotation_states WHERE rotation_id = ?1",
        )?
        .query_row([rotation.as_bytes()], |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)))
        .optional()?
        .flatten();
    let Some((last, state)) = found else { return Ok(()) };
    let entry = HistoryEntry {
        at: delivery.at,
        input: TOLD.to_owned(),
        from: state.clone(),
        to: state,
        note: Note::Counted,
        detail: delivery.detail.clone(),
    };
    connection
        .prepare_cached("INSERT INTO rotation_history (rotation_id, seq, entry) VALUES (?, ?, ?)")?
        .execute(params![rotation.as_bytes(), last + 1, to_json("history entry", &entry)?])?;
    Ok(())
}
