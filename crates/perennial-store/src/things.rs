//! Things: the registry's entries for devices.

use perennial_core::{certificate::Certificate, ids::ThingName, thing::Thing, time::Timestamp};
use perennial_orchestrator::port::{Journal as _, Registry as _, Stored};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::{
    Store, StoreError,
    events::{self, count},
    row,
};

impl Store {
    /// Registers a thing; answers whether it is new.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub async fn create_thing(&self, name: ThingName, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |connection| ensure(connection, &name, now)).await
    }

    /// A thing and its ACTIVE certificates, the latest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is not registered.
    pub async fn thing(&self, name: ThingName) -> Result<(Thing, Vec<Certificate>), StoreError> {
        let wanted = name.clone();
        let thing = self
            .read(move |connection| {
                let created_at: Option<i64> = connection
                    .prepare_cached("SELECT created_at FROM things WHERE name = ?")?
                    .query_row([wanted.as_str()], |row| row.get(0))
                    .optional()?;
                let created_at = created_at.map(Timestamp::from_millis);
                let created_at =
                    created_at.ok_or_else(|| StoreError::not_found("thing", &wanted))?;
                Ok(Thing { name: wanted, created_at })
            })
            .await?;
        let certificates = self.certificates_of(&[name]).await;
        let certificates = certificates.map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok((thing, certificates.into_iter().flatten().collect()))
    }

    /// Things whose name is above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn things(
        &self,
        after: Option<ThingName>,
        limit: usize,
    ) -> Result<Vec<Thing>, StoreError> {
        self.read(move |connection| {
            let after = after.as_ref().map_or("", ThingName::as_str);
            let mut statement = connection.prepare_cached(
                "SELECT name, created_at FROM things WHERE name > ? ORDER BY name LIMIT ?",
            )?;
            let mut rows = statement.query(params![after, count(limit)])?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                let name = row::thing_name(&row.get::<_, String>(0)?)?;
                page.push(Thing { name, created_at: Timestamp::from_millis(row.get(1)?) });
            }
            Ok(page)
        })
        .await
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

/// Makes the thing if it does not exist; answers whether it is new.
pub(crate) fn ensure(
    connection: &Connection,
    name: &ThingName,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let made = connection
        .prepare_cached("INSERT OR IGNORE INTO things (name, created_at) VALUES (?, ?)")?
        .execute(params![name.as_str(), now.as_millis()])?;
    if made == 0 {
        return Ok(false);
    }
    events::append(connection, "thing.created", &json!({ "thingName": name }), now)?;
    Ok(true)
}
