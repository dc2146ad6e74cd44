//! The scheduler: starts scheduled audits, missed ones as soon as it can, and runs what is started.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    port::PortError,
    ring::{Ports, Settings},
};

/// How often to look whether an audit is due.
const LOOK: Duration = Duration::from_secs(1);

/// Does what is to be done at a time of its own.
pub(crate) struct Scheduler {
    ports: Ports,
    settings: Arc<Settings>,
}

impl Scheduler {
    pub(crate) fn new(ports: Ports, settings: Arc<Settings>) -> Self {
        Self { ports, settings }
    }

    /// Runs until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.look() => {}
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn look(&self) {
        if let Err(error) = self.audit_if_due().await {
            error!(%error, "an audit did not run; trying again");
        }
    }

    async fn audit_if_due(&self) -> Result<(), PortError> {
        let Ports { audit, clock, entropy, .. } = &self.ports;
        if self.settings.scheduled_audits {
            audit.start_due(&|| entropy.audit_task_id(), clock.now()).await?;
        }
        while let Some(task) = audit.next_task().await? {
            audit.run(task, clock.as_ref()).await?;
            info!(audit.task = %task, "an audit ended");
        }
        Ok(())
    }
}
