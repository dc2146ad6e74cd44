//! How long the server itself takes over requests: from when it has one's head to when it has its
//! answer, as its spans tell.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::calls::percentiles;

/// What the API names a request's span, and the operation in it.
const REQUEST: &str = "request";
const OPERATION: &str = "operation";

/// The requests that were answered since they were last asked for, by operation.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<BTreeMap<String, Vec<Duration>>>>);

impl Requests {
    /// p50 and p99 in milliseconds of each operation; begins anew.
    pub(crate) fn take(&self) -> Value {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::take(&mut *taken).into_iter();
        taken.map(|(operation, took)| (operation, percentiles(took))).collect()
    }
}

/// A request under way.
struct Request {
    begun: Instant,
    operation: Option<String>,
}

impl Visit for Request {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == OPERATION {
            self.operation = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Requests {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if attributes.metadata().name() == REQUEST {
            span.extensions_mut().insert(Request { begun: Instant::now(), operation: None });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(request) = span.extensions_mut().get_mut::<Request>() {
            values.record(request);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(request) = span.extensions_mut().remove::<Request>() else { return };
        if let Some(operation) = request.operation {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(operation).or_default().push(request.begun.elapsed());
        }
    }
}
