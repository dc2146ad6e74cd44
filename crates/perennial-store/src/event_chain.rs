//! The chain of the event log: how records are bound to each other, and whether they still are.
//!
//! `hash = SHA-256(hash before ‖ seq ‖ at ‖ kind ‖ 0 ‖ body)`, integers as eight octets, most
//! significant first; the hash before the first record is 32 zero octets. A record that was
//! changed, taken out or put in breaks the chain from there on.

use aws_lc_rs::digest::{Context, SHA256};
use perennial_core::ids::Digest;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, events::count};

/// How many records are read at once.
const PAGE: usize = 50_000;

/// The first record that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} does not fit the chain: it or one before it was changed after it was written")]
pub struct BrokenChain {
    /// Its number.
    pub seq: i64,
}

/// A record up to which the chain is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainLink {
    /// Its number; 0 before the first.
    pub seq: i64,
    /// Its hash.
    pub hash: Digest,
}

impl ChainLink {
    /// What the first record is bound to.
    pub const START: Self = Self { seq: 0, hash: Digest::from_bytes([0; 32]) };
}

pub(crate) fn hash(before: &[u8], seq: i64, at: i64, kind: &str, body: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(&seq.to_be_bytes());
    context.update(&at.to_be_bytes());
    context.update(kind.as_bytes());
    context.update(&[0]);
    context.update(body.as_bytes());
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

impl Store {
    /// Checks the whole chain and answers how many records it has.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read; `Ok(Err(BrokenChain))` when it was tampered with.
    pub async fn verify_events(&self) -> Result<Result<i64, BrokenChain>, StoreError> {
        let mut link = ChainLink::START;
        loop {
            let next = match self.verify_events_after(link, PAGE).await? {
                Ok(next) => next,
                Err(broken) => return Ok(Err(broken)),
            };
            if next == link {
                return Ok(Ok(link.seq));
            }
            link = next;
        }
    }

    /// Checks at most `limit` records behind `link`; answers the last one that is bound to it, which
    /// is `link` itself at the log's end.
    ///
    /// # Errors
    /// As for [`verify_events`](Self::verify_events).
    pub async fn verify_events_after(
        &self,
        link: ChainLink,
        limit: usize,
    ) -> Result<Result<ChainLink, BrokenChain>, StoreError> {
        self.read(move |connection| verify(connection, link, limit)).await
    }
}

fn verify(
    connection: &Connection,
    mut link: ChainLink,
    limit: usize,
) -> Result<Result<ChainLink, BrokenChain>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, at, kind, body, hash FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
    )?;
    let mut rows = statement.query(params![link.seq, count(limit)])?;
    while let Some(row) = rows.next()? {
        let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (kind, body): (String, String) = (row.get(2)?, row.get(3)?);
        let stored: [u8; 32] = row.get(4)?;
        let wanted = hash(link.hash.as_bytes(), seq, at, &kind, &body);
        if seq != link.seq + 1 || stored != wanted {
            return Ok(Err(BrokenChain { seq }));
        }
        link = ChainLink { seq, hash: Digest::from_bytes(stored) };
    }
    Ok(Ok(link))
}
