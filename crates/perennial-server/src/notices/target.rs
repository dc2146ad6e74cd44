//! Targets: ways to people, by their names in the configuration.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use perennial_broker::BrokerHandle;
use perennial_core::{
    notice_topic::{NameError, parse_topic_arn},
    policy::Scope,
};
use perennial_store::{DeliveryOutcome, LOG_TARGET, Store};

use super::{
    aws::Aws,
    letter::Letter,
    log::Log,
    mqtt::Mqtt,
    topic::{Nudge, Topic},
};
use crate::aws_sns::AwsSns;

/// A way to people.
#[async_trait]
pub(crate) trait Target: Send + Sync {
    /// Passes letters on, and says of each, in order, what shows that it got through. The same
    /// letter may come again.
    async fn deliver(&self, letters: &[Letter]) -> Vec<DeliveryOutcome>;
}

/// A name that is no target's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is no target for notices ({why}): use \"log\", \"mqtt\", a notice topic's ARN, or one at \
     AWS that is among `[sns] topics`"
)]
pub(crate) struct UnknownTarget {
    name: String,
    why: NameError,
}

/// The targets that the configuration names.
pub(crate) type Targets = BTreeMap<String, Arc<dyn Target>>;

/// What targets send by.
#[derive(Clone, Copy)]
pub(crate) struct Ways<'w> {
    pub(crate) store: &'w Store,
    pub(crate) nudge: &'w Nudge,
    pub(crate) broker: &'w BrokerHandle,
    pub(crate) aws: &'w AwsSns,
}

/// Makes each target that is named.
///
/// # Errors
/// [`UnknownTarget`].
pub(crate) fn targets<'a>(
    names: impl IntoIterator<Item = &'a String>,
    ways: Ways<'_>,
    scope: &Scope,
) -> Result<Targets, UnknownTarget> {
    let target = |name| target(name, ways, scope);
    let named = names.into_iter().map(|name| Ok((name.clone(), target(name)?)));
    named.collect()
}

fn target(
    name: &str,
    Ways { store, nudge, broker, aws }: Ways<'_>,
    scope: &Scope,
) -> Result<Arc<dyn Target>, UnknownTarget> {
    match name {
        LOG_TARGET => Ok(Arc::new(Log)),
        "mqtt" => Ok(Arc::new(Mqtt::new(broker.clone()))),
        arn if aws.check(arn).is_ok() => Ok(Arc::new(Aws::new(aws.clone(), arn.to_owned()))),
        arn => match parse_topic_arn(arn, scope) {
            Ok(topic) => Ok(Arc::new(Topic::new(store.clone(), topic, Arc::clone(nudge)))),
            Err(why) => Err(UnknownTarget { name: arn.to_owned(), why }),
        },
    }
}
