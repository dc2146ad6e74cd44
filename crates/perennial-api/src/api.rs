//! The API: what operations work on, and the way of a request through it.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use perennial_core::{ids::PolicyName, policy::Scope, topic::Prefix};
use perennial_orchestrator::{Intake, port::Clock};
use perennial_pki::{Authority, Profile};
use perennial_store::Store;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::{
    DataPlane, KeyRing, Links, NoticeDelivery, Routing, Running, acknowledging, confirming,
    devices, gate, links, openapi, sns::visit, table::Table,
};

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

/// The API over one store. Cheap to clone.
#[derive(Clone)]
pub struct Api(pub(crate) Arc<Parts>);

/// What operations work on.
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) keys: KeyRing,
    pub(crate) authority: Arc<Authority>,
    pub(crate) outside: Outside,
    pub(crate) table: Table,
    /// Operations under way; each is carried to its end, whatever becomes of its connection.
    pub(crate) under_way: TaskTracker,
    /// Making keys for others takes a processor for a while: one at a time.
    pub(crate) key_making: Arc<Semaphore>,
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

impl Api {
    /// Puts an API together.
    pub fn new(
        settings: Settings,
        keys: KeyRing,
        authority: Arc<Authority>,
        outside: Outside,
    ) -> Self {
        Self(Arc::new(Parts {
            settings,
            store: keys.store().clone(),
            keys,
            authority,
            outside,
            table: Table::whole(),
            under_way: TaskTracker::new(),
            key_making: Arc::new(Semaphore::new(1)),
        }))
    }

    /// What a [`Listener`](crate::Listener) serves: every path that needs no path of its own goes
    /// through the gate.
    pub fn router(&self) -> Router {
        let signed =
            |State(api): State<Self>, request| async move { gate::answer(api, request).await };
        let message = |State(api): State<Self>, request| async move {
            match devices::holder(&request) {
                Some(holder) => devices::publish(&api, holder, request).await,
                None => gate::answer(api, request).await,
            }
        };
        let visited = |State(api): State<Self>, request| async move {
            if visit::is_visit(&request) {
                return visit::answer(api, request, gate::request_id()).await;
            }
            gate::answer(api, request).await
        };
        let certificate = |State(api): State<Self>, Path(name): Path<String>| async move {
            visit::certificate(&api, &name)
        };
        let confirmation = |State(api): State<Self>, request| async move {
            if confirming::is_signed(&request) {
                return gate::answer(api, request).await;
            }
            confirming::answer(api, request).await
        };
        Router::new()
            .route("/", get(visited).fallback(signed))
            .route(visit::CERTIFICATES, get(certificate).fallback(signed))
            .route(openapi::PATH, get(openapi::show))
            .route(confirming::PATH, get(confirmation).fallback(signed))
            .route(links::ROUTE, get(acknowledging::show).post(acknowledging::post))
            .route("/topics/{*topic}", post(message).fallback(signed))
            .fallback(signed)
            .with_state(self.clone())
    }

    /// Waits until every operation under way has ended. The listeners must have stopped.
    pub async fn drain(&self) {
        self.0.under_way.close();
        self.0.under_way.wait().await;
    }
}
