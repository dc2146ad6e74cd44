//! Searching things: a page of those that a query means, walked along the index that fits it.
//!
//! A request looks at no more than [`LOOKED_AT`] things, however few of them are meant: then the
//! page is short, and says where the next one begins.

mod candidates;

use std::{fmt, str::FromStr};

use perennial_core::{
    certificate::CertificateStatus,
    ids::{ThingGroupName, ThingName},
    registry::Thing,
    search::{Connectivity, Facts, Needs, Query},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _};

use self::candidates::Candidates;
use crate::{NoPlace, Page, Store, StoreError, attachments, group_members, row, things};

/// How many things a request looks at.
const LOOKED_AT: usize = 500;
/// How many are read from an index at once.
const AT_ONCE: usize = 100;

/// A thing that a query means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundThing {
    /// The registry's entry.
    pub thing: Thing,
    /// The groups it is in itself, by name.
    pub groups: Vec<ThingGroupName>,
    /// Whether its device is connected.
    pub connectivity: Connectivity,
}

/// Where a search was left: the thing that was looked at last, and where the index has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPlace {
    /// Empty for something in the index that belongs to no thing.
    thing: String,
    key: String,
}

impl fmt::Display for SearchPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.thing, self.key)
    }
}

impl FromStr for SearchPlace {
    type Err = NoPlace;
    fn from_str(text: &str) -> Result<Self, NoPlace> {
        // A name has no slash.
        let (thing, key) = text.split_once('/').ok_or(NoPlace)?;
        Ok(Self { thing: thing.to_owned(), key: key.to_owned() })
    }
}

impl Store {
    /// Things that `query` means, at most `limit` behind the place where the page before ended. A
    /// page may be short, or empty, and still not be the last.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn search_things(
        &self,
        query: Query,
        after: Option<SearchPlace>,
        limit: usize,
    ) -> Result<Page<FoundThing, SearchPlace>, StoreError> {
        self.read(move |connection| search(connection, &query, after, limit)).await
    }
}

fn search(
    connection: &Connection,
    query: &Query,
    mut after: Option<SearchPlace>,
    limit: usize,
) -> Result<Page<FoundThing, SearchPlace>, StoreError> {
    let candidates = Candidates::of(connection, query.narrowing())?;
    let (needs, mut items) = (query.needs(), Vec::new());
    for _ in 0..LOOKED_AT / AT_ONCE {
        let batch = candidates.after(connection, after.as_ref(), AT_ONCE)?;
        for place in batch.places {
            let name = row::thing_name(&place.thing)?;
            if candidates.is_first(connection, &name, &place)? {
                items.extend(look(connection, query, needs, &name)?);
            }
            if items.len() == limit {
                return Ok(Page { items, next: Some(place) });
            }
        }
        after = batch.end;
        if after.is_none() {
            break;
        }
    }
    Ok(Page { items, next: after })
}

/// The thing, if the query means it. What the query does not ask is read only then.
fn look(
    connection: &Connection,
    query: &Query,
    needs: Needs,
    name: &ThingName,
) -> Result<Option<FoundThing>, StoreError> {
    let Some(thing) = things::find(connection, name)? else { return Ok(None) };
    let asked = Needs { groups: needs.groups, connectivity: needs.connectivity, ..needs };
    let mut found = read(connection, thing, asked)?;
    let ends_at = if needs.certificates { ends_of(connection, name)? } else { Vec::new() };
    let facts = Facts {
        thing: &found.thing,
        groups: &found.groups,
        connectivity: &found.connectivity,
        certificates_end_at: &ends_at,
    };
    if !query.matches(&facts) {
        return Ok(None);
    }
    let rest = Needs { groups: !needs.groups, connectivity: !needs.connectivity, ..needs };
    let other = read(connection, found.thing.clone(), rest)?;
    if rest.groups {
        found.groups = other.groups;
    }
    if rest.connectivity {
        found.connectivity = other.connectivity;
    }
    Ok(Some(found))
}

/// A thing with what is asked for, and nothing else.
fn read(connection: &Connection, thing: Thing, asked: Needs) -> Result<FoundThing, StoreError> {
    let groups = if asked.groups { groups_of(connection, &thing.name)? } else { Vec::new() };
    let connectivity = if asked.connectivity {
        connectivity(connection, &thing.name)?
    } else {
        Connectivity::default()
    };
    Ok(FoundThing { thing, groups, connectivity })
}

fn groups_of(
    connection: &Connection,
    thing: &ThingName,
) -> Result<Vec<ThingGroupName>, StoreError> {
    let groups = group_members::groups_of(connection, thing)?;
    let mut names: Vec<_> = groups.into_iter().map(|(_, name)| name).collect();
    names.sort_unstable();
    Ok(names)
}

/// The last that was recorded of the client whose id is the thing's name.
fn connectivity(connection: &Connection, thing: &ThingName) -> Result<Connectivity, StoreError> {
    let last: Option<(i64, Option<i64>, Option<String>)> = connection
        .prepare_cached(
            "SELECT connected_at, disconnected_at, reason FROM connections WHERE client_id = ? \
             ORDER BY connected_at DESC LIMIT 1",
        )?
        .query_row([thing.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((connected_at, disconnected_at, disconnect_reason)) = last else {
        return Ok(Connectivity::default());
    };
    let since = Timestamp::from_millis(disconnected_at.unwrap_or(connected_at));
    let connected = disconnected_at.is_none();
    Ok(Connectivity { connected, since: Some(since), disconnect_reason })
}

/// When the thing's ACTIVE certificates end.
fn ends_of(connection: &Connection, thing: &ThingName) -> Result<Vec<Timestamp>, StoreError> {
    let all = attachments::certificates_of(connection, thing)?;
    let active = all.into_iter().filter(|it| it.status == CertificateStatus::Active);
    Ok(active.map(|it| it.validity.not_after).collect())
}
