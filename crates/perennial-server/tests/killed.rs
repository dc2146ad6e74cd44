//! `kill -9` of the server in each state of a rotation: after a restart it ends as it should, with
//! one certificate ACTIVE, and the device is connected.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a story's own machinery")]

mod program;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use perennial_agent::{Agent, Config};
use program::{Server, asking, enroll, object, objects};
use rusqlite::OptionalExtension as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// The states of a rotation that goes well.
const WELL: [&str; 5] = ["AwaitingCsr", "Issuing", "Enrolling", "AwaitingAck", "Retiring"];
/// Most states last a few milliseconds: how often to try to be there in time.
const TRIES: usize = 40;

fn rotations(data: &Path) -> Vec<Value> {
    objects("rotation list", data)
}

/// Waits until a rotation has ended; the connection to a server that just starts may fail.
async fn ended(data: &Path) -> Value {
    let begun = Instant::now();
    loop {
        let found = rotations(data).into_iter().find(|rotation| !rotation["outcome"].is_null());
        if let Some(rotation) = found {
            return rotation;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", rotations(data));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Looks at the server's database, as fast as it can, until its only rotation is in `state`;
/// answers whether it was ever seen there.
fn is_seen_in(state: &str, data: &Path) -> bool {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(data.join("perennial.db"), flags).unwrap();
    let sql = "SELECT json_extract(state, '$.state'), due_at IS NULL FROM rotation_states";
    let mut look = database.prepare(sql).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?));
        match look.query_row([], row).optional().unwrap() {
            Some((seen, _)) if seen == state => return true,
            Some((_, true)) => return false,
            Some(_) | None => {}
        }
    }
    panic!("the rotation never ended");
}

/// Runs one rotation and kills the server in `state`; answers whether it was there in time, once
/// all that must hold after the restart was seen to hold.
async fn killed_in(state: &'static str, outcome: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (data, device) = (folder.path().join("server"), folder.path().join("device"));
    let server = Server::start(&data);
    let mqtt = server.mqtt();
    let client_id = enroll("pump-1", &data, &device);
    let mut config = Config::new(client_id, mqtt.clone(), "localhost".into(), device);
    config.timing.max_backoff_for = Duration::from_millis(500);
    config.faults.refuse_certificate = outcome == "rolled_back";
    let shutdown = CancellationToken::new();
    let agent = Agent::open(config).unwrap();
    let agent = tokio::spawn(agent.run(shutdown.clone().cancelled_owned()));
    let looked_at = data.clone();
    let watch = tokio::task::spawn_blocking(move || is_seen_in(state, &looked_at));

    let mut asking = asking("rotation start pump-1", &data);
    let in_time = watch.await.unwrap();
    server.kill();
    // Answered or not: the request is durable, or the rotation would not have been seen.
    asking.wait().unwrap();
    let server = Server::start_on(&data, &mqtt);
    let rotation = ended(&data).await;

    assert_eq!(rotation["outcome"], outcome, "killed in {state}: {rotation}");
    assert_eq!(rotations(&data).len(), 1);
    let id = rotation["rotationId"].as_str().unwrap();
    let shown = object(&format!("rotation show {id}"), &data);
    assert!(shown["history"].as_array().is_some_and(|history| !history.is_empty()));
    let certificates = objects("certificate list", &data);
    let active = certificates.iter().filter(|certificate| certificate["status"] == "ACTIVE");
    assert_eq!((certificates.len(), active.count()), (2, 1), "killed in {state}");
    assert_eq!(object("event verify", &data)["intact"], true);
    shutdown.cancel();
    agent.await.unwrap().unwrap();
    server.kill();
    in_time
}

async fn is_killed_in(state: &'static str, outcome: &str) {
    for _ in 0..TRIES {
        if killed_in(state, outcome).await {
            return;
        }
    }
    panic!("{state} was always over before the server could be killed in it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_any_state_finishes_the_rotation_when_it_is_back() {
    for state in WELL {
        is_killed_in(state, "rotated").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_while_rolling_back_finishes_that_when_it_is_back() {
    is_killed_in("RollingBack", "rolled_back").await;
}
