//! The document that describes our own operations, for tools that make clients of it.
//!
//! It is one file, and the tests below hold it against the table and the types of its input; what
//! operations answer is held against it by the tests that drive a server.

use axum::response::IntoResponse;
use http::header;

/// Where it is served, to whoever asks: it says nothing about this server but its version.
pub(crate) const PATH: &str = "/api/v1/openapi.json";

const DOCUMENT: &str = include_str!("../openapi.json");

/// Answers with the document.
pub(crate) async fn show() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use perennial_core::access::Need;
    use serde_json::Value;

    use super::*;
    use crate::{described::Operation, operation};

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    /// What a reference points to, or the value itself.
    fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
        target.map_or(value, |pointer| document.pointer(pointer).unwrap())
    }

    fn described<'a>(document: &'a Value, operation: &Operation) -> &'a Value {
        &document["paths"][operation.path][operation.method.as_str().to_lowercase()]
    }

    /// The names of the parameters of an operation that are in `place`.
    fn parameters(document: &Value, operation: &Operation, place: &str) -> BTreeSet<String> {
        let listed = described(document, operation)["parameters"].as_array();
        let resolved = listed.into_iter().flatten().map(|it| resolved(document, it));
        let placed = resolved.filter(|parameter| parameter["in"] == place);
        placed.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    }

    fn body(document: &Value, operation: &Operation) -> BTreeSet<String> {
        let schema = described(document, operation)
            .pointer("/requestBody/content/application~1json/schema/properties");
        schema
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn owned(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const fn word(need: Need) -> &'static str {
        match need {
            Need::Read => "read",
            Need::Audit => "audit",
            Need::Operate => "operate",
            Need::Administer => "administer",
        }
    }

    fn own() -> Vec<Operation> {
        operation::all().into_iter().filter(Operation::is_own).collect()
    }

    #[test]
    fn the_document_has_every_operation_of_ours_with_what_it_needs_and_no_other() {
        let document = document();

        for operation in own() {
            let described = described(&document, &operation);
            assert_eq!(described["operationId"], operation.name);
            assert_eq!(described["x-perennial-need"], word(operation.need), "{operation:?}");
        }
        let paths = document["paths"].as_object().unwrap().values();
        let count: usize = paths.map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(count, own().len());
    }

    #[test]
    fn the_document_has_every_member_of_their_input_and_no_other() {
        let document = document();

        for operation in own() {
            let members = &operation.members;
            let path = parameters(&document, &operation, "path");
            assert_eq!(path, owned(members.path), "{operation:?}");
            let query = parameters(&document, &operation, "query");
            assert_eq!(query, owned(members.query), "{operation:?}");
            assert_eq!(body(&document, &operation), owned(members.body), "{operation:?}");
        }
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        fn check(document: &Value, value: &Value) {
            resolved(document, value);
            match value {
                Value::Object(members) => members.values().for_each(|it| check(document, it)),
                Value::Array(items) => items.iter().for_each(|it| check(document, it)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let document = document();

        check(&document, &document);
    }
}
