//! `kill -9` at any moment: what was acknowledged is there, and nothing is there by half.

mod common;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use common::{NOW, register, store, thing};
use perennial_core::registry::NewThing;
use perennial_orchestrator::port::{Fact, FactId, Journal};
use perennial_store::ThingFilter;

const FOLDER: &str = "PERENNIAL_STORE_TO_WRITE";

/// Not a test of its own: what the killed process runs. It prints each fact that was accepted.
#[tokio::test]
async fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = store(Path::new(&folder));
    for number in 0.. {
        let fact = Fact::RotationRequested {
            rotation_id: None,
            thing: thing(number),
            certificate_id: None,
            rekey: true,
        };
        store.accept(vec![fact]).await.unwrap();
        store.create_thing(NewThing::named(thing(number)), NOW).await.unwrap();
        println!("acknowledged {number}");
    }
}

/// Starts the writer on `folder`, kills it after it acknowledged `lines` writes, and answers how
/// many it had acknowledged by then.
#[expect(clippy::unwrap_used, reason = "a test's own machinery")]
fn write_and_kill(folder: &Path, lines: u32) -> u32 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["writes_until_it_is_killed", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = 0;
    let output = BufReader::new(child.stdout.take().unwrap());
    for line in output.lines() {
        let line = line.unwrap();
        if line.contains("acknowledged") {
            acknowledged += 1;
        }
        if acknowledged == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged
}

#[tokio::test]
async fn what_was_acknowledged_survives() {
    for lines in [1, 7, 40] {
        let folder = tempfile::tempdir().unwrap();

        let acknowledged = write_and_kill(folder.path(), lines);

        let store = store(folder.path());
        let facts = store.pending(FactId(0), 100_000).await.unwrap();
        let things = store.list_things(ThingFilter::default(), None, 100_000).await.unwrap().items;
        let events = store.verify_events().await.unwrap().unwrap();
        assert!(acknowledged >= lines);
        assert!(facts.len() >= acknowledged as usize);
        assert!(things.len() >= acknowledged as usize);
        assert_eq!(events, i64::try_from(things.len()).unwrap());
        register(&store, 1, common::days_left()).await;
    }
}
