//! Billing groups: made, listed, deleted when nothing is in them; a thing is in one at most.

use perennial_core::{
    ids::{BillingGroupName, ResourceId, ThingName},
    registry::{BillingGroup, GroupError, NewThing, Tags, Thing, check_description},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::json;

use crate::{
    Page, Store, StoreError, draw, events,
    page::one_more,
    row,
    tags::{self, BILLING_GROUP},
    things,
};

const COLUMNS: &str = "name, group_id, description, version, created_at";

impl Store {
    /// Makes a billing group; answers with it. The same one again is no other.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when one of that name has another description,
    /// [`StoreError::Invalid`] when a description may not be.
    pub async fn create_billing_group(
        &self,
        name: BillingGroupName,
        description: Option<String>,
        tags: Tags,
        now: Timestamp,
    ) -> Result<BillingGroup, StoreError> {
        self.write(move |connection| create(connection, name, description, &tags, now)).await
    }

    /// A billing group.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn billing_group(&self, name: BillingGroupName) -> Result<BillingGroup, StoreError> {
        self.read(move |connection| existing(connection, &name)).await
    }

    /// Billing groups by name that begin with `prefix`, at most `limit` after `after`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn billing_groups(
        &self,
        prefix: String,
        after: Option<BillingGroupName>,
        limit: usize,
    ) -> Result<Page<BillingGroup, BillingGroupName>, StoreError> {
        self.read(move |connection| {
            let after = after.as_ref().map_or("", BillingGroupName::as_str);
            // Behind every name that begins so.
            let end = format!("{prefix}\u{7f}");
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM billing_groups WHERE name > ? AND name >= ? AND name < ? \
                 ORDER BY name LIMIT ?"
            ))?;
            let mut rows = statement.query(params![after, prefix, end, one_more(limit)])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(row)?);
            }
            Ok(Page::cut(found, limit, |it| it.name.clone()))
        })
        .await
    }

    /// Changes a billing group's description; answers its version, which is another one only if
    /// that changed anything.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionConflict`]; [`StoreError::Invalid`] when it
    /// may not be.
    pub async fn update_billing_group(
        &self,
        name: BillingGroupName,
        description: Option<String>,
        expected_version: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.write(move |connection| update(connection, &name, description, expected_version, now))
            .await
    }

    /// Deletes a billing group, if it is there.
    ///
    /// # Errors
    /// [`StoreError::VersionConflict`]; [`StoreError::Invalid`] while things are in it.
    pub async fn delete_billing_group(
        &self,
        name: BillingGroupName,
        expected_version: Option<u64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| delete(connection, &name, expected_version, now)).await
    }

    /// Registers a thing as [`create_thing`](Self::create_thing) does, in a billing group.
    ///
    /// # Errors
    /// As there, and [`StoreError::NotFound`] when there is no such group.
    pub async fn create_thing_billed_to(
        &self,
        new: NewThing,
        group: Option<BillingGroupName>,
        now: Timestamp,
    ) -> Result<(Thing, bool), StoreError> {
        self.write(move |connection| {
            let (thing, is_new) = things::create(connection, &new, now)?;
            match group {
                Some(group) if is_new => add(connection, &group, &thing.name, now)?,
                group if !is_new && of(connection, &thing.name)? != group => {
                    let (name, id) = (thing.name.to_string(), Some(thing.thing_id));
                    return Err(StoreError::Exists { what: "thing", name, id });
                }
                Some(_) | None => {}
            }
            Ok((thing, is_new))
        })
        .await
    }

    /// Puts a thing into a billing group; it leaves the one it is in.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the thing or the group.
    pub async fn bill_thing_to(
        &self,
        group: BillingGroupName,
        thing: ThingName,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            things::existing(connection, &thing)?;
            add(connection, &group, &thing, now)
        })
        .await
    }

    /// Takes a thing out of a billing group, if it is in it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the thing or the group.
    pub async fn bill_thing_no_more_to(
        &self,
        group: BillingGroupName,
        thing: ThingName,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            things::existing(connection, &thing)?;
            existing(connection, &group)?;
            let left = connection
                .prepare_cached(
                    "DELETE FROM billing_group_things WHERE thing = ? AND billing_group = ?",
                )?
                .execute([thing.as_str(), group.as_str()])?;
            if left == 0 {
                return Ok(());
            }
            let body = json!({ "billingGroupName": group, "thingName": thing });
            events::append(connection, "billing-group.left", &body, now)
        })
        .await
    }

    /// The billing group that a thing is in.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn billing_group_of(
        &self,
        thing: ThingName,
    ) -> Result<Option<BillingGroupName>, StoreError> {
        self.read(move |connection| of(connection, &thing)).await
    }

    /// Things of a billing group by name, at most `limit` after `after`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such group.
    pub async fn things_billed_to(
        &self,
        group: BillingGroupName,
        after: Option<ThingName>,
        limit: usize,
    ) -> Result<Page<ThingName>, StoreError> {
        self.read(move |connection| {
            existing(connection, &group)?;
            let after = after.as_ref().map_or("", ThingName::as_str);
            let mut statement = connection.prepare_cached(
                "SELECT thing FROM billing_group_things WHERE billing_group = ? AND thing > ? \
                 ORDER BY thing LIMIT ?",
            )?;
            let bound = params![group.as_str(), after, one_more(limit)];
            let rows = statement.query_map(bound, |row| row.get::<_, String>(0))?;
            let found = rows.map(|name| row::thing_name(&name?)).collect::<Result<_, _>>()?;
            Ok(Page::cut(found, limit, Clone::clone))
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Result<BillingGroup, StoreError> {
    Ok(BillingGroup {
        name: row::billing_group_name(&row.get::<_, String>(0)?)?,
        group_id: ResourceId::from_random(row.get(1)?),
        description: row.get(2)?,
        version: row.get::<_, i64>(3)?.unsigned_abs(),
        created_at: Timestamp::from_millis(row.get(4)?),
    })
}

fn find(
    connection: &Connection,
    name: &BillingGroupName,
) -> Result<Option<BillingGroup>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM billing_groups WHERE name = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([name.as_str()])?;
    rows.next()?.map(read).transpose()
}

fn existing(connection: &Connection, name: &BillingGroupName) -> Result<BillingGroup, StoreError> {
    find(connection, name)?.ok_or_else(|| StoreError::not_found("billing group", name))
}

fn check(description: Option<&str>) -> Result<(), StoreError> {
    let fine = description.is_none_or(check_description);
    if fine { Ok(()) } else { Err(GroupError::Description.into()) }
}

fn create(
    connection: &Connection,
    name: BillingGroupName,
    description: Option<String>,
    tags: &Tags,
    now: Timestamp,
) -> Result<BillingGroup, StoreError> {
    check(description.as_deref())?;
    if let Some(found) = find(connection, &name)? {
        if found.description == description {
            return Ok(found);
        }
        let (name, id) = (name.to_string(), Some(found.group_id));
        return Err(StoreError::Exists { what: "billing group", name, id });
    }
    let group_id = draw::resource_id();
    let made = BillingGroup { name, group_id, description, version: 1, created_at: now };
    connection
        .prepare_cached(
            "INSERT INTO billing_groups (name, group_id, description, version, created_at) \
             VALUES (?, ?, ?, 1, ?)",
        )?
        .execute(params![
            made.name.as_str(),
            group_id.as_bytes(),
            made.description,
            now.as_millis()
        ])?;
    let body = json!({ "billingGroupName": made.name, "billingGroupId": group_id,
        "description": made.description });
    events::append(connection, "billing-group.created", &body, now)?;
    tags::give(connection, (BILLING_GROUP, made.name.as_str()), tags, now)?;
    Ok(made)
}

fn update(
    connection: &Connection,
    name: &BillingGroupName,
    description: Option<String>,
    expected_version: Option<u64>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    check(description.as_deref())?;
    let before = existing(connection, name)?;
    StoreError::unless_version("billing group", name, expected_version, before.version)?;
    if description.is_none() || description == before.description {
        return Ok(before.version);
    }
    connection
        .prepare_cached(
            "UPDATE billing_groups SET description = ?, version = version + 1 WHERE name = ?",
        )?
        .execute(params![description, name.as_str()])?;
    let version = before.version + 1;
    let body = json!({ "billingGroupName": name, "description": description, "version": version });
    events::append(connection, "billing-group.updated", &body, now)?;
    Ok(version)
}

fn delete(
    connection: &Connection,
    name: &BillingGroupName,
    expected_version: Option<u64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(group) = find(connection, name)? else { return Ok(()) };
    StoreError::unless_version("billing group", name, expected_version, group.version)?;
    let in_use = connection
        .prepare_cached("SELECT 1 FROM billing_group_things WHERE billing_group = ? LIMIT 1")?
        .exists([name.as_str()])?;
    if in_use {
        let why = format!("things are in billing group {name}: take them out first");
        return Err(StoreError::Invalid(why));
    }
    connection
        .prepare_cached("DELETE FROM billing_groups WHERE name = ?")?
        .execute([name.as_str()])?;
    tags::clear_named(connection, BILLING_GROUP, name.as_str())?;
    let body = json!({ "billingGroupName": name, "billingGroupId": group.group_id });
    events::append(connection, "billing-group.deleted", &body, now)
}

fn add(
    connection: &Connection,
    group: &BillingGroupName,
    thing: &ThingName,
    now: Timestamp,
) -> Result<(), StoreError> {
    existing(connection, group)?;
    if of(connection, thing)?.as_ref() == Some(group) {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO billing_group_things (thing, billing_group) VALUES (?, ?)",
        )?
        .execute([thing.as_str(), group.as_str()])?;
    let body = json!({ "billingGroupName": group, "thingName": thing });
    events::append(connection, "billing-group.joined", &body, now)
}

/// The billing group that a thing is in.
pub(crate) fn of(
    connection: &Connection,
    thing: &ThingName,
) -> Result<Option<BillingGroupName>, StoreError> {
    let found: Option<String> = connection
        .prepare_cached("SELECT billing_group FROM billing_group_things WHERE thing = ?")?
        .query_row([thing.as_str()], |row| row.get(0))
        .optional()?;
    found.as_deref().map(row::billing_group_name).transpose()
}
