//! The writer: one thread that owns the writing connection and commits many jobs at once.
//!
//! Jobs that queue up while a commit is under way share the next one: one fsync serves them all.
//! Each runs in a savepoint of its own, so one that fails takes nothing else with it, and nobody
//! is answered before the commit.

use std::{fs::File, sync::Arc, thread::JoinHandle, time::Duration};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use tracing::{error, info, warn};

use crate::StoreError;

/// How many jobs one commit may serve.
const GROUP: usize = 1024;

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;

/// The way to the writer. Cheap to clone; the thread ends when it is told to, or the last one is gone.
#[derive(Clone)]
pub(crate) struct Writer {
    /// `None` is the end: what comes behind it is refused.
    jobs: mpsc::Sender<Option<Job>>,
    trouble: Trouble,
}

/// Why the last transaction did not work, if it did not.
type Trouble = Arc<Mutex<Option<String>>>;

/// Starts the thread that owns `connection`, and the folder's `lock` for as long as it may write.
pub(crate) fn start(
    connection: Connection,
    lock: File,
) -> std::io::Result<(Writer, JoinHandle<()>)> {
    let (jobs, queue) = mpsc::channel(GROUP);
    let trouble = Trouble::default();
    let noted = Arc::clone(&trouble);
    let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
        run(&connection, queue, &noted);
        fold(&connection);
        drop(connection);
        drop(lock);
    })?;
    Ok((Writer { jobs, trouble }, thread))
}

impl Writer {
    /// Why the last transaction did not work; `None` when it did, or there was none yet.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    /// Runs `job` in the next commit and answers once that is durable.
    pub(crate) async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = in_savepoint(connection, job);
            Box::new(move |committed| {
                // Nobody waits for it any more: the caller was dropped.
                let _ = answer.send(committed.and(result));
            })
        });
        self.jobs.send(Some(job)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Lets the thread end once it has written what was handed over; not for async workers.
    pub(crate) fn close(&self) {
        while let Err(TrySendError::Full(_)) = self.jobs.try_send(None) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    execute(connection, "SAVEPOINT job")?;
    let result = job(connection);
    if connection.is_autocommit() {
        return result;
    }
    if result.is_err() {
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")?;
    result
}

fn execute(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn run(connection: &Connection, mut queue: mpsc::Receiver<Option<Job>>, trouble: &Trouble) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.blocking_recv_many(&mut group, GROUP) > 0 {
        if group.iter().any(Option::is_none) {
            queue.close();
        }
        if let Err(error) = execute(connection, "BEGIN IMMEDIATE") {
            note(trouble, Some(format!("a transaction could not begin: {error}")));
            // Their callers hear that the store was closed to them, and may try again.
            group.clear();
            continue;
        }
        let mut answers: Vec<Answer> = Vec::with_capacity(group.len());
        for job in group.drain(..).flatten() {
            // A full disk makes SQLite undo the whole transaction by itself: a job that ran now
            // would commit alone. Those left hear that the store was closed to them.
            if connection.is_autocommit() {
                break;
            }
            answers.push(job(connection));
        }
        let committed =
            if connection.is_autocommit() { Err(StoreError::Undone) } else { commit(connection) };
        note(trouble, committed.as_ref().err().map(ToString::to_string));
        for answer in answers {
            answer(committed.clone());
        }
    }
}

fn commit(connection: &Connection) -> Result<(), StoreError> {
    let committed = execute(connection, "COMMIT");
    // A full disk makes SQLite roll back by itself.
    if committed.is_err()
        && !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        error!(%error, "a transaction could neither be committed nor rolled back");
    }
    committed
}

/// Keeps why the last transaction did not work, and logs when that begins and when it ends: what
/// tries again does so several times a second.
fn note(trouble: &Trouble, why: Option<String>) {
    let mut known = trouble.lock();
    match Turn::of(known.as_deref(), why.as_deref()) {
        Turn::Began(why) => error!(why, "the database cannot be written; it is tried again"),
        Turn::Ended => info!("the database can be written again"),
        Turn::GoesOn => {}
    }
    *known = why;
}

/// What a transaction changes of the trouble there was.
#[derive(Debug, PartialEq, Eq)]
enum Turn<'a> {
    Began(&'a str),
    Ended,
    GoesOn,
}

impl<'a> Turn<'a> {
    fn of(before: Option<&str>, now: Option<&'a str>) -> Self {
        match (before, now) {
            (None, Some(why)) => Self::Began(why),
            (Some(_), None) => Self::Ended,
            (None, None) | (Some(_), Some(_)) => Self::GoesOn,
        }
    }
}

/// Writes the log into the database, so that nothing is left beside it.
fn fold(connection: &Connection) {
    let folded = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    if let Err(error) = folded {
        warn!(%error, "the database's log stays beside it until the next start");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_when_it_begins_and_when_it_ends() {
        let transactions = [None, Some("full"), Some("undone"), Some("full"), None, None];

        let turns = transactions.windows(2).map(|pair| Turn::of(pair[0], pair[1]));

        use Turn::{Began, Ended, GoesOn};
        assert_eq!(turns.collect::<Vec<_>>(), [Began("full"), GoesOn, GoesOn, Ended, GoesOn]);
    }
}
