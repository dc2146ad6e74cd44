//! The scheduler: runs the scheduled audit, and one that was missed as soon as it can.

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
            error!(%error, "the scheduled audit did not run; trying again");
        }
    }

    async fn audit_if_due(&self) -> Result<(), PortError> {
        let Some(schedule) = &self.settings.audit else { return Ok(()) };
        let now = self.ports.clock.now();
        let last = self.ports.audit.last_scheduled().await?;
        if schedule.next_after(last, now) > now {
            return Ok(());
        }
        let task = self.ports.entropy.audit_task_id();
        self.ports.audit.run_scheduled(task, now).await?;
        info!(audit.task = %task, "the scheduled audit completed");
        Ok(())
    }
}
