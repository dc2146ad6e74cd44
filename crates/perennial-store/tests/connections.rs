//! Connections are kept as far as audits ask, however often a device comes and goes.
#![expect(clippy::unwrap_used, reason = "a test's own helpers fail the test")]

mod common;

use common::{NOW, certificate_id, store};
use perennial_core::{ids::ClientId, time::Timestamp};
use perennial_store::{ConnectionChange, Store};
use std::time::Duration;

fn came(name: &str, certificate: u32, second: u32) -> ConnectionChange {
    let client_id = ClientId::new(name).unwrap();
    let principal = certificate_id(1, certificate);
    ConnectionChange::Connected { client_id, principal, at: at(second) }
}

fn went(name: &str, certificate: u32, second: u32, reason: &str) -> ConnectionChange {
    let client_id = ClientId::new(name).unwrap();
    let principal = certificate_id(1, certificate);
    ConnectionChange::Disconnected { client_id, principal, at: at(second), reason: reason.into() }
}

fn at(second: u32) -> Timestamp {
    NOW + Duration::from_secs(1) * second
}

/// How many records there are.
async fn count(folder: &std::path::Path, store: Store) -> i64 {
    store.close();
    let connection = rusqlite::Connection::open(folder.join("perennial.db")).unwrap();
    connection.query_row("SELECT COUNT(*) FROM connections", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_device_that_comes_and_goes_has_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for second in (0..500).step_by(2) {
        // Now and then its own next connection takes over.
        let reason = if second % 3 == 0 { "DUPLICATE_CLIENTID" } else { "CONNECTION_LOST" };
        let changes = vec![came("a", 1, second), went("a", 1, second + 1, reason)];
        store.record_connections(changes).await.unwrap();
    }

    assert_eq!(count(folder.path(), store).await, 1);
}

#[tokio::test]
async fn two_that_fight_over_a_name_are_kept_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for second in 0..500 {
        let (holder, taker) = (second % 2, (second + 1) % 2);
        let mut changes = vec![went("a", holder, second, "DUPLICATE_CLIENTID")];
        changes.push(came("a", taker, second));
        store.record_connections(changes).await.unwrap();
    }

    let kept = count(folder.path(), store).await;
    assert!((100..=200).contains(&kept), "{kept}");
}
