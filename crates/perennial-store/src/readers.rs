//! Readers: a few read-only connections, lent to one job at a time.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

use crate::{OpenError, StoreError};

/// How many reading connections are kept.
const KEPT: usize = 8;

type Connect = dyn Fn() -> rusqlite::Result<Connection> + Send + Sync;

/// The pool. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    connect: Arc<Connect>,
}

impl Readers {
    /// A pool that opens its connections with `connect`, the first one at once.
    pub(crate) fn new(
        connect: impl Fn() -> rusqlite::Result<Connection> + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let first = connect()?;
        Ok(Self { idle: Arc::new(Mutex::new(vec![first])), connect: Arc::new(connect) })
    }

    /// Runs `job` on an idle connection, or on a fresh one when all are busy, in one transaction:
    /// all that it reads is of one moment, and the database is locked and looked at once.
    pub(crate) fn with<T>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle.lock().pop();
        let connection = idle.map_or_else(|| (self.connect)(), Ok)?;
        connection.prepare_cached("BEGIN")?.execute([])?;
        let result = job(&connection);
        // A connection whose transaction does not end is not lent again.
        connection.prepare_cached("COMMIT")?.execute([])?;
        let mut idle = self.idle.lock();
        if idle.len() < KEPT {
            idle.push(connection);
        }
        result
    }
}
