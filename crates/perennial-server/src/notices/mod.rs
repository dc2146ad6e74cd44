//! Telling people: notices are stepped when their time comes, each target has its messages
//! delivered, and what nobody reports is looked for.

mod aws;
mod broker;
mod certificates;
mod disk;
mod letter;
mod link_secret;
mod log;
mod mqtt;
mod store_trouble;
mod target;
mod topic;
mod worker;

use std::{path::PathBuf, sync::Arc, time::Duration};

use perennial_broker::BrokerHandle;
use perennial_core::notice::Days;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_pki::Authority;
use perennial_store::{Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::{broker::Refusals, certificates::Ending, disk::Disk};
pub(crate) use self::{
    link_secret::link_secret,
    store_trouble::watch_store,
    target::{Targets, Ways, targets},
    topic::Nudge,
    worker::deliver,
};
use crate::held_up::HeldUp;

/// How often notices are looked at whose time has come.
const LOOK: Duration = Duration::from_millis(500);
/// How often disk, store and broker are looked at.
const WATCH: Duration = Duration::from_secs(60);
/// How many notices are stepped, rotations recorded or rows forgotten at once.
const AT_ONCE: usize = 500;

/// What is looked for, and how often.
#[derive(Debug, Clone)]
pub(crate) struct Watching {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// With how many bytes free the disk is nearly full.
    pub(crate) free: u64,
    /// How many refusals of a kind within a minute people are told of.
    pub(crate) refusals: u64,
    /// How often certificates are looked at.
    pub(crate) look_for: Duration,
    /// For how long a device must have been away.
    pub(crate) away_for: Duration,
    /// With how many days left people are told of devices that are away.
    pub(crate) unreachable: Vec<Days>,
    /// With how many days left people are told of CA certificates.
    pub(crate) authorities: Vec<Days>,
}

/// Steps notices, and writes into histories that people were told, until `shutdown`.
pub(crate) async fn attend(store: Store, shutdown: CancellationToken) {
    let mut held_up = HeldUp::of("notices");
    loop {
        held_up.tried(&catch_up(&store).await);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn catch_up(store: &Store) -> Result<(), StoreError> {
    while store.step_due_notices(AT_ONCE, SystemClock.now()).await? == AT_ONCE {}
    while store.record_told_rotations(AT_ONCE).await? {
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Looks at disk and broker every minute until `shutdown`, and forgets what is long over.
pub(crate) async fn watch_surroundings(
    store: Store,
    broker: BrokerHandle,
    watching: Watching,
    shutdown: CancellationToken,
) {
    let mut refusals = Refusals::since_now(&broker, watching.refusals);
    let mut disk = Disk::new(watching.data, watching.free);
    loop {
        let now = SystemClock.now();
        let looked = async {
            disk.look(&store, now).await?;
            refusals.look(&store, &broker, now).await?;
            while store.forget_notices(AT_ONCE, now).await? {}
            Ok::<_, StoreError>(())
        };
        if let Err(error) = looked.await {
            warn!(%error, "what was seen of disk and broker is not told; trying again");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(WATCH) => {}
        }
    }
}

/// Looks for certificates that end soon, and for devices that are away meanwhile, until `shutdown`.
pub(crate) async fn watch_certificates(
    store: Store,
    authority: Arc<Authority>,
    server: watch::Receiver<perennial_core::certificate::Validity>,
    watching: Watching,
    shutdown: CancellationToken,
) {
    let ending = Ending::new(store, authority, server, watching.clone());
    loop {
        let looked = shutdown.run_until_cancelled(ending.look(SystemClock.now())).await;
        match looked {
            None => return,
            Some(Ok(())) => {}
            Some(Err(error)) => warn!("certificates are not looked at: {error:#}"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(watching.look_for) => {}
        }
    }
}
