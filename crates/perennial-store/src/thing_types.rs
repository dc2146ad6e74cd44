//! Thing types: made, deprecated, and deleted when nothing has them any more.

use perennial_core::{
    ids::{ResourceId, ThingTypeName},
    registry::{Resource, Tags, ThingType, TypeError, TypeProperties, check_description},
    time::Timestamp,
};
use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};

use crate::{
    Page, Store, StoreError, draw, events,
    page::one_more,
    row::{self, from_json, to_json},
    tags,
};

const COLUMNS: &str = "name, type_id, description, searchable, created_at, deprecated_at";

impl Store {
    /// Makes a type; answers with it, and whether it is new.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when one of that name has other properties,
    /// [`StoreError::Invalid`] when a property may not be.
    pub async fn create_thing_type(
        &self,
        name: ThingTypeName,
        properties: TypeProperties,
        tags: Tags,
        now: Timestamp,
    ) -> Result<(ThingType, bool), StoreError> {
        self.write(move |connection| create(connection, name, properties, &tags, now)).await
    }

    /// A type.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it does not exist.
    pub async fn thing_type(&self, name: ThingTypeName) -> Result<ThingType, StoreError> {
        self.read(move |connection| existing(connection, &name)).await
    }

    /// Types by name, at most `limit` after `after`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn thing_types(
        &self,
        after: Option<ThingTypeName>,
        limit: usize,
    ) -> Result<Page<ThingType, ThingTypeName>, StoreError> {
        self.read(move |connection| {
            let after = after.as_ref().map_or("", ThingTypeName::as_str);
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM thing_types WHERE name > ? ORDER BY name LIMIT ?"
            ))?;
            let mut rows = statement.query(params![after, one_more(limit)])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(row)?);
            }
            Ok(Page::cut(found, limit, |it| it.name.clone()))
        })
        .await
    }

    /// Changes a type's description.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Invalid`] when it may not be.
    pub async fn describe_thing_type_as(
        &self,
        name: ThingTypeName,
        description: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| describe_as(connection, &name, description, now)).await
    }

    /// Deprecates a type, so that no thing may take it, or undoes that.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it does not exist.
    pub async fn deprecate_thing_type(
        &self,
        name: ThingTypeName,
        deprecated: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| deprecate(connection, &name, deprecated, now)).await
    }

    /// Deletes a type.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Invalid`] unless it was deprecated five minutes
    /// ago and no thing has it.
    pub async fn delete_thing_type(
        &self,
        name: ThingTypeName,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| delete(connection, &name, now)).await
    }
}

pub(crate) fn existing(
    connection: &Connection,
    name: &ThingTypeName,
) -> Result<ThingType, StoreError> {
    find(connection, name)?.ok_or_else(|| StoreError::not_found("thing type", name))
}

fn find(connection: &Connection, name: &ThingTypeName) -> Result<Option<ThingType>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM thing_types WHERE name = ?"))?;
    let mut rows = statement.query([name.as_str()])?;
    rows.next()?.map(read).transpose()
}

fn read(row: &Row<'_>) -> Result<ThingType, StoreError> {
    Ok(ThingType {
        name: row::type_name(&row.get::<_, String>(0)?)?,
        type_id: ResourceId::from_random(row.get(1)?),
        properties: TypeProperties {
            description: row.get(2)?,
            searchable_attributes: from_json("searchable attribute", &row.get::<_, String>(3)?)?,
        },
        created_at: Timestamp::from_millis(row.get(4)?),
        deprecated_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis),
    })
}

fn create(
    connection: &Connection,
    name: ThingTypeName,
    properties: TypeProperties,
    tags: &Tags,
    now: Timestamp,
) -> Result<(ThingType, bool), StoreError> {
    properties.check()?;
    if let Some(found) = find(connection, &name)? {
        if found.properties == properties {
            return Ok((found, false));
        }
        let (name, id) = (name.to_string(), Some(found.type_id));
        return Err(StoreError::Exists { what: "thing type", name, id });
    }
    let type_id = draw::resource_id();
    let made = ThingType { name, type_id, properties, created_at: now, deprecated_at: None };
    connection
        .prepare_cached(
            "INSERT INTO thing_types (name, type_id, description, searchable, created_at) \
             VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            made.name.as_str(),
            type_id.as_bytes(),
            made.properties.description,
            to_json("searchable attribute", &made.properties.searchable_attributes)?,
            now.as_millis(),
        ])?;
    tags::put(connection, &Resource::ThingType(made.name.clone()), tags)?;
    let body = json!({ "thingTypeName": made.name, "thingTypeId": type_id,
        "properties": made.properties, "tags": tags.as_map() });
    events::append(connection, "thing-type.created", &body, now)?;
    Ok((made, true))
}

fn describe_as(
    connection: &Connection,
    name: &ThingTypeName,
    description: Option<String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if !description.as_deref().is_none_or(check_description) {
        return Err(TypeError::Description.into());
    }
    let mut found = existing(connection, name)?;
    if found.properties.description == description {
        return Ok(());
    }
    connection
        .prepare_cached("UPDATE thing_types SET description = ? WHERE name = ?")?
        .execute(params![description, name.as_str()])?;
    found.properties.description = description;
    events::append(connection, "thing-type.updated", &told(&found), now)
}

fn deprecate(
    connection: &Connection,
    name: &ThingTypeName,
    deprecated: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut found = existing(connection, name)?;
    if found.deprecated_at.is_some() == deprecated {
        return Ok(());
    }
    found.deprecated_at = deprecated.then_some(now);
    connection
        .prepare_cached("UPDATE thing_types SET deprecated_at = ? WHERE name = ?")?
        .execute(params![found.deprecated_at.map(Timestamp::as_millis), name.as_str()])?;
    events::append(connection, "thing-type.deprecated", &told(&found), now)
}

fn delete(connection: &Connection, name: &ThingTypeName, now: Timestamp) -> Result<(), StoreError> {
    let found = existing(connection, name)?;
    let in_use = connection
        .prepare_cached("SELECT 1 FROM things WHERE type = ?")?
        .exists([name.as_str()])?;
    found.check_deletable(in_use, now)?;
    connection
        .prepare_cached("DELETE FROM thing_types WHERE name = ?")?
        .execute([name.as_str()])?;
    tags::clear(connection, &Resource::ThingType(name.clone()))?;
    events::append(connection, "thing-type.deleted", &told(&found), now)
}

/// A type as the event log has it.
fn told(it: &ThingType) -> Value {
    json!({ "thingTypeName": it.name, "thingTypeId": it.type_id, "properties": it.properties,
        "deprecatedAt": it.deprecated_at })
}
