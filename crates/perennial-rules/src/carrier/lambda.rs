//! Invoking a function through AWS Lambda's Invoke API, at AWS or wherever it is spoken.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Uri};
use perennial_core::rule::action::{Payload, SigningRole};
use perennial_outbound::HttpSender;

use super::{
    Signer, Undelivered,
    http::{finished, judged, request},
};

/// Where functions are invoked.
#[derive(Debug, Clone)]
pub struct LambdaEndpoint {
    /// Scheme and authority, such as `https://lambda.eu-central-1.amazonaws.com`.
    pub url: Uri,
    /// Who signs; nobody, where that is not asked for.
    pub signing: Option<SigningRole>,
}

pub(crate) struct Lambda {
    pub(crate) sender: HttpSender,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) endpoint: Option<LambdaEndpoint>,
}

impl Lambda {
    /// Asynchronously: the function's end is not waited for, as AWS IoT does it.
    pub(crate) async fn carry(
        &self,
        function_arn: &str,
        payload: &Payload,
    ) -> Result<(), Undelivered> {
        let Some(endpoint) = &self.endpoint else {
            let reason = "no endpoint for functions is configured: set rules.lambda.endpoint";
            return Err(Undelivered::for_good(reason));
        };
        let base = endpoint.url.to_string();
        let name = function_arn.replace(':', "%3A");
        let uri = format!("{}/2015-03-31/functions/{name}/invocations", base.trim_end_matches('/'));
        let uri: Uri = uri.parse().map_err(|error| {
            Undelivered::for_good(format!("rules.lambda.endpoint {base}: {error}"))
        })?;
        let mut request = request(uri, Bytes::from_owner(Arc::clone(&payload.0)));
        let event = HeaderValue::from_static("Event");
        request.headers_mut().insert(HeaderName::from_static("x-amz-invocation-type"), event);
        let request = finished(request, endpoint.signing.as_ref(), &*self.signer)?;
        judged(self.sender.send(request).await)
    }
}
