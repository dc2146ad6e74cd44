//! Fuzzing: the way to what requests are decoded with, for requests that no SDK would send.

use bytes::Bytes;
use http::{Method, Request, Uri, header::HeaderName};

use crate::{ApiError, call::Received, sigv4::Service, table::Table};

/// Every operation.
pub struct Operations(Table);

impl Operations {
    /// All there are.
    #[expect(clippy::new_without_default, reason = "there is nothing usual about it")]
    pub fn new() -> Self {
        Self(Table::whole())
    }

    /// Reads the input of the operation that a request means; answers its name.
    ///
    /// # Errors
    /// What the request is refused with.
    pub fn read(
        &self,
        service: Service,
        (method, uri): (&Method, &Uri),
        field: Option<(HeaderName, &str)>,
        body: &[u8],
    ) -> Result<&'static str, ApiError> {
        let found = self.0.find(service, method, uri.path())?;
        let mut request = Request::builder().method(method).uri(uri);
        if let Some((name, value)) = field {
            request = request.header(name, value);
        }
        let request = request.body(()).map_err(|error| ApiError::invalid(error.to_string()))?;
        let (head, ()) = request.into_parts();
        let received = Received { path: found.path, head, body: Bytes::copy_from_slice(body) };
        (found.operation.reads)(&received).map(|()| found.operation.name)
    }
}
