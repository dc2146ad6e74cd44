//! Errors as AWS gives them: a code, its status, a message, and members of some codes.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use perennial_core::{
    access::Need,
    registry::{ArnError, AttributeError, PolicyRefused, TagError},
    rule::RuleInvalid,
};
use perennial_pki::{IssueError, RegistrationRefused};
use perennial_store::StoreError;
use serde_json::{Map, Value, json};
use tracing::error;

use crate::{
    EnrolmentError,
    sigv4::{Service, SignatureError},
};

macro_rules! codes {
    ($($code:ident $status:ident,)+) => {
        /// AWS's error codes, each with its one status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "AWS documents them under these names")]
        pub enum Code {
            $($code,)+
        }

        impl Code {
            /// Its name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => stringify!($code),)+
                }
            }

            /// The status it is answered with.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$code => StatusCode::$status,)+
                }
            }
        }
    };
}

codes! {
    AccessDeniedException FORBIDDEN,
    BatchEntryIdsNotDistinct BAD_REQUEST,
    BatchRequestTooLong BAD_REQUEST,
    CertificateConflictException CONFLICT,
    CertificateStateException NOT_ACCEPTABLE,
    CertificateValidationException BAD_REQUEST,
    ConflictException CONFLICT,
    ConflictingResourceUpdateException CONFLICT,
    DeleteConflictException CONFLICT,
    EmptyBatchRequest BAD_REQUEST,
    ForbiddenException FORBIDDEN,
    IncompleteSignatureException BAD_REQUEST,
    InternalFailureException INTERNAL_SERVER_ERROR,
    InvalidBatchEntryId BAD_REQUEST,
    InvalidQueryException BAD_REQUEST,
    InvalidRequestException BAD_REQUEST,
    InvalidSignatureException FORBIDDEN,
    InvalidStateTransitionException CONFLICT,
    LimitExceededException GONE,
    MalformedPolicyException BAD_REQUEST,
    MissingAuthenticationTokenException FORBIDDEN,
    NotConfiguredException NOT_FOUND,
    RegistrationCodeValidationException BAD_REQUEST,
    RequestEntityTooLargeException PAYLOAD_TOO_LARGE,
    RequestTimeoutException REQUEST_TIMEOUT,
    ResourceAlreadyExistsException CONFLICT,
    ResourceNotFoundException NOT_FOUND,
    ResourceRegistrationFailureException BAD_REQUEST,
    SerializationException BAD_REQUEST,
    ServiceUnavailableException SERVICE_UNAVAILABLE,
    SqlParseException BAD_REQUEST,
    SubscriptionLimitExceeded FORBIDDEN,
    TaskAlreadyExistsException BAD_REQUEST,
    ThrottlingException BAD_REQUEST,
    TooManyEntriesInBatchRequest BAD_REQUEST,
    UnauthorizedException UNAUTHORIZED,
    UnknownOperationException NOT_FOUND,
    UnrecognizedClientException FORBIDDEN,
    VersionConflictException CONFLICT,
    VersionsLimitExceededException CONFLICT,
}

/// What a caller is told went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct ApiError {
    /// AWS's code.
    pub code: Code,
    /// What was wrong, where, and what to do.
    pub message: String,
    /// Further members of the answer, such as `resourceArn`.
    pub members: Map<String, Value>,
    /// What it is answered with, where that is not the code's usual status.
    status: Option<StatusCode>,
}

impl ApiError {
    /// An error without further members.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), members: Map::new(), status: None }
    }

    /// As the data plane answers it: what comes too fast has another status there.
    pub(crate) fn of_data_plane(self) -> Self {
        let is_throttling = self.code == Code::ThrottlingException;
        Self { status: is_throttling.then_some(StatusCode::TOO_MANY_REQUESTS), ..self }
    }

    /// The input cannot be what was meant.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequestException, message)
    }

    /// Something named does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceNotFoundException, message)
    }

    /// Something of that name exists: which it is goes with the answer.
    pub fn exists(message: impl Into<String>, id: &str, arn: &str) -> Self {
        let mut error = Self::new(Code::ResourceAlreadyExistsException, message);
        error.members.insert("resourceId".to_owned(), id.into());
        error.members.insert("resourceArn".to_owned(), arn.into());
        error
    }

    /// What could not be made: if something of its name exists, that goes with the answer.
    pub(crate) fn not_made(error: StoreError, arn: &str) -> Self {
        let StoreError::Exists { name, id, .. } = &error else { return error.into() };
        let id = id.map_or_else(|| name.clone(), |id| id.to_string());
        Self::exists(error.to_string(), &id, arn)
    }

    /// A text that is not an ARN of this server.
    pub(crate) fn of_arn(error: ArnError) -> Self {
        Self::invalid(error.to_string())
    }

    /// A fault of the server's own: its caller hears no more than that, the log hears all.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        error!(%cause, "a request failed");
        Self::new(Code::InternalFailureException, "An internal failure has occurred; see the log.")
    }

    pub(crate) fn denied(caller: &str, (service, operation): (Service, &str), need: Need) -> Self {
        let message = format!(
            "User: {caller} is not authorized to perform: {}:{operation}: its access key's role \
             may not do what needs {need:?}",
            service.as_str()
        );
        Self::new(Code::AccessDeniedException, message)
    }

    pub(crate) fn response(&self) -> Response<Body> {
        let mut members = self.members.clone();
        members.insert("message".to_owned(), json!(self.message));
        let mut response = Response::new(Body::from(Value::Object(members).to_string()));
        *response.status_mut() = self.status.unwrap_or_else(|| self.code.status());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-amzn-errortype", HeaderValue::from_static(self.code.as_str()));
        response
    }
}

impl From<SignatureError> for ApiError {
    fn from(error: SignatureError) -> Self {
        let code = match error {
            SignatureError::Missing => Code::MissingAuthenticationTokenException,
            SignatureError::Incomplete(_) => Code::IncompleteSignatureException,
            SignatureError::Invalid(_) => Code::InvalidSignatureException,
            SignatureError::Unrecognized(_) => Code::UnrecognizedClientException,
        };
        Self::new(code, error.to_string())
    }
}

impl From<RegistrationRefused> for ApiError {
    fn from(refused: RegistrationRefused) -> Self {
        let code = match refused {
            RegistrationRefused::OtherCode => Code::RegistrationCodeValidationException,
            RegistrationRefused::Format(_)
            | RegistrationRefused::Key(_)
            | RegistrationRefused::NotAnAuthority
            | RegistrationRefused::AnAuthority
            | RegistrationRefused::OtherIssuer
            | RegistrationRefused::BadSignature
            | RegistrationRefused::SignatureAlgorithm(_)
            | RegistrationRefused::NotYetValid(_)
            | RegistrationRefused::Expired(_)
            | RegistrationRefused::Unusable(_) => Code::CertificateValidationException,
        };
        Self::new(code, refused.to_string())
    }
}

impl From<EnrolmentError> for ApiError {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Csr { .. } => Self::invalid(error.to_string()),
            EnrolmentError::Store(error) => error.into(),
            EnrolmentError::Gone => Self::not_found(error.to_string()),
            EnrolmentError::Issue(IssueError::NoTimeLeft { .. }) => {
                Self::invalid(error.to_string())
            }
            EnrolmentError::Issue(_) | EnrolmentError::Serial(_) | EnrolmentError::Closing => {
                Self::internal(&error)
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            _ if error.is_retryable() => {
                error!(%error, "the store could not serve a request");
                let message = "The store is busy, full or shutting down; try again.";
                return Self::new(Code::ServiceUnavailableException, message);
            }
            StoreError::NotFound { .. } => Code::ResourceNotFoundException,
            StoreError::Exists { .. } => Code::ResourceAlreadyExistsException,
            StoreError::VersionConflict { .. } => Code::VersionConflictException,
            StoreError::VersionsLimitExceeded(_) => Code::VersionsLimitExceededException,
            StoreError::DeleteConflict(_) => Code::DeleteConflictException,
            StoreError::LimitExceeded(_) => Code::LimitExceededException,
            StoreError::Conflict(_) => Code::ConflictException,
            StoreError::StateConflict(_) | StoreError::Unlawful(_) => {
                Code::CertificateStateException
            }
            StoreError::Rule(RuleInvalid::Sql(_)) => Code::SqlParseException,
            StoreError::Invalid(_) | StoreError::Refused(_) | StoreError::Rule(_) => {
                Code::InvalidRequestException
            }
            StoreError::Database(_)
            | StoreError::Corrupt { .. }
            | StoreError::Outdated { .. }
            | StoreError::Undone
            | StoreError::Closed => return Self::internal(&error),
        };
        Self::new(code, error.to_string())
    }
}

macro_rules! as_the_store_says {
    ($($refused:ty),+) => {
        $(impl From<$refused> for ApiError {
            fn from(refused: $refused) -> Self {
                StoreError::from(refused).into()
            }
        })+
    };
}

as_the_store_says!(AttributeError, PolicyRefused, RuleInvalid, TagError);
