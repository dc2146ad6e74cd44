//! A thing: the registry's entry for one device, whose name is its device's client id.

use serde::{Deserialize, Serialize};

use crate::{ids::ThingName, time::Timestamp};

/// A registry entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Thing {
    /// Its name, unique in the registry; the device connects under it as its client id.
    pub name: ThingName,
    /// When it was registered.
    pub created_at: Timestamp,
}
