//! Candidates: along an index, the things that a query may mean.

use perennial_core::{
    certificate::CertificateStatus,
    ids::{CertificateId, ThingName},
    search::{Narrowing, Wanted},
};
use rusqlite::{Connection, Params, params};

use super::SearchPlace;
use crate::{StoreError, attachments, events::count, thing_groups::Number};

/// Comes after every character that a name or value may have.
const AFTER_ALL: char = '\u{7f}';

/// The things that a query may mean.
pub(super) enum Candidates {
    /// Nobody.
    Nobody,
    /// Everybody, by name.
    Everybody,
    /// Those of a name, which may differ in case.
    Named(String),
    /// Those whose names begin so.
    NamesBeginning(String),
    /// Those of a type.
    OfType(String),
    /// Those in a group.
    InGroup(Number),
    /// Those with a value of an attribute.
    WithValue(String, String),
    /// Those with a value of an attribute that begins so.
    ValuesBeginning(String, String),
    /// Those with an ACTIVE certificate that ends then, by that end.
    CertificateEnds { from: i64, to: i64 },
}

/// Some of them, and where the next ones are if there are more.
pub(super) struct Batch {
    pub(super) places: Vec<SearchPlace>,
    pub(super) end: Option<SearchPlace>,
}

impl Candidates {
    pub(super) fn of(connection: &Connection, narrowing: Narrowing) -> Result<Self, StoreError> {
        Ok(match narrowing {
            Narrowing::Everything => Self::Everybody,
            Narrowing::Named(Wanted::Exactly(name)) => Self::Named(name),
            Narrowing::Named(Wanted::Beginning(start)) => Self::NamesBeginning(start),
            Narrowing::OfType(name) => Self::OfType(name),
            Narrowing::InGroup(name) => match groups_named(connection, &name)?.as_slice() {
                [] => Self::Nobody,
                [only] => Self::InGroup(*only),
                // Their names differ in case only.
                _ => Self::Everybody,
            },
            Narrowing::WithAttribute(name, Wanted::Exactly(value)) => Self::WithValue(name, value),
            Narrowing::WithAttribute(name, Wanted::Beginning(start)) => {
                Self::ValuesBeginning(name, start)
            }
            Narrowing::CertificateEnds { from, to } => Self::CertificateEnds { from, to },
        })
    }

    /// The first of them behind a place, at most `limit`, in the order of their index.
    pub(super) fn after(
        &self,
        connection: &Connection,
        after: Option<&SearchPlace>,
        limit: usize,
    ) -> Result<Batch, StoreError> {
        if let Self::CertificateEnds { from, to } = self {
            return ends(connection, (*from, *to), after, limit);
        }
        let places = self.places(connection, after, limit)?;
        let end = places.last().filter(|_| places.len() == limit).cloned();
        Ok(Batch { places, end })
    }

    fn places(
        &self,
        connection: &Connection,
        after: Option<&SearchPlace>,
        limit: usize,
    ) -> Result<Vec<SearchPlace>, StoreError> {
        let name = after.map_or("", |place| place.thing.as_str());
        match self {
            Self::Nobody | Self::CertificateEnds { .. } => Ok(Vec::new()),
            Self::Everybody => rows(
                connection,
                "SELECT name, '' FROM things WHERE name > ? ORDER BY name LIMIT ?",
                params![name, count(limit)],
            ),
            Self::Named(wanted) => rows(
                connection,
                "SELECT name, '' FROM things INDEXED BY things_by_folded_name \
                 WHERE name = ? COLLATE NOCASE AND name > ? ORDER BY name LIMIT ?",
                params![wanted, name, count(limit)],
            ),
            Self::OfType(wanted) => rows(
                connection,
                "SELECT name, '' FROM things INDEXED BY things_by_folded_type \
                 WHERE type = ? COLLATE NOCASE AND name > ? ORDER BY name LIMIT ?",
                params![wanted, name, count(limit)],
            ),
            Self::InGroup(number) => rows(
                connection,
                "SELECT thing, '' FROM thing_group_members WHERE member_of = ? AND thing > ? \
                 ORDER BY thing LIMIT ?",
                params![number, name, count(limit)],
            ),
            Self::WithValue(attribute, value) => rows(
                connection,
                "SELECT thing, '' FROM thing_attributes \
                 INDEXED BY thing_attributes_by_folded_value \
                 WHERE name = ? AND value = ? COLLATE NOCASE AND thing > ? ORDER BY thing LIMIT ?",
                params![attribute, value, name, count(limit)],
            ),
            Self::NamesBeginning(start) => names_beginning(connection, start, after, limit),
            Self::ValuesBeginning(attribute, start) => {
                values_beginning(connection, (attribute, start), after, limit)
            }
        }
    }

    /// Whether the thing is come by here first: by its certificates it may be come by repeatedly.
    pub(super) fn is_first(
        &self,
        connection: &Connection,
        name: &ThingName,
        place: &SearchPlace,
    ) -> Result<bool, StoreError> {
        let Self::CertificateEnds { from, to } = self else { return Ok(true) };
        let all = attachments::certificates_of(connection, name)?;
        let end = |it: &perennial_core::certificate::Certificate| it.validity.not_after.as_millis();
        let first = all
            .iter()
            .filter(|it| it.status == CertificateStatus::Active)
            .filter(|it| (*from..=*to).contains(&end(it)))
            .min_by_key(|it| (end(it), it.certificate_id));
        Ok(first.is_some_and(|it| key((end(it), it.certificate_id)) == place.key))
    }
}

fn groups_named(connection: &Connection, name: &str) -> Result<Vec<Number>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT number FROM thing_groups INDEXED BY thing_groups_by_folded_name \
         WHERE name = ? COLLATE NOCASE LIMIT 2",
    )?;
    let rows = statement.query_map([name], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// By name, whose case makes no difference: first what differs from the last one in case only.
fn names_beginning(
    connection: &Connection,
    start: &str,
    after: Option<&SearchPlace>,
    limit: usize,
) -> Result<Vec<SearchPlace>, StoreError> {
    const REST: &str = "SELECT name, '' FROM things INDEXED BY things_by_folded_name \
         WHERE name > ? COLLATE NOCASE AND name < ? COLLATE NOCASE \
         ORDER BY name COLLATE NOCASE, name LIMIT ?";
    let end = format!("{start}{AFTER_ALL}");
    let Some(after) = after else {
        let first = REST.replacen('>', ">=", 1);
        return rows(connection, &first, params![start, end, count(limit)]);
    };
    let name = after.thing.as_str();
    let mut found = rows(
        connection,
        "SELECT name, '' FROM things INDEXED BY things_by_folded_name \
         WHERE name = ?1 COLLATE NOCASE AND name > ?1 ORDER BY name LIMIT ?2",
        params![name, count(limit)],
    )?;
    let left = count(limit - found.len());
    found.extend(rows(connection, REST, params![name, end, left])?);
    Ok(found)
}

/// By value, whose case makes no difference, and name.
fn values_beginning(
    connection: &Connection,
    (attribute, start): (&str, &str),
    after: Option<&SearchPlace>,
    limit: usize,
) -> Result<Vec<SearchPlace>, StoreError> {
    const REST: &str = "SELECT thing, value FROM thing_attributes \
         INDEXED BY thing_attributes_by_folded_value \
         WHERE name = ? AND value > ? COLLATE NOCASE AND value < ? COLLATE NOCASE \
         ORDER BY value COLLATE NOCASE, thing LIMIT ?";
    let end = format!("{start}{AFTER_ALL}");
    let Some(after) = after else {
        let first = REST.replacen('>', ">=", 1);
        return rows(connection, &first, params![attribute, start, end, count(limit)]);
    };
    let mut found = rows(
        connection,
        "SELECT thing, value FROM thing_attributes \
         INDEXED BY thing_attributes_by_folded_value \
         WHERE name = ? AND value = ? COLLATE NOCASE AND thing > ? ORDER BY thing LIMIT ?",
        params![attribute, after.key, after.thing.as_str(), count(limit)],
    )?;
    let left = count(limit - found.len());
    found.extend(rows(connection, REST, params![attribute, after.key, end, left])?);
    Ok(found)
}

/// By the end of an ACTIVE certificate, its id, and name. Of certificates, too, no more than
/// `limit` are looked at: there may be many without a thing.
fn ends(
    connection: &Connection,
    (from, to): (i64, i64),
    after: Option<&SearchPlace>,
    limit: usize,
) -> Result<Batch, StoreError> {
    let last = after.and_then(|place| Some((read_key(&place.key)?, place.thing.as_str())));
    let mut places = Vec::new();
    if let Some((certificate, thing)) = last {
        things_of(connection, certificate, thing, limit, &mut places)?;
    }
    let (from, beyond) = match last {
        Some(((end, id), _)) => (end, id.as_bytes().to_vec()),
        None => (from, Vec::new()),
    };
    let mut statement = connection.prepare_cached(
        "SELECT not_after, id FROM certificates INDEXED BY certificates_active_by_end \
         WHERE status = 1 AND (not_after, id) > (?, ?) AND not_after <= ? \
         ORDER BY not_after, id LIMIT ?",
    )?;
    let mut rows = statement.query(params![from, beyond, to, count(limit)])?;
    let (mut seen, mut end) = (0, None);
    while let Some(row) = rows.next()? {
        if places.len() == limit {
            break;
        }
        seen += 1;
        let certificate = (row.get(0)?, row.get(1).map(CertificateId::from_bytes)?);
        things_of(connection, certificate, "", limit, &mut places)?;
        end = Some(SearchPlace { thing: String::new(), key: key(certificate) });
    }
    if places.len() == limit {
        end = places.last().cloned();
    } else if seen < limit {
        end = None;
    }
    Ok(Batch { places, end })
}

/// Adds a certificate's things behind the thing `after`, until there are `limit` places.
fn things_of(
    connection: &Connection,
    certificate: (i64, CertificateId),
    after: &str,
    limit: usize,
    places: &mut Vec<SearchPlace>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT thing FROM thing_certificates WHERE certificate_id = ? AND thing > ? \
         ORDER BY thing LIMIT ?",
    )?;
    let left = count(limit - places.len());
    let mut rows = statement.query(params![certificate.1.as_bytes(), after, left])?;
    while let Some(row) = rows.next()? {
        places.push(SearchPlace { thing: row.get(0)?, key: key(certificate) });
    }
    Ok(())
}

fn key((end, id): (i64, CertificateId)) -> String {
    format!("{end}/{id}")
}

fn read_key(text: &str) -> Option<(i64, CertificateId)> {
    let (end, id) = text.split_once('/')?;
    Some((end.parse().ok()?, id.parse().ok()?))
}

fn rows(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<SearchPlace>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(SearchPlace { thing: row.get(0)?, key: row.get(1)? });
    }
    Ok(found)
}
