//! A thing: the registry's entry for one device, by its name.

use serde::Serialize;

use super::{AttributeChange, Attributes};
use crate::{
    ids::{ResourceId, ThingName, ThingTypeName},
    time::Timestamp,
};

/// A registry entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Thing {
    /// Its name, unique in the registry; its device usually connects under it as its client id.
    pub name: ThingName,
    /// Tells it from a thing that had its name before.
    pub thing_id: ResourceId,
    /// Its type.
    #[serde(rename = "thingTypeName", skip_serializing_if = "Option::is_none")]
    pub type_name: Option<ThingTypeName>,
    /// Its attributes.
    pub attributes: Attributes,
    /// One more with each update; 1 at first.
    pub version: u64,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A thing to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewThing {
    /// Its name.
    pub name: ThingName,
    /// Its type.
    pub type_name: Option<ThingTypeName>,
    /// Its attributes.
    pub attributes: Attributes,
}

impl NewThing {
    /// A thing that is only a name.
    pub fn named(name: ThingName) -> Self {
        Self { name, type_name: None, attributes: Attributes::default() }
    }

    /// Whether `thing` is just what this asks for, so that asking again changes nothing.
    pub fn describes(&self, thing: &Thing) -> bool {
        let Self { name, type_name, attributes } = self;
        *name == thing.name && *type_name == thing.type_name && *attributes == thing.attributes
    }
}

/// What an update does to a thing's type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TypeChange {
    /// Nothing.
    #[default]
    Keep,
    /// It has none from now on.
    Remove,
    /// It has this one from now on.
    Set(ThingTypeName),
}

/// A change of a thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThingUpdate {
    /// Its type.
    pub type_name: TypeChange,
    /// Its attributes.
    pub attributes: Option<AttributeChange>,
    /// The version it must have, if that matters.
    pub expected_version: Option<u64>,
}
