//! The table: which operation a method and a path mean.

use std::collections::HashMap;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::{ApiError, Code, described::Operation, operation, sigv4::Service};

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
