//! Errors as SNS gives them: the same as elsewhere, under SNS's codes, in XML.

use axum::body::Body;
use http::{Response, StatusCode};

use super::xml::{NAMESPACE, escaped};
use crate::{ApiError, Code};

/// The answer to an operation that did not.
pub(crate) fn error(error: &ApiError, request_id: &str) -> Response<Body> {
    let (code, status) = spelled(error.code);
    let kind = if status.is_server_error() { "Receiver" } else { "Sender" };
    let (message, id) = (escaped(&error.message), escaped(request_id));
    let text = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{kind}</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
    );
    let mut response = super::respond(text);
    *response.status_mut() = status;
    response
}

/// SNS's word for a code of ours, and its status.
pub(super) fn spelled(code: Code) -> (&'static str, StatusCode) {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others are not SNS's and keep their names"
    )]
    match code {
        Code::InvalidRequestException | Code::ResourceAlreadyExistsException => {
            ("InvalidParameter", StatusCode::BAD_REQUEST)
        }
        Code::ResourceNotFoundException => ("NotFound", StatusCode::NOT_FOUND),
        Code::AccessDeniedException => ("AuthorizationError", StatusCode::FORBIDDEN),
        Code::ThrottlingException => ("Throttled", StatusCode::TOO_MANY_REQUESTS),
        Code::InternalFailureException => ("InternalError", StatusCode::INTERNAL_SERVER_ERROR),
        Code::LimitExceededException => ("TagLimitExceeded", StatusCode::BAD_REQUEST),
        Code::UnknownOperationException => ("InvalidAction", StatusCode::BAD_REQUEST),
        Code::InvalidSignatureException => ("SignatureDoesNotMatch", StatusCode::FORBIDDEN),
        Code::UnrecognizedClientException => ("InvalidClientTokenId", StatusCode::FORBIDDEN),
        Code::IncompleteSignatureException => ("IncompleteSignature", StatusCode::BAD_REQUEST),
        Code::MissingAuthenticationTokenException => {
            ("MissingAuthenticationToken", StatusCode::FORBIDDEN)
        }
        Code::ServiceUnavailableException => {
            ("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE)
        }
        other => (other.as_str(), other.status()),
    }
}
