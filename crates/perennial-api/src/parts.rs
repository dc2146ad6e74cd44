//! What operations work on: the store, the keys, and what the API reaches besides.

use std::sync::Arc;

use perennial_core::{ids::PolicyName, policy::Scope, topic::Prefix};
use perennial_orchestrator::{Intake, port::Clock};
use perennial_pki::{Authority, Profile};
use perennial_store::Store;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::{DataPlane, KeyRing, Links, NoticeDelivery, Routing, Running};

/// What the API may be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The account and region that ARNs name and signatures are for.
    pub scope: Scope,
    /// How the certificates it issues look.
    pub profile: Profile,
    /// The policy that an enrolled device gets when no other is named.
    pub device_policy: PolicyName,
    /// The first levels of the management topics.
    pub prefix: Prefix,
    /// Whether the rotations that are asked for want a new key.
    pub rekey: bool,
    /// How notices are acknowledged without an access key.
    pub links: Links,
}

/// What the API reaches besides the store.
pub struct Outside {
    /// The running system, which changes must reach.
    pub running: Arc<dyn Running>,
    /// Whoever runs topic rules.
    pub routing: Arc<dyn Routing>,
    /// Whoever carries messages.
    pub data_plane: Arc<dyn DataPlane>,
    /// Whoever delivers notices.
    pub notices: Arc<dyn NoticeDelivery>,
    /// Where facts are put in.
    pub intake: Intake,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// What operations work on.
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) keys: KeyRing,
    pub(crate) authority: Arc<Authority>,
    pub(crate) outside: Outside,
    /// Operations under way; each is carried to its end, whatever becomes of its connection.
    pub(crate) under_way: TaskTracker,
    /// Making keys for others takes a processor for a while: one at a time.
    pub(crate) key_making: Arc<Semaphore>,
}
