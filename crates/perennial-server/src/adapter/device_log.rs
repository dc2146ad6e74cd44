//! The device log: one line a record, of those that the stored levels let through.

use std::fmt;

use arc_swap::ArcSwap;
use perennial_broker::DeviceLog;
use perennial_core::logging::{Levels, Record, Severity};
use perennial_store::{Store, StoreError};
use tokio::sync::Mutex;

/// The device log, by the levels in the store.
pub(crate) struct LiveDeviceLog {
    store: Store,
    levels: ArcSwap<Kept>,
    /// Whoever read first also writes first, so that what is read last stays.
    refreshing: Mutex<()>,
}

struct Kept {
    levels: Levels,
    records: [bool; 3],
}

impl LiveDeviceLog {
    /// A log that goes by what is stored.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be read.
    pub(crate) async fn open(store: Store) -> Result<Self, StoreError> {
        let levels = store.log_levels().await?;
        let levels = ArcSwap::from_pointee(Kept::new(levels));
        Ok(Self { store, levels, refreshing: Mutex::default() })
    }

    /// Goes by what is stored now.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be read.
    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        let _alone = self.refreshing.lock().await;
        let levels = self.store.log_levels().await?;
        self.levels.store(Kept::new(levels).into());
        Ok(())
    }
}

impl Kept {
    fn new(levels: Levels) -> Self {
        let all = [Severity::Error, Severity::Warn, Severity::Info];
        let records = all.map(|severity| levels.may_record(severity));
        Self { levels, records }
    }
}

impl fmt::Debug for LiveDeviceLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveDeviceLog")
    }
}

impl DeviceLog for LiveDeviceLog {
    fn may_record(&self, severity: Severity) -> bool {
        let [error, warn, info] = self.levels.load().records;
        match severity {
            Severity::Error => error,
            Severity::Warn => warn,
            Severity::Info => info,
        }
    }

    fn record(&self, record: &Record<'_>) {
        if self.levels.load().levels.record(record) {
            write(record);
        }
    }
}

/// The target of its lines, by which `--log` tells them from the server's own.
pub const TARGET: &str = "device_log";

macro_rules! line {
    ($level:ident, $record:ident) => {
        tracing::event!(
            target: TARGET,
            tracing::Level::$level,
            status = $record.status(),
            protocol = %$record.protocol,
            client.id = $record.speaker.client_id,
            certificate.id = $record.speaker.principal.map(display),
            source.ip = $record.speaker.source.map(display),
            mqtt.topic = $record.topic,
            reason = $record.reason,
            "{}",
            $record.event
        )
    };
}

fn write(record: &Record<'_>) {
    match record.severity {
        Severity::Error => line!(ERROR, record),
        Severity::Warn => line!(WARN, record),
        Severity::Info => line!(INFO, record),
    }
}
