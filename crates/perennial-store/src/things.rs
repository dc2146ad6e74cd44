//! Things: the registry's entries for devices, with type and attributes.

use std::collections::BTreeMap;

use perennial_core::{
    certificate::Certificate,
    ids::{ResourceId, ThingName, ThingTypeName},
    registry::{Attributes, NewThing, Thing, ThingUpdate, TypeChange},
    time::Timestamp,
};
use perennial_orchestrator::port::{Journal as _, Registry as _, Stored};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::{Store, StoreError, draw, events, group_members, row, thing_types};

impl Store {
    /// Registers a thing; answers with it, and whether it is new.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when one of that name is not just the same,
    /// [`StoreError::NotFound`] when there is no such type, [`StoreError::Invalid`] when the type
    /// is deprecated.
    pub async fn create_thing(
        &self,
        new: NewThing,
        now: Timestamp,
    ) -> Result<(Thing, bool), StoreError> {
        self.write(move |connection| create(connection, &new, now)).await
    }

    /// A thing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is not registered.
    pub async fn describe_thing(&self, name: ThingName) -> Result<Thing, StoreError> {
        self.read(move |connection| existing(connection, &name)).await
    }

    /// A thing and its ACTIVE certificates, the latest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is not registered.
    pub async fn thing(&self, name: ThingName) -> Result<(Thing, Vec<Certificate>), StoreError> {
        let thing = self.describe_thing(name.clone()).await?;
        let certificates = self.certificates_of(&[name]).await;
        let certificates = certificates.map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok((thing, certificates.into_iter().flatten().collect()))
    }

    /// Changes a thing's type or attributes; what changes nothing is no new version.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the thing or its new type, [`StoreError::VersionConflict`],
    /// [`StoreError::Invalid`] when an attribute or the type may not be.
    pub async fn update_thing(
        &self,
        name: ThingName,
        update: ThingUpdate,
        now: Timestamp,
    ) -> Result<Thing, StoreError> {
        self.write(move |connection| change(connection, &name, update, now)).await
    }

    /// Deletes a thing; answers whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] while a certificate is attached to it,
    /// [`StoreError::VersionConflict`].
    pub async fn delete_thing(
        &self,
        name: ThingName,
        expected_version: Option<u64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| delete(connection, &name, expected_version, now)).await
    }

    /// The thing's open rotation, or else its latest.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn latest_rotation(&self, thing: ThingName) -> Result<Option<Stored>, StoreError> {
        let found = self.latest(&[thing]).await;
        let found = found.map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(found.into_iter().flatten().next())
    }
}

pub(crate) fn find(connection: &Connection, name: &ThingName) -> Result<Option<Thing>, StoreError> {
    let found: Option<([u8; 16], Option<String>, i64, i64)> = connection
        .prepare_cached("SELECT thing_id, type, version, created_at FROM things WHERE name = ?")?
        .query_row([name.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((id, type_name, version, created_at)) = found else { return Ok(None) };
    Ok(Some(Thing {
        name: name.clone(),
        thing_id: ResourceId::from_random(id),
        type_name: type_name.as_deref().map(row::type_name).transpose()?,
        attributes: attributes(connection, name)?,
        version: version.unsigned_abs(),
        created_at: Timestamp::from_millis(created_at),
    }))
}

pub(crate) fn existing(connection: &Connection, name: &ThingName) -> Result<Thing, StoreError> {
    find(connection, name)?.ok_or_else(|| StoreError::not_found("thing", name))
}

fn attributes(connection: &Connection, thing: &ThingName) -> Result<Attributes, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT name, value FROM thing_attributes WHERE thing = ?")?;
    let rows = statement.query_map([thing.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let map: BTreeMap<String, String> = rows.collect::<Result<_, _>>()?;
    Attributes::new(map).map_err(|error| StoreError::corrupt("attribute", error))
}

/// Makes the thing if it does not exist.
pub(crate) fn ensure(
    connection: &Connection,
    name: &ThingName,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known = connection
        .prepare_cached("SELECT 1 FROM things WHERE name = ?")?
        .exists([name.as_str()])?;
    if !known {
        create(connection, &NewThing::named(name.clone()), now)?;
    }
    Ok(())
}

pub(crate) fn create(
    connection: &Connection,
    new: &NewThing,
    now: Timestamp,
) -> Result<(Thing, bool), StoreError> {
    if let Some(found) = find(connection, &new.name)? {
        if new.describes(&found) {
            return Ok((found, false));
        }
        let (name, id) = (found.name.to_string(), Some(found.thing_id));
        return Err(StoreError::Exists { what: "thing", name, id });
    }
    if let Some(type_name) = &new.type_name {
        thing_types::existing(connection, type_name)?.check_usable()?;
    }
    let thing = Thing {
        name: new.name.clone(),
        thing_id: draw::resource_id(),
        type_name: new.type_name.clone(),
        attributes: new.attributes.clone(),
        version: 1,
        created_at: now,
    };
    connection
        .prepare_cached(
            "INSERT INTO things (name, thing_id, type, version, created_at) VALUES (?, ?, ?, 1, ?)",
        )?
        .execute(params![
            thing.name.as_str(),
            thing.thing_id.as_bytes(),
            thing.type_name.as_ref().map(ThingTypeName::as_str),
            now.as_millis(),
        ])?;
    write_attributes(connection, &thing)?;
    let mut body = json!({ "thingName": thing.name, "thingId": thing.thing_id });
    if let Some(type_name) = &thing.type_name {
        body["thingTypeName"] = json!(type_name);
    }
    if !thing.attributes.as_map().is_empty() {
        body["attributes"] = json!(thing.attributes);
    }
    events::append(connection, "thing.created", &body, now)?;
    Ok((thing, true))
}

fn write_attributes(connection: &Connection, thing: &Thing) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO thing_attributes (thing, name, value, type) VALUES (?, ?, ?, ?)",
    )?;
    let type_name = thing.type_name.as_ref().map(ThingTypeName::as_str);
    for (name, value) in thing.attributes.as_map() {
        insert.execute(params![thing.name.as_str(), name, value, type_name])?;
    }
    Ok(())
}

pub(crate) fn change(
    connection: &Connection,
    name: &ThingName,
    update: ThingUpdate,
    now: Timestamp,
) -> Result<Thing, StoreError> {
    let before = existing(connection, name)?;
    StoreError::unless_version("thing", name, update.expected_version, before.version)?;
    let mut after = before.clone();
    match update.type_name {
        TypeChange::Keep => {}
        TypeChange::Remove => after.type_name = None,
        TypeChange::Set(wanted) if Some(&wanted) == before.type_name.as_ref() => {}
        TypeChange::Set(wanted) => {
            thing_types::existing(connection, &wanted)?.check_usable()?;
            after.type_name = Some(wanted);
        }
    }
    if let Some(attributes) = update.attributes {
        after.attributes = before.attributes.changed(attributes)?;
    }
    if after == before {
        return Ok(before);
    }
    after.version += 1;
    connection
        .prepare_cached("UPDATE things SET type = ?, version = version + 1 WHERE name = ?")?
        .execute(params![after.type_name.as_ref().map(ThingTypeName::as_str), name.as_str()])?;
    connection
        .prepare_cached("DELETE FROM thing_attributes WHERE thing = ?")?
        .execute([name.as_str()])?;
    write_attributes(connection, &after)?;
    let body = json!({ "thingName": name, "thingId": after.thing_id,
        "thingTypeName": after.type_name, "thingTypeBefore": before.type_name,
        "attributes": after.attributes, "version": after.version });
    events::append(connection, "thing.updated", &body, now)?;
    Ok(after)
}

fn delete(
    connection: &Connection,
    name: &ThingName,
    expected_version: Option<u64>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(thing) = find(connection, name)? else { return Ok(false) };
    StoreError::unless_version("thing", name, expected_version, thing.version)?;
    let attached = connection
        .prepare_cached("SELECT 1 FROM thing_certificates WHERE thing = ?")?
        .exists([name.as_str()])?;
    if attached {
        let why = format!("thing {name} has principals attached: detach them first");
        return Err(StoreError::Invalid(why));
    }
    group_members::leave_all(connection, name)?;
    connection.prepare_cached("DELETE FROM things WHERE name = ?")?.execute([name.as_str()])?;
    let body = json!({ "thingName": name, "thingId": thing.thing_id,
        "thingTypeName": thing.type_name, "attributes": thing.attributes,
        "version": thing.version });
    events::append(connection, "thing.deleted", &body, now)?;
    Ok(true)
}
