//! Topic rules put together: the engine, its credentials and its folder.

use std::{path::Path, sync::Arc};

use perennial_broker::BrokerHandle;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_outbound::HttpSender;
use perennial_rules::{NoticeTopics, Parts, Rules};
use perennial_store::Store;

use crate::{adapter::RoleSigner, config::Config};

/// Starts the engine; from then on messages go by the rules.
///
/// # Errors
/// What the configuration has wrong, or the store's.
pub(crate) async fn start(
    data: &Path,
    config: &Config,
    (store, broker): (&Store, &BrokerHandle),
    (sender, notices): (&HttpSender, Arc<dyn NoticeTopics>),
) -> anyhow::Result<Rules> {
    let scope = config.scope();
    let parts = Parts {
        store: store.clone(),
        broker: broker.clone(),
        sender: sender.clone(),
        signer: Arc::new(RoleSigner::open(&config.rules.credentials)?),
        lambda: config.rules.lambda(&scope.region, sender.destinations())?,
        notices,
        now: Arc::new(|| SystemClock.now()),
    };
    let settings = config.rules.settings(scope.account, data)?;
    Ok(Rules::start(parts, settings).await?)
}
