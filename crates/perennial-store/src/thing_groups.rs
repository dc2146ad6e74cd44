//! Static thing groups: the tree, its attributes, and what becomes of a deleted one.

use std::collections::BTreeMap;

use perennial_core::{
    ids::{ResourceId, ThingGroupName},
    registry::{
        AttributeChange, Attributes, GroupError, GroupProperties, MAX_GROUP_DEPTH, Resource, Tags,
        ThingGroup,
    },
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::{Value, json};

use crate::{
    Page, Store, StoreError, draw, events, logging,
    page::one_more,
    row::{self, from_json, to_json},
    tags,
};

/// The number of a group in its tables; never used again once the group is gone.
pub(crate) type Number = i64;

/// Which groups to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// Only those below this one.
    pub parent: Option<ThingGroupName>,
    /// Those of every level below, and not only the next.
    pub recursive: bool,
    /// Only those whose name begins so.
    pub prefix: String,
}

/// A change of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupUpdate {
    /// Its description; `None` leaves it.
    pub description: Option<String>,
    /// Its attributes.
    pub attributes: Option<AttributeChange>,
    /// The version it must have, if that matters.
    pub expected_version: Option<u64>,
}

impl Store {
    /// Makes a group; answers with it, and whether it is new.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when one of that name has another parent or properties,
    /// [`StoreError::NotFound`] for the parent, [`StoreError::Invalid`] when it would lie too deep.
    pub async fn create_thing_group(
        &self,
        name: ThingGroupName,
        parent: Option<ThingGroupName>,
        properties: GroupProperties,
        tags: Tags,
        now: Timestamp,
    ) -> Result<(ThingGroup, bool), StoreError> {
        self.write(move |connection| {
            create(connection, name, parent.as_ref(), properties, &tags, now)
        })
        .await
    }

    /// A group.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it does not exist.
    pub async fn thing_group(&self, name: ThingGroupName) -> Result<ThingGroup, StoreError> {
        self.read(move |connection| existing(connection, &name).map(|(_, group)| group)).await
    }

    /// Groups that `filter` selects, by name, at most `limit` after `after`. Without a parent,
    /// those that lie in none, or with `recursive` all.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the parent.
    pub async fn thing_groups(
        &self,
        filter: GroupFilter,
        after: Option<ThingGroupName>,
        limit: usize,
    ) -> Result<Page<ThingGroupName>, StoreError> {
        self.read(move |connection| list(connection, &filter, after.as_ref(), limit)).await
    }

    /// Changes a group; answers with it. What changes nothing is no new version.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionConflict`], [`StoreError::Invalid`].
    pub async fn update_thing_group(
        &self,
        name: ThingGroupName,
        update: GroupUpdate,
        now: Timestamp,
    ) -> Result<ThingGroup, StoreError> {
        self.write(move |connection| change(connection, &name, update, now)).await
    }

    /// Deletes a group; its things leave it, its policies no longer reach them. Answers with its
    /// number, if there was one.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] while groups lie in it, [`StoreError::VersionConflict`].
    pub async fn delete_thing_group(
        &self,
        name: ThingGroupName,
        expected_version: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<Number>, StoreError> {
        self.write(move |connection| delete(connection, &name, expected_version, now)).await
    }
}

pub(crate) fn number(connection: &Connection, name: &ThingGroupName) -> Result<Number, StoreError> {
    let found = connection
        .prepare_cached("SELECT number FROM thing_groups WHERE name = ?")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()?;
    found.ok_or_else(|| StoreError::not_found("thing group", name))
}

/// The group and those it lies in, itself first and the root last; none when it is gone.
pub(crate) fn path(
    connection: &Connection,
    number: Number,
) -> Result<Vec<(Number, ThingGroupName)>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT name, parent FROM thing_groups WHERE number = ?")?;
    let (mut path, mut next) = (Vec::new(), Some(number));
    while let Some(number) = next {
        let found: Option<(String, Option<Number>)> =
            statement.query_row([number], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((name, parent)) = found else { break };
        path.push((number, row::group_name(&name)?));
        next = parent;
    }
    Ok(path)
}

pub(crate) fn find(
    connection: &Connection,
    name: &ThingGroupName,
) -> Result<Option<(Number, ThingGroup)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, group_id, description, attributes, version, created_at \
         FROM thing_groups WHERE name = ?",
    )?;
    let mut rows = statement.query([name.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let number = row.get(0)?;
    let mut ancestors: Vec<_> =
        path(connection, number)?.into_iter().skip(1).map(|(_, name)| name).collect();
    ancestors.reverse();
    Ok(Some((number, read(row, name.clone(), ancestors)?)))
}

fn read(
    row: &Row<'_>,
    name: ThingGroupName,
    ancestors: Vec<ThingGroupName>,
) -> Result<ThingGroup, StoreError> {
    let attributes: BTreeMap<String, String> = from_json("attribute", &row.get::<_, String>(3)?)?;
    let attributes =
        Attributes::new(attributes).map_err(|error| StoreError::corrupt("attribute", error))?;
    Ok(ThingGroup {
        name,
        group_id: ResourceId::from_random(row.get(1)?),
        properties: GroupProperties { description: row.get(2)?, attributes },
        ancestors,
        version: row.get::<_, i64>(4)?.unsigned_abs(),
        created_at: Timestamp::from_millis(row.get(5)?),
    })
}

fn existing(
    connection: &Connection,
    name: &ThingGroupName,
) -> Result<(Number, ThingGroup), StoreError> {
    find(connection, name)?.ok_or_else(|| StoreError::not_found("thing group", name))
}

fn create(
    connection: &Connection,
    name: ThingGroupName,
    parent: Option<&ThingGroupName>,
    properties: GroupProperties,
    tags: &Tags,
    now: Timestamp,
) -> Result<(ThingGroup, bool), StoreError> {
    properties.check()?;
    if let Some((_, found)) = find(connection, &name)? {
        if found.ancestors.last() == parent && found.properties == properties {
            return Ok((found, false));
        }
        let (name, id) = (name.to_string(), Some(found.group_id));
        return Err(StoreError::Exists { what: "thing group", name, id });
    }
    let above = match parent {
        Some(parent) => path(connection, number(connection, parent)?)?,
        None => Vec::new(),
    };
    if let Some(parent) = parent.filter(|_| above.len() >= MAX_GROUP_DEPTH) {
        return Err(GroupError::TooDeep { parent: parent.clone() }.into());
    }
    let group_id = draw::resource_id();
    connection
        .prepare_cached(
            "INSERT INTO thing_groups \
             (name, group_id, parent, description, attributes, version, created_at) \
             VALUES (?, ?, ?, ?, ?, 1, ?)",
        )?
        .execute(params![
            name.as_str(),
            group_id.as_bytes(),
            above.first().map(|(number, _)| number),
            properties.description,
            to_json("attribute", &properties.attributes)?,
            now.as_millis(),
        ])?;
    let mut insert = connection
        .prepare_cached("INSERT INTO thing_group_descendants (ancestor, name) VALUES (?, ?)")?;
    for (ancestor, _) in &above {
        insert.execute(params![ancestor, name.as_str()])?;
    }
    tags::put(connection, &Resource::ThingGroup(name.clone()), tags)?;
    let ancestors = above.into_iter().rev().map(|(_, name)| name).collect();
    let group = ThingGroup { name, group_id, properties, ancestors, version: 1, created_at: now };
    let mut body = told(connection, &group)?;
    body["tags"] = json!(tags.as_map());
    events::append(connection, "thing-group.created", &body, now)?;
    Ok((group, true))
}

fn list(
    connection: &Connection,
    filter: &GroupFilter,
    after: Option<&ThingGroupName>,
    limit: usize,
) -> Result<Page<ThingGroupName>, StoreError> {
    let parent = filter.parent.as_ref().map(|name| number(connection, name)).transpose()?;
    let sql = match (parent, filter.recursive) {
        (None, true) => "SELECT name FROM thing_groups WHERE ?1 IS NULL",
        (Some(_), true) => "SELECT name FROM thing_group_descendants WHERE ancestor = ?1",
        (None | Some(_), false) => "SELECT name FROM thing_groups WHERE parent IS ?1",
    };
    let after = after.map_or("", ThingGroupName::as_str);
    let prefix = filter.prefix.as_str();
    let (beyond, begin) = if after < prefix { (">=", prefix) } else { (">", after) };
    // Names are ASCII: what begins with the prefix ends before DEL.
    let end = format!("{prefix}\u{7f}");
    let mut statement = connection.prepare_cached(&format!(
        "{sql} AND name {beyond} ?2 AND name < ?3 ORDER BY name LIMIT ?4"
    ))?;
    let rows = statement
        .query_map(params![parent, begin, end, one_more(limit)], |row| row.get::<_, String>(0))?;
    let found = rows.map(|name| row::group_name(&name?)).collect::<Result<_, _>>()?;
    Ok(Page::cut(found, limit, Clone::clone))
}

fn change(
    connection: &Connection,
    name: &ThingGroupName,
    update: GroupUpdate,
    now: Timestamp,
) -> Result<ThingGroup, StoreError> {
    let (number, before) = existing(connection, name)?;
    StoreError::unless_version("thing group", name, update.expected_version, before.version)?;
    let mut after = before.clone();
    if update.description.is_some() {
        after.properties.description = update.description;
    }
    if let Some(attributes) = update.attributes {
        let changed = before.properties.attributes.changed(attributes);
        after.properties.attributes = changed.map_err(GroupError::from)?;
    }
    after.properties.check()?;
    if after == before {
        return Ok(before);
    }
    after.version += 1;
    connection
        .prepare_cached(
            "UPDATE thing_groups SET description = ?, attributes = ?, version = version + 1 \
             WHERE number = ?",
        )?
        .execute(params![
            after.properties.description,
            to_json("attribute", &after.properties.attributes)?,
            number,
        ])?;
    events::append(connection, "thing-group.updated", &told(connection, &after)?, now)?;
    Ok(after)
}

fn delete(
    connection: &Connection,
    name: &ThingGroupName,
    expected_version: Option<u64>,
    now: Timestamp,
) -> Result<Option<Number>, StoreError> {
    let Some((number, group)) = find(connection, name)? else { return Ok(None) };
    StoreError::unless_version("thing group", name, expected_version, group.version)?;
    let has_children = connection
        .prepare_cached("SELECT 1 FROM thing_groups WHERE parent = ?")?
        .exists([number])?;
    if has_children {
        return Err(GroupError::HasChildren(name.clone()).into());
    }
    let path: Vec<Number> =
        path(connection, number)?.into_iter().map(|(number, _)| number).collect();
    let mut forget = connection
        .prepare_cached("DELETE FROM thing_group_descendants WHERE ancestor = ? AND name = ?")?;
    for ancestor in path.iter().skip(1) {
        forget.execute(params![ancestor, name.as_str()])?;
    }
    connection
        .prepare_cached("DELETE FROM thing_group_policies WHERE number = ?")?
        .execute([number])?;
    connection.prepare_cached("DELETE FROM thing_groups WHERE number = ?")?.execute([number])?;
    // A group may have a million things: they leave it piece by piece.
    connection
        .prepare_cached("INSERT INTO deleted_thing_groups (number, path) VALUES (?, ?)")?
        .execute(params![number, to_json("path", &path)?])?;
    tags::clear(connection, &Resource::ThingGroup(name.clone()))?;
    logging::forget_group(connection, name, now)?;
    events::append(connection, "thing-group.deleted", &told(connection, &group)?, now)?;
    Ok(Some(number))
}

/// A group as the event log has it, with those it lies in: the root first, its parent last.
fn told(connection: &Connection, it: &ThingGroup) -> Result<Value, StoreError> {
    let mut above = Vec::new();
    for name in &it.ancestors {
        let id = id(connection, name)?;
        above.push(json!({ "thingGroupName": name, "thingGroupId": id }));
    }
    Ok(json!({ "thingGroupName": it.name, "thingGroupId": it.group_id,
        "parentGroupName": it.ancestors.last(), "rootToParent": above,
        "properties": it.properties, "version": it.version }))
}

/// What tells a group from one that had its name before.
pub(crate) fn id(
    connection: &Connection,
    name: &ThingGroupName,
) -> Result<Option<ResourceId>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT group_id FROM thing_groups WHERE name = ?")?
        .query_row([name.as_str()], |row| row.get(0).map(ResourceId::from_random))
        .optional()?)
}
