//! An operation as it is described: its name, its place, who may, and what carries it out.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use http::Method;
use perennial_core::access::Need;
use serde::Serialize;
use serde_json::Value;

use crate::{
    ApiError,
    call::{Call, Received},
    decode::FromReceived,
    sigv4::Service,
};

/// What the paths of Perennial's own operations begin with.
const OWN: &str = "/api/v1/";

type Answered = Pin<Box<dyn Future<Output = Result<Value, ApiError>> + Send>>;
type Run = Arc<dyn Fn(Call, Received) -> Answered + Send + Sync>;

/// One operation of the API.
pub(crate) struct Operation {
    /// Its name: AWS's, or of the same kind.
    pub(crate) name: &'static str,
    /// The service it is signed for.
    pub(crate) service: Service,
    pub(crate) method: Method,
    /// Its path, with members in braces.
    pub(crate) path: &'static str,
    /// What a caller's role must allow.
    pub(crate) need: Need,
    run: Run,
    #[cfg(feature = "fuzzing")]
    pub(crate) reads: fn(&Received) -> Result<(), ApiError>,
    #[cfg(test)]
    pub(crate) members: crate::members::Members,
}

impl Operation {
    /// An operation of AWS IoT's control plane, carried out by `run`. Input is decoded before it
    /// and output encoded after it.
    pub(crate) fn iot<I, R, F, Running>(
        name: &'static str,
        (method, path): (Method, &'static str),
        need: Need,
        run: F,
    ) -> Self
    where
        I: FromReceived + Send + 'static,
        R: Serialize,
        F: Fn(Call, I) -> Running + Send + Sync + Clone + 'static,
        Running: Future<Output = Result<R, ApiError>> + Send + 'static,
    {
        let run = move |call: Call, received: Received| -> Answered {
            let run = run.clone();
            Box::pin(async move {
                let output = run(call, I::read(&received)?).await?;
                serde_json::to_value(output).map_err(|error| ApiError::internal(&error))
            })
        };
        Self {
            name,
            service: Service::Iot,
            method,
            path,
            need,
            run: Arc::new(run),
            #[cfg(feature = "fuzzing")]
            reads: |received| I::read(received).map(drop),
            #[cfg(test)]
            members: I::members(),
        }
    }

    /// The same of the data plane.
    pub(crate) fn of_the_data_plane(self) -> Self {
        Self { service: Service::IotData, ..self }
    }

    /// Whether it is one of Perennial's own.
    pub(crate) fn is_own(&self) -> bool {
        self.path.starts_with(OWN)
    }

    pub(crate) fn run(&self, call: Call, received: Received) -> Answered {
        (self.run)(call, received)
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.name, self.method, self.path)
    }
}
