//! Opening: one process a data folder, a schema this version knows, a file nobody else may read.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::Mutex;
use perennial_core::time::days;
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use crate::{
    Actor, AuditSettings, NoticeSettings, StoreError, actor,
    audit::Audits,
    error::is_full,
    migrate::migrate,
    readers::Readers,
    writer::{self, Writer},
};

/// The database's file in the data folder.
const DATABASE: &str = "perennial.db";
/// The file whose lock says that the folder is in use.
const LOCK: &str = "lock";

/// What the store may be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What audits check.
    pub audit: AuditSettings,
    /// How long a retired certificate is kept, INACTIVE, before it is deleted.
    pub grace_for: Duration,
    /// When and where people are told what.
    pub notices: NoticeSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            audit: AuditSettings::default(),
            grace_for: days(30),
            notices: NoticeSettings::default(),
        }
    }
}

/// Why a data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be made, read or written.
    #[error("the data folder {} cannot be used: {source}; check that it exists on a writable disk and belongs to this user", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the data folder {} is in use by process {pid}; stop that one first or choose another folder", path.display())]
    InUse {
        /// Which.
        path: PathBuf,
        /// The other process, as far as it said so.
        pid: String,
    },
    /// A newer version wrote it.
    #[error(
        "the data folder was written by a newer version (schema {found}; this version knows up to {known}); run that version or restore a backup"
    )]
    Newer {
        /// The schema's number in the file.
        found: usize,
        /// The highest number this version knows.
        known: usize,
    },
    /// The file is no database, or no longer.
    #[error(
        "{} is damaged, or no database: bring it back from a backup, and move it and {DATABASE}-wal \
         away before; devices keep working with what they have", path.display()
    )]
    Damaged {
        /// The database's file.
        path: PathBuf,
    },
    /// SQLite's own error.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] rusqlite::Error),
}

impl OpenError {
    /// Whether there is no room on the disk.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Folder { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            Self::Database(error) => is_full(error),
            Self::InUse { .. } | Self::Newer { .. } | Self::Damaged { .. } => false,
        }
    }

    /// The same, with what SQLite found told by the file that it was found in.
    fn of(self, path: &Path) -> Self {
        let Self::Database(error) = &self else { return self };
        let is_damaged = [ErrorCode::NotADatabase, ErrorCode::DatabaseCorrupt]
            .map(Some)
            .contains(&error.sqlite_error_code());
        if is_damaged { Self::Damaged { path: path.to_owned() } } else { self }
    }
}

/// Registry and journal of one data folder. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
    pub(crate) settings: Arc<Settings>,
    actor: Option<Arc<Actor>>,
    pub(crate) audits: Arc<Audits>,
    closing: Arc<Closing>,
}

/// Held until the last clone is gone.
struct Closing {
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens or makes the store in `folder`, which must exist.
    ///
    /// # Errors
    /// [`OpenError`] says what is in the way and what to do about it.
    pub fn open(folder: &Path, settings: Settings) -> Result<Self, OpenError> {
        let lock = lock(folder)?;
        let path = folder.join(DATABASE);
        create_private(&path).map_err(|source| OpenError::Folder { path: path.clone(), source })?;
        let connection = open_writer(&path).map_err(|error| error.of(&path))?;
        let readers = Readers::new(move || open_reader(&path))?;
        let (writer, thread) = writer::start(connection, lock)
            .map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
        let closing = Arc::new(Closing { thread: Mutex::new(Some(thread)) });
        let (settings, audits) = (Arc::new(settings), Arc::default());
        Ok(Self { writer, readers, settings, actor: None, audits, closing })
    }

    /// The same store for somebody's request: events it writes say who made it.
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self { actor: Some(Arc::new(actor)), ..self.clone() }
    }

    /// Waits until everything that was handed over is written, and the database is whole in its
    /// file. What other clones are asked to write from then on is refused.
    pub fn close(self) {
        let Self { writer, closing, .. } = self;
        writer.close();
        let thread = closing.thread.lock().take();
        if let Some(thread) = thread {
            // A writer that panicked has nothing left to write.
            let _ = thread.join();
        }
    }

    /// Why the last transaction did not work; `None` when it did, or there was none yet.
    pub fn trouble(&self) -> Option<String> {
        self.writer.trouble()
    }

    /// Runs `job` on a reading connection, off the async workers.
    pub(crate) async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let readers = self.readers.clone();
        let task = tokio::task::spawn_blocking(move || readers.with(job));
        task.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `job` with the next commit.
    pub(crate) async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let actor = self.actor.clone();
        self.writer.write(move |connection| actor::during(actor, || job(connection))).await
    }
}

/// Lets a statement's plan be the same whatever is bound to it: prepared once, it is not prepared
/// again for each value, and what the tests see of plans holds for all of them.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK);
    let failed = |source| OpenError::Folder { path: path.clone(), source };
    let mut file = create_private(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(failed)?;
            return Err(OpenError::InUse { path: folder.to_owned(), pid });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The connection that writes, its schema brought up to date.
fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "wal_autocheckpoint", 16_000)?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    // What undoes one job of a group is kept in memory: in a file it cost more than the WAL.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(128);
    keep_plans(&connection)?;
    migrate(&mut connection)?;
    #[cfg(test)]
    crate::plans::watch(&mut connection);
    Ok(connection)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    #[cfg_attr(not(test), expect(unused_mut, reason = "the tests watch it"))]
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    keep_plans(&connection)?;
    #[cfg(test)]
    crate::plans::watch(&mut connection);
    Ok(connection)
}
