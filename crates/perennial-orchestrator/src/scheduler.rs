//! The scheduler: brings what is in the inbox to the driver, and runs the daily audit, missed ones
//! too.

use std::{sync::Arc, time::Duration};

use perennial_core::audit::schedule::next_daily;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    inbox::Intake,
    port::{FactId, PortError},
    ring::{Ports, Settings},
};

/// How many facts are read from the inbox at once.
const PAGE: usize = 500;
/// How often to look whether an audit is due.
const LOOK: Duration = Duration::from_secs(60);

/// Does what is to be done at a time of its own.
pub(crate) struct Scheduler {
    ports: Ports,
    settings: Arc<Settings>,
    intake: Intake,
}

impl Scheduler {
    pub(crate) fn new(ports: Ports, settings: Arc<Settings>, intake: Intake) -> Self {
        Self { ports, settings, intake }
    }
}
