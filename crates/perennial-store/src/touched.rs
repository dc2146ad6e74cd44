//! Whom a change reaches: the principals and client ids behind a policy or a group, in pieces.

use perennial_core::ids::{CertificateId, PolicyName, ThingGroupName, ThingName};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{GroupNumber, Store, StoreError, events::count, group_members, thing_groups};

/// What was changed and is shared by many.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Shared {
    /// The document of a policy.
    Policy(PolicyName),
    /// The policies of a group, or that it exists.
    Group(GroupNumber),
}

/// Who may have been reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Every session of these certificates.
    pub principals: Vec<CertificateId>,
    /// The sessions under these things' names, whatever certificate they have.
    pub clients: Vec<ThingName>,
}

/// How far a change was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TouchedPlace {
    /// Through the policy's certificates, up to this one.
    Certificate(CertificateId),
    /// Through the things of the group, and of every one with a lower number, up to this one.
    Group(GroupNumber, Option<ThingName>),
}

impl Store {
    /// The number of a group, which no other ever gets.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it does not exist.
    pub async fn group_number(&self, name: ThingGroupName) -> Result<GroupNumber, StoreError> {
        self.read(move |connection| thing_groups::number(connection, &name)).await
    }

    /// Some of those that a change of `shared` reaches, beyond the place `after`, and where to go
    /// on; at most `limit` certificates or things.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn touched_by(
        &self,
        shared: Shared,
        after: Option<TouchedPlace>,
        limit: usize,
    ) -> Result<(Touched, Option<TouchedPlace>), StoreError> {
        self.read(move |connection| touched_by(connection, &shared, after, limit)).await
    }

    /// Those that a change of one thing reaches.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn touched_by_thing(&self, thing: ThingName) -> Result<Touched, StoreError> {
        self.read(move |connection| of_things(connection, vec![thing])).await
    }
}

fn touched_by(
    connection: &Connection,
    shared: &Shared,
    after: Option<TouchedPlace>,
    limit: usize,
) -> Result<(Touched, Option<TouchedPlace>), StoreError> {
    match (shared, after) {
        (Shared::Policy(name), None) => certificates(connection, name, None, limit),
        (Shared::Policy(name), Some(TouchedPlace::Certificate(id))) => {
            certificates(connection, name, Some(id), limit)
        }
        (Shared::Group(number), None | Some(TouchedPlace::Certificate(_))) => {
            let (touched, after) = things(connection, *number, None, limit)?;
            Ok((touched, after.map(|thing| TouchedPlace::Group(*number, Some(thing)))))
        }
        (Shared::Group(_), Some(TouchedPlace::Group(number, thing))) => {
            let (touched, after) = things(connection, number, thing.as_ref(), limit)?;
            Ok((touched, after.map(|thing| TouchedPlace::Group(number, Some(thing)))))
        }
        (Shared::Policy(name), Some(TouchedPlace::Group(number, thing))) => {
            let (touched, after) = things(connection, number, thing.as_ref(), limit)?;
            let next = match after {
                Some(thing) => Some(TouchedPlace::Group(number, Some(thing))),
                None => next_group(connection, name, number)?,
            };
            Ok((touched, next))
        }
    }
}

fn certificates(
    connection: &Connection,
    name: &PolicyName,
    after: Option<CertificateId>,
    limit: usize,
) -> Result<(Touched, Option<TouchedPlace>), StoreError> {
    let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
    let mut statement = connection.prepare_cached(
        "SELECT certificate_id FROM policy_targets WHERE policy = ? AND certificate_id > ? \
         ORDER BY certificate_id LIMIT ?",
    )?;
    let rows = statement.query_map(params![name.as_str(), after, count(limit)], |row| {
        row.get(0).map(CertificateId::from_bytes)
    })?;
    let principals = rows.collect::<Result<Vec<_>, _>>()?;
    let next = match principals.last() {
        Some(last) if principals.len() >= limit => Some(TouchedPlace::Certificate(*last)),
        Some(_) | None => next_group(connection, name, 0)?,
    };
    Ok((Touched { principals, clients: Vec::new() }, next))
}

fn next_group(
    connection: &Connection,
    name: &PolicyName,
    after: GroupNumber,
) -> Result<Option<TouchedPlace>, StoreError> {
    let number = connection
        .prepare_cached(
            "SELECT number FROM thing_group_policies WHERE policy = ? AND number > ? \
             ORDER BY number LIMIT 1",
        )?
        .query_row(params![name.as_str(), after], |row| row.get(0))
        .optional()?;
    Ok(number.map(|number| TouchedPlace::Group(number, None)))
}

/// Things in a group or below it, with where to go on.
fn things(
    connection: &Connection,
    number: GroupNumber,
    after: Option<&ThingName>,
    limit: usize,
) -> Result<(Touched, Option<ThingName>), StoreError> {
    let found = group_members::reached_from(connection, number, after, count(limit))?;
    let next = found.last().filter(|_| found.len() >= limit).cloned();
    Ok((of_things(connection, found)?, next))
}

fn of_things(connection: &Connection, things: Vec<ThingName>) -> Result<Touched, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT certificate_id FROM thing_certificates WHERE thing = ? AND exclusive = 1",
    )?;
    let mut principals = Vec::new();
    for thing in &things {
        let rows = statement.query_map([thing.as_str()], |row| row.get(0))?;
        for id in rows {
            principals.push(CertificateId::from_bytes(id?));
        }
    }
    Ok(Touched { principals, clients: things })
}
