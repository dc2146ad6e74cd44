//! Targets: ways to people, by their names in the configuration.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use perennial_broker::BrokerHandle;
use perennial_store::{DeliveryOutcome, LOG_TARGET};

use super::{letter::Letter, log::Log, mqtt::Mqtt};

/// A way to people.
#[async_trait]
pub(crate) trait Target: Send + Sync {
    /// Passes letters on, and says of each, in order, what shows that it got through. The same
    /// letter may come again.
    async fn deliver(&self, letters: &[Letter]) -> Vec<DeliveryOutcome>;
}

/// A name that is no target's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no target for notices: use \"log\" or \"mqtt\"")]
pub(crate) struct UnknownTarget(String);

/// The targets that the configuration names.
pub(crate) type Targets = BTreeMap<String, Arc<dyn Target>>;

/// Makes each target that is named.
///
/// # Errors
/// [`UnknownTarget`].
pub(crate) fn targets<'a>(
    names: impl IntoIterator<Item = &'a String>,
    broker: &BrokerHandle,
) -> Result<Targets, UnknownTarget> {
    let named = names.into_iter().map(|name| Ok((name.clone(), target(name, broker)?)));
    named.collect()
}

fn target(name: &str, broker: &BrokerHandle) -> Result<Arc<dyn Target>, UnknownTarget> {
    match name {
        LOG_TARGET => Ok(Arc::new(Log)),
        "mqtt" => Ok(Arc::new(Mqtt::new(broker.clone()))),
        other => Err(UnknownTarget(other.to_owned())),
    }
}
