//! Lists of things: by name, by type, by an attribute's value or how it begins.

use std::{fmt, str::FromStr};

use perennial_core::{
    ids::{ThingName, ThingTypeName},
    registry::Thing,
};
use rusqlite::{Connection, Params, Row, params};

use crate::{NoPlace, Page, Store, StoreError, page::one_more, row, things};

/// Comes after every character that an attribute's value may have.
const AFTER_ALL: char = '\u{7f}';

/// Which things to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThingFilter {
    /// Only those of this type.
    pub type_name: Option<ThingTypeName>,
    /// Only those with this attribute.
    pub attribute: Option<AttributeFilter>,
}

/// An attribute to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeFilter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: ValueFilter,
}

/// Which values of an attribute will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueFilter {
    /// This one.
    Is(String),
    /// Those that begin so; every one with an empty text.
    BeginsWith(String),
}

/// Where a list of things was left: the last thing, with the value it was found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThingPlace {
    /// The thing.
    pub name: ThingName,
    /// The attribute's value; empty when the list is not by attribute.
    pub value: String,
}

impl fmt::Display for ThingPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.value)
    }
}

impl FromStr for ThingPlace {
    type Err = NoPlace;
    fn from_str(text: &str) -> Result<Self, NoPlace> {
        // A name has no slash.
        let (name, value) = text.split_once('/').ok_or(NoPlace)?;
        let name = name.parse().map_err(|_| NoPlace)?;
        Ok(Self { name, value: value.to_owned() })
    }
}

impl Store {
    /// Things that `filter` selects, by name, or by the attribute's value and name; at most
    /// `limit` after the place where the page before ended.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn list_things(
        &self,
        filter: ThingFilter,
        after: Option<ThingPlace>,
        limit: usize,
    ) -> Result<Page<Thing, ThingPlace>, StoreError> {
        self.read(move |connection| {
            let found = places(connection, &filter, after, limit)?;
            Page::cut(found, limit, Clone::clone)
                .try_map(|place| things::existing(connection, &place.name))
        })
        .await
    }
}

fn places(
    connection: &Connection,
    filter: &ThingFilter,
    after: Option<ThingPlace>,
    limit: usize,
) -> Result<Vec<ThingPlace>, StoreError> {
    let type_name = filter.type_name.as_ref().map(ThingTypeName::as_str);
    let limit = one_more(limit);
    let Some(attribute) = &filter.attribute else {
        let after = after.as_ref().map_or("", |place| place.name.as_str());
        return match type_name {
            None => rows(
                connection,
                "SELECT name, '' FROM things WHERE name > ? ORDER BY name LIMIT ?",
                params![after, limit],
            ),
            Some(type_name) => rows(
                connection,
                "SELECT name, '' FROM things WHERE type = ? AND name > ? ORDER BY name LIMIT ?",
                params![type_name, after, limit],
            ),
        };
    };
    let (first, last) = match &attribute.value {
        ValueFilter::Is(value) => (value.clone(), value.clone()),
        ValueFilter::BeginsWith(start) => (start.clone(), format!("{start}{AFTER_ALL}")),
    };
    let (value, thing) =
        after.map_or((first, String::new()), |place| (place.value, place.name.to_string()));
    let name = &attribute.name;
    match type_name {
        None => rows(
            connection,
            "SELECT thing, value FROM thing_attributes INDEXED BY thing_attributes_by_value \
             WHERE name = ? AND (value, thing) > (?, ?) AND value <= ? \
             ORDER BY value, thing LIMIT ?",
            params![name, value, thing, last, limit],
        ),
        Some(type_name) => rows(
            connection,
            "SELECT thing, value FROM thing_attributes INDEXED BY thing_attributes_by_type \
             WHERE type = ? AND name = ? AND (value, thing) > (?, ?) AND value <= ? \
             ORDER BY value, thing LIMIT ?",
            params![type_name, name, value, thing, last, limit],
        ),
    }
}

fn rows(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<ThingPlace>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        places.push(place(row)?);
    }
    Ok(places)
}

fn place(row: &Row<'_>) -> Result<ThingPlace, StoreError> {
    Ok(ThingPlace { name: row::thing_name(&row.get::<_, String>(0)?)?, value: row.get(1)? })
}
