//! AWS SNS's API: forms in, XML out, over the same port and with the same keys as the rest.

mod error;
mod form;
mod publishing;
mod subscriptions;
mod tags;
mod topics;
pub(crate) mod visit;
mod xml;

use std::{pin::Pin, sync::LazyLock};

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, header};
use perennial_core::{access::Need, notice_topic::NameError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub(crate) use self::error::error;
pub(crate) use self::form::Form;
use crate::{ApiError, Code, call::Call};

type Answered = Pin<Box<dyn Future<Output = Result<Value, ApiError>> + Send>>;

/// One operation.
pub(crate) struct Operation {
    /// AWS's name for it.
    pub(crate) name: &'static str,
    /// What a caller's role must allow.
    pub(crate) need: Need,
    run: Box<dyn Fn(Call, Value) -> Answered + Send + Sync>,
}

impl Operation {
    fn new<I, R, F, Running>(name: &'static str, need: Need, run: F) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        R: Serialize,
        F: Fn(Call, I) -> Running + Send + Sync + Copy + 'static,
        Running: Future<Output = Result<R, ApiError>> + Send + 'static,
    {
        let run = move |call: Call, input: Value| -> Answered {
            Box::pin(async move {
                let output = run(call, form::decoded(input)?).await?;
                serde_json::to_value(output).map_err(|error| ApiError::internal(&error))
            })
        };
        Self { name, need, run: Box::new(run) }
    }

    pub(crate) fn run(&self, call: Call, input: Value) -> Answered {
        (self.run)(call, input)
    }
}

static ALL: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let groups = [
        topics::operations(),
        subscriptions::operations(),
        publishing::operations(),
        tags::operations(),
    ];
    groups.into_iter().flatten().collect()
});

/// The operation that a form's `Action` names.
pub(crate) fn find(action: &str) -> Result<&'static Operation, ApiError> {
    let found = ALL.iter().find(|it| it.name == action);
    found.ok_or_else(|| {
        let action: String = action.chars().take(100).collect();
        let message = format!(
            "There is no action {action:?} of SNS here: docs/aws-compatibility.md lists those there are."
        );
        ApiError::new(Code::UnknownOperationException, message)
    })
}

/// The names of SNS's operations that there are.
pub fn sns_operation_names() -> Vec<&'static str> {
    ALL.iter().map(|it| it.name).collect()
}

/// Whether a request is a form, which only SNS's are.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    content_type.is_some_and(|it| it.starts_with("application/x-www-form-urlencoded"))
}

/// The answer to an operation that did.
pub(crate) fn success(action: &str, output: &Value, request_id: &str) -> Response<Body> {
    respond(xml::response(action, output, request_id))
}

fn respond(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_every_operation() {
        let listed = include_str!("../../../../docs/aws-compatibility.md");

        for name in sns_operation_names() {
            let named = listed.split([' ', ',', '|', '`', '\n']).any(|word| word == name);
            assert!(named, "{name} is not in the document");
        }
    }

    #[test]
    fn what_is_unknown_says_so() {
        let error = find("CreatePlatformEndpoint").err().unwrap();

        assert_eq!(error.code, Code::UnknownOperationException);
    }
}
