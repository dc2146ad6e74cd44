//! The API: the operations there are, and what they work on.

use std::sync::Arc;

use perennial_pki::Authority;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::{
    KeyRing,
    parts::{Outside, Parts, Settings},
    table::Table,
};

/// The API over one store. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub(crate) parts: Arc<Parts>,
    pub(crate) table: Arc<Table>,
}

impl Api {
    /// Puts an API together.
    pub fn new(
        settings: Settings,
        keys: KeyRing,
        authority: Arc<Authority>,
        outside: Outside,
    ) -> Self {
        let parts = Parts {
            settings,
            store: keys.store().clone(),
            keys,
            authority,
            outside,
            under_way: TaskTracker::new(),
            key_making: Arc::new(Semaphore::new(1)),
        };
        Self { parts: Arc::new(parts), table: Arc::new(Table::whole()) }
    }

    /// Waits until every operation under way has ended. The listeners must have stopped.
    pub async fn drain(&self) {
        self.parts.under_way.close();
        self.parts.under_way.wait().await;
    }
}
