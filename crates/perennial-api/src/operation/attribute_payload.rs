//! Attributes as requests and answers carry them, of things and of groups.

use std::collections::BTreeMap;

use perennial_core::registry::{AttributeChange, AttributeError, Attributes};
use serde::Deserialize;

/// AWS's `AttributePayload` in a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttributePayload {
    attributes: Option<BTreeMap<String, String>>,
    #[serde(default)]
    merge: bool,
}

impl AttributePayload {
    /// The change it asks for; none when it names no attributes.
    pub(super) fn change(self) -> Option<AttributeChange> {
        let Self { attributes, merge } = self;
        attributes.map(|attributes| AttributeChange { attributes, merge })
    }

    /// The attributes of something new that is made with it.
    ///
    /// # Errors
    /// [`AttributeError`] names the first that may not be.
    pub(super) fn first(payload: Option<Self>) -> Result<Attributes, AttributeError> {
        let attributes = payload.and_then(|payload| payload.attributes);
        Attributes::new(attributes.unwrap_or_default())
    }
}
