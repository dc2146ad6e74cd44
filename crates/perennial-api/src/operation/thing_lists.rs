//! Lists of things: all, of a type, or by an attribute's value.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{ThingName, ThingTypeName},
    registry::{Attributes, Thing},
};
use perennial_store::{AttributeFilter, ThingFilter, ValueFilter};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation::iot("ListThings", (Method::GET, "/things"), Need::Read, list)]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    max_results: Option<u32>,
    next_token: Option<String>,
    attribute_name: Option<String>,
    attribute_value: Option<String>,
    thing_type_name: Option<ThingTypeName>,
    #[serde(default)]
    use_prefix_attribute_value: bool,
}

impl Query {
    fn filter(&self) -> Result<ThingFilter, ApiError> {
        let attribute = match (&self.attribute_name, &self.attribute_value) {
            (None, None) => None,
            (Some(name), Some(value)) => Some(self.attribute(name, value)?),
            (Some(_), None) | (None, Some(_)) => {
                let message = "attributeName and attributeValue are given together, or neither";
                return Err(ApiError::invalid(message));
            }
        };
        if attribute.is_none() && self.use_prefix_attribute_value {
            let message = "usePrefixAttributeValue: there is no attributeValue to begin with";
            return Err(ApiError::invalid(message));
        }
        Ok(ThingFilter { type_name: self.thing_type_name.clone(), attribute })
    }

    fn attribute(&self, name: &str, value: &str) -> Result<AttributeFilter, ApiError> {
        // What no thing can have is refused here as it is there.
        Attributes::new([(name.to_owned(), value.to_owned())].into())?;
        let begins = self.use_prefix_attribute_value;
        let of = if begins { ValueFilter::BeginsWith } else { ValueFilter::Is };
        Ok(AttributeFilter { name: name.to_owned(), value: of(value.to_owned()) })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    things: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    thing_name: ThingName,
    thing_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_type_name: Option<ThingTypeName>,
    attributes: Attributes,
    version: u64,
}

async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    let filter = input.query.filter()?;
    let list = format!("ListThings {filter:?}");
    let limit = page::limit(input.query.max_results, "maxResults")?;
    let after = page::place(&list, input.query.next_token.as_deref())?;
    let found = call.store().list_things(filter, after, limit).await?;
    let summary = |thing: Thing| Summary {
        thing_arn: call.scope().arn("thing", thing.name.as_str()),
        thing_name: thing.name,
        thing_type_name: thing.type_name,
        attributes: thing.attributes,
        version: thing.version,
    };
    Ok(Listed {
        next_token: found.next.map(|place| page::token(&list, &place)),
        things: found.items.into_iter().map(summary).collect(),
    })
}
