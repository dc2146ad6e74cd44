//! The table: which operation a method and a path mean.

use std::{collections::HashMap, fmt, future::Future, pin::Pin, sync::Arc};

use http::Method;
use percent_encoding::percent_decode_str;
use perennial_core::access::Need;
use serde::Serialize;
use serde_json::Value;

use crate::{
    ApiError, Code,
    call::{Call, Received},
    decode::FromReceived,
    operation,
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
        at: (Method, &'static str),
        need: Need,
        run: F,
    ) -> Self
    where
        I: FromReceived + Send + 'static,
        R: Serialize,
        F: Fn(Call, I) -> Running + Send + Sync + Clone + 'static,
        Running: Future<Output = Result<R, ApiError>> + Send + 'static,
    {
        Self::of(Service::Iot, name, at, need, run)
    }

    /// The same of the data plane.
    pub(crate) fn iot_data<I, R, F, Running>(
        name: &'static str,
        at: (Method, &'static str),
        need: Need,
        run: F,
    ) -> Self
    where
        I: FromReceived + Send + 'static,
        R: Serialize,
        F: Fn(Call, I) -> Running + Send + Sync + Clone + 'static,
        Running: Future<Output = Result<R, ApiError>> + Send + 'static,
    {
        Self::of(Service::IotData, name, at, need, run)
    }

    fn of<I, R, F, Running>(
        service: Service,
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
            service,
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

/// Every operation, by service and path.
pub(crate) struct Table(HashMap<Service, matchit::Router<Vec<Operation>>>);

/// What was found for a request.
pub(crate) struct Found<'a> {
    pub(crate) operation: &'a Operation,
    /// The path's members, decoded.
    pub(crate) path: Vec<(String, String)>,
}

impl Table {
    /// The table of all there is.
    pub(crate) fn whole() -> Self {
        let mut by_path: HashMap<(Service, &'static str), Vec<Operation>> = HashMap::new();
        for operation in operation::all() {
            by_path.entry((operation.service, operation.path)).or_default().push(operation);
        }
        let mut routers: HashMap<Service, matchit::Router<Vec<Operation>>> = HashMap::new();
        for ((service, path), operations) in by_path {
            let inserted = routers.entry(service).or_default().insert(path, operations);
            // Two paths that cannot stand together are a slip in operation/, which a test finds.
            if let Err(error) = inserted {
                tracing::error!(%error, path, "operations without a place");
            }
        }
        Self(routers)
    }

    /// The operation that a request means.
    pub(crate) fn find(
        &self,
        service: Service,
        method: &Method,
        path: &str,
    ) -> Result<Found<'_>, ApiError> {
        let unknown = || {
            let message = format!(
                "There is no operation {method} {} of {} here: docs/aws-compatibility.md lists \
                 those that are.",
                path.chars().take(200).collect::<String>(),
                service.as_str()
            );
            ApiError::new(Code::UnknownOperationException, message)
        };
        let router = self.0.get(&service).ok_or_else(unknown)?;
        let matched = router.at(path).map_err(|_| unknown())?;
        let operation = matched.value.iter().find(|it| it.method == *method);
        let operation = operation.ok_or_else(unknown)?;
        let decode = |(name, value): (&str, &str)| {
            let text = percent_decode_str(value).decode_utf8();
            let text = text.map_err(|_| ApiError::invalid(format!("{name} is not UTF-8")))?;
            Ok((name.to_owned(), text.into_owned()))
        };
        let path = matched.params.iter().map(decode).collect::<Result<_, ApiError>>()?;
        Ok(Found { operation, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_at_its_own_path() {
        let table = Table::whole();

        for operation in operation::all() {
            let path = operation.path.replace(['{', '}'], "x");
            let found = table.find(operation.service, &operation.method, &path).unwrap();
            assert_eq!(found.operation.name, operation.name);
        }
    }

    #[test]
    fn what_is_unknown_says_so() {
        let error = Table::whole().find(Service::Iot, &Method::GET, "/nowhere").err().unwrap();

        assert_eq!(error.code, Code::UnknownOperationException);
    }
}
