//! Looking for devices that are away while their certificates come to their end.

use std::time::Duration;

use perennial_core::{
    ids::{CertificateId, ThingName},
    notice::{Days, Fact},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::intake::is_known;
use crate::{Store, StoreError, events::count, row::thing_name};

/// How many certificates are looked at at once.
const PAGE: usize = 1_000;

/// A place among the ACTIVE certificates by their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreachablePlace(Timestamp, CertificateId);

impl Store {
    /// Looks at the next ACTIVE certificates whose end is near, and takes in which of their devices
    /// have been away for at least `away_for`; answers where to go on.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read, or what was found not written.
    pub async fn look_for_unreachable(
        &self,
        spans: Vec<Days>,
        away_for: Duration,
        after: Option<UnreachablePlace>,
        now: Timestamp,
    ) -> Result<Option<UnreachablePlace>, StoreError> {
        let (facts, next) =
            self.read(move |connection| look(connection, &spans, away_for, after, now)).await?;
        if !facts.is_empty() {
            self.notice(facts, now).await?;
        }
        Ok(next)
    }
}

fn look(
    connection: &Connection,
    spans: &[Days],
    away_for: Duration,
    after: Option<UnreachablePlace>,
    now: Timestamp,
) -> Result<(Vec<Fact>, Option<UnreachablePlace>), StoreError> {
    let Some(longest) = spans.iter().max() else { return Ok((Vec::new(), None)) };
    let UnreachablePlace(at, id) =
        after.unwrap_or(UnreachablePlace(now, CertificateId::from_bytes([0xff; 32])));
    let mut statement = connection.prepare_cached(
        "SELECT id, not_after FROM certificates INDEXED BY certificates_active_by_end \
         WHERE status = 1 AND not_after <= ? AND (not_after, id) > (?, ?) \
         ORDER BY not_after, id LIMIT ?",
    )?;
    let up_to = (now + longest.span()).as_millis();
    let rows = statement
        .query_map(params![up_to, at.as_millis(), id.as_bytes(), count(PAGE)], |row| {
            Ok((CertificateId::from_bytes(row.get(0)?), Timestamp::from_millis(row.get(1)?)))
        })?;
    let page: Vec<(CertificateId, Timestamp)> = rows.collect::<Result<_, _>>()?;
    let next = page.last().filter(|_| page.len() == PAGE);
    let next = next.map(|(id, ends_at)| UnreachablePlace(*ends_at, *id));
    let mut facts = Vec::new();
    for (certificate_id, ends_at) in page {
        let Some(left) = Days::left(ends_at, spans, now) else { continue };
        let Some(thing) = thing_of(connection, &certificate_id)? else { continue };
        let fact = Fact::DeviceUnreachable { thing, certificate_id, ends_at, left };
        if !is_known(connection, &fact)? && is_away(connection, &fact, now - away_for)? {
            facts.push(fact);
        }
    }
    Ok((facts, next))
}

fn thing_of(
    connection: &Connection,
    certificate: &CertificateId,
) -> Result<Option<ThingName>, StoreError> {
    let found: Option<String> = connection
        .prepare_cached("SELECT thing FROM thing_certificates WHERE certificate_id = ? LIMIT 1")?
        .query_row([certificate.as_bytes()], |row| row.get(0))
        .optional()?;
    found.as_deref().map(thing_name).transpose()
}

/// Whether neither this certificate nor the thing's name was connected since then.
fn is_away(connection: &Connection, fact: &Fact, since: Timestamp) -> Result<bool, StoreError> {
    let Fact::DeviceUnreachable { thing, certificate_id, .. } = fact else { return Ok(false) };
    let connected = connection
        .prepare_cached(
            "SELECT 1 FROM connections WHERE certificate_id = ? \
             AND COALESCE(disconnected_at, ?) > ?",
        )?
        .exists(params![certificate_id.as_bytes(), i64::MAX, since.as_millis()])?
        || connection
            .prepare_cached(
                "SELECT 1 FROM connections WHERE client_id = ? \
                 AND COALESCE(disconnected_at, ?) > ?",
            )?
            .exists(params![thing.as_str(), i64::MAX, since.as_millis()])?;
    Ok(!connected)
}
