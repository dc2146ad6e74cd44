//! Which thing is in which group: written once for the group and once for each above it, so that
//! every list is a range.

use perennial_core::{
    ids::{ThingGroupName, ThingName},
    registry::{GroupError, MAX_GROUPS_OF_A_THING},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Value, json};

use crate::{
    Page, Store, StoreError,
    events::{self, count},
    page::one_more,
    row::{self, from_json},
    thing_groups::{self, Number},
    things,
};

impl Store {
    /// Puts a thing into groups and takes it out of others, all or nothing; answers whether that
    /// changed anything.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the thing or a group; [`StoreError::Invalid`] when it is in
    /// the same hierarchy already, or in as many groups as it may be.
    pub async fn change_groups(
        &self,
        thing: ThingName,
        add: Vec<ThingGroupName>,
        remove: Vec<ThingGroupName>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            things::existing(connection, &thing)?;
            let mut changed = false;
            for group in &remove {
                changed |= leave(connection, &thing, group, now)?;
            }
            for group in &add {
                changed |= join(connection, &thing, group, now)?;
            }
            Ok(changed)
        })
        .await
    }

    /// The groups that a thing is in itself, by name; at most
    /// [`MAX_GROUPS_OF_A_THING`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the thing.
    pub async fn groups_of(&self, thing: ThingName) -> Result<Vec<ThingGroupName>, StoreError> {
        self.read(move |connection| {
            things::existing(connection, &thing)?;
            let mut groups: Vec<_> =
                groups_of(connection, &thing)?.into_iter().map(|(_, name)| name).collect();
            groups.sort_unstable();
            Ok(groups)
        })
        .await
    }

    /// The things in a group, with `recursive` in the groups below it too, by name, at most
    /// `limit` after `after`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the group.
    pub async fn things_in_group(
        &self,
        group: ThingGroupName,
        recursive: bool,
        after: Option<ThingName>,
        limit: usize,
    ) -> Result<Page<ThingName>, StoreError> {
        self.read(move |connection| {
            let number = thing_groups::number(connection, &group)?;
            let found = things_in(connection, number, recursive, after.as_ref(), one_more(limit))?;
            Ok(Page::cut(found, limit, Clone::clone))
        })
        .await
    }

    /// Lets at most `limit` things leave a group that was deleted; answers whether there may be
    /// more.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn sweep_groups(&self, limit: usize) -> Result<bool, StoreError> {
        self.write(move |connection| sweep(connection, limit)).await
    }
}

/// The groups that a thing is in itself.
pub(crate) fn groups_of(
    connection: &Connection,
    thing: &ThingName,
) -> Result<Vec<(Number, ThingGroupName)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT g.number, g.name FROM thing_group_members m \
         CROSS JOIN thing_groups g ON g.number = m.member_of WHERE m.thing = ?",
    )?;
    let rows =
        statement.query_map([thing.as_str()], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    rows.map(|row| {
        let (number, name) = row?;
        Ok((number, row::group_name(&name)?))
    })
    .collect()
}

/// The things in a group, or also in those below it.
pub(crate) fn things_in(
    connection: &Connection,
    number: Number,
    recursive: bool,
    after: Option<&ThingName>,
    limit: i64,
) -> Result<Vec<ThingName>, StoreError> {
    // What is left of a deleted group below is passed over.
    let mut statement = connection.prepare_cached(if recursive {
        "SELECT r.thing FROM thing_group_reach r \
         CROSS JOIN thing_groups g ON g.number = r.member_of \
         WHERE r.ancestor = ? AND r.thing > ? ORDER BY r.thing LIMIT ?"
    } else {
        "SELECT thing FROM thing_group_members WHERE member_of = ? AND thing > ? \
         ORDER BY thing LIMIT ?"
    })?;
    let after = after.map_or("", ThingName::as_str);
    let rows = statement.query_map(params![number, after, limit], |row| row.get::<_, String>(0))?;
    rows.map(|name| row::thing_name(&name?)).collect()
}

/// The things that the group reaches or, if it was deleted, reached, whoever holds them now.
pub(crate) fn reached_from(
    connection: &Connection,
    number: Number,
    after: Option<&ThingName>,
    limit: i64,
) -> Result<Vec<ThingName>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT thing FROM thing_group_reach WHERE ancestor = ? AND thing > ? \
         ORDER BY thing LIMIT ?",
    )?;
    let after = after.map_or("", ThingName::as_str);
    let rows = statement.query_map(params![number, after, limit], |row| row.get::<_, String>(0))?;
    rows.map(|name| row::thing_name(&name?)).collect()
}

pub(crate) fn join(
    connection: &Connection,
    thing: &ThingName,
    group: &ThingGroupName,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let number = thing_groups::number(connection, group)?;
    let groups = groups_of(connection, thing)?;
    if groups.iter().any(|(found, _)| *found == number) {
        return Ok(false);
    }
    if groups.len() >= MAX_GROUPS_OF_A_THING {
        return Err(GroupError::TooMany(thing.clone()).into());
    }
    let path = thing_groups::path(connection, number)?;
    if let Some((root, _)) = path.last()
        && let Some(found) = place_below(connection, *root, thing)?
    {
        return Err(GroupError::SameHierarchy { thing: thing.clone(), found }.into());
    }
    connection
        .prepare_cached("INSERT INTO thing_group_members (member_of, thing) VALUES (?, ?)")?
        .execute(params![number, thing.as_str()])?;
    // In the place of what a deleted group may have left.
    let mut reach = connection.prepare_cached(
        "INSERT OR REPLACE INTO thing_group_reach (ancestor, thing, member_of) VALUES (?, ?, ?)",
    )?;
    for (ancestor, _) in &path {
        reach.execute(params![ancestor, thing.as_str(), number])?;
    }
    events::append(connection, "thing-group.joined", &told(connection, thing, group)?, now)?;
    Ok(true)
}

/// The group in which the thing is, of those in the tree below `root`.
fn place_below(
    connection: &Connection,
    root: Number,
    thing: &ThingName,
) -> Result<Option<ThingGroupName>, StoreError> {
    let found: Option<String> = connection
        .prepare_cached(
            "SELECT g.name FROM thing_group_reach r \
             CROSS JOIN thing_groups g ON g.number = r.member_of \
             WHERE r.ancestor = ? AND r.thing = ?",
        )?
        .query_row(params![root, thing.as_str()], |row| row.get(0))
        .optional()?;
    found.as_deref().map(row::group_name).transpose()
}

pub(crate) fn leave(
    connection: &Connection,
    thing: &ThingName,
    group: &ThingGroupName,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let number = thing_groups::number(connection, group)?;
    let path: Vec<Number> =
        thing_groups::path(connection, number)?.into_iter().map(|(number, _)| number).collect();
    if !take_out(connection, thing, number, &path)? {
        return Ok(false);
    }
    events::append(connection, "thing-group.left", &told(connection, thing, group)?, now)?;
    Ok(true)
}

/// A membership as the event log has it.
fn told(
    connection: &Connection,
    thing: &ThingName,
    group: &ThingGroupName,
) -> Result<Value, StoreError> {
    let thing_id = things::find(connection, thing)?.map(|thing| thing.thing_id);
    let group_id = thing_groups::id(connection, group)?;
    Ok(json!({ "thingName": thing, "thingId": thing_id, "thingGroupName": group,
        "thingGroupId": group_id }))
}

/// Takes a thing that is deleted out of every group.
pub(crate) fn leave_all(connection: &Connection, thing: &ThingName) -> Result<(), StoreError> {
    for (number, _) in groups_of(connection, thing)? {
        let path: Vec<Number> =
            thing_groups::path(connection, number)?.into_iter().map(|(number, _)| number).collect();
        take_out(connection, thing, number, &path)?;
    }
    Ok(())
}

fn take_out(
    connection: &Connection,
    thing: &ThingName,
    number: Number,
    path: &[Number],
) -> Result<bool, StoreError> {
    let left = connection
        .prepare_cached("DELETE FROM thing_group_members WHERE member_of = ? AND thing = ?")?
        .execute(params![number, thing.as_str()])?;
    let mut reach = connection.prepare_cached(
        "DELETE FROM thing_group_reach WHERE ancestor = ? AND thing = ? AND member_of = ?",
    )?;
    for ancestor in path {
        reach.execute(params![ancestor, thing.as_str(), number])?;
    }
    Ok(left > 0)
}

fn sweep(connection: &Connection, limit: usize) -> Result<bool, StoreError> {
    let found: Option<(Number, String)> = connection
        .prepare_cached("SELECT number, path FROM deleted_thing_groups ORDER BY number LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((number, path)) = found else { return Ok(false) };
    let path: Vec<Number> = from_json("path", &path)?;
    let things = things_in(connection, number, false, None, count(limit))?;
    for thing in &things {
        take_out(connection, thing, number, &path)?;
    }
    if things.len() < limit {
        connection
            .prepare_cached("DELETE FROM deleted_thing_groups WHERE number = ?")?
            .execute([number])?;
    }
    Ok(true)
}
