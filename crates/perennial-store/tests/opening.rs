//! Opening: one process, a schema this version knows, and an error that says what to do.

mod common;

use common::{NOW, days_left, register, store};
use perennial_core::ids::{CertificateId, RotationId};
use perennial_orchestrator::port::Journal as _;
use perennial_store::{OpenError, Settings, Store, StoreError};

#[test]
fn a_folder_in_use_is_refused_with_the_process_that_uses_it() {
    let folder = tempfile::tempdir().unwrap();
    let _first = store(folder.path());

    let second = Store::open(folder.path(), Settings::default()).err().unwrap();

    let wanted = format!("in use by process {}", std::process::id());
    assert!(second.to_string().contains(&wanted), "{second}");
}

#[tokio::test]
async fn closing_leaves_no_log_beside_the_database_and_waits_for_no_other_clone() {
    // Regression: the log stayed, and whoever forgot a clone stopped for ever.
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 50, days_left()).await;
    let (another, log) = (store.clone(), folder.path().join("perennial.db-wal"));
    let written = std::fs::metadata(&log).unwrap().len();

    store.close();

    let left = std::fs::metadata(&log).map_or(0, |file| file.len());
    assert!(written > 0 && left == 0, "{written}, then {left}");
    let refused = another.request_cancellation(RotationId::from_bytes([1; 16]), NOW).await;
    assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
    assert!(another.history(RotationId::from_bytes([1; 16])).await.unwrap().is_empty());
}

#[test]
fn a_newer_schema_is_refused_with_both_numbers() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path()).close();
    let database = rusqlite::Connection::open(folder.path().join("perennial.db")).unwrap();
    database.pragma_update(None, "user_version", 999).unwrap();
    drop(database);

    let refused = Store::open(folder.path(), Settings::default()).err().unwrap();

    assert!(matches!(refused, OpenError::Newer { found: 999, known: 1.. }), "{refused}");
    assert!(refused.to_string().contains("schema 999"), "{refused}");
}

#[tokio::test]
async fn a_folder_of_the_schema_before_keeps_its_histories_and_its_open_rotations() {
    let folder = tempfile::tempdir().unwrap();
    let database = rusqlite::Connection::open(folder.path().join("perennial.db")).unwrap();
    database.execute_batch(include_str!("../migrations/0001_init.sql")).unwrap();
    database.execute_batch(include_str!("../migrations/0002_history_in_order.sql")).unwrap();
    database.pragma_update(None, "user_version", 2).unwrap();
    database.execute_batch(AS_VERSION_2_WROTE_IT).unwrap();
    drop(database);

    let store = store(folder.path());

    let history = store.history(RotationId::from_bytes([1; 16])).await.unwrap();
    let open = store.open_with(&CertificateId::from_bytes([3; 32])).await.unwrap();
    let inputs: Vec<_> = history.iter().map(|entry| entry.input.as_str()).collect();
    assert_eq!(inputs, ["DeadlinePassed", "CsrReceived"]);
    assert_eq!(open, [RotationId::from_bytes([1; 16])]);
}

const AS_VERSION_2_WROTE_IT: &str = r#"
    INSERT INTO rotations VALUES (
        x'01010101010101010101010101010101', 'pump-1',
        x'0202020202020202020202020202020202020202020202020202020202020202', NULL, 5, '{}');
    INSERT INTO rotation_states VALUES (
        x'01010101010101010101010101010101', 'pump-1', 2, 0, 9,
        x'0303030303030303030303030303030303030303030303030303030303030303', '{}');
    INSERT INTO rotation_history (rotation_id, seq, entry) VALUES
        (x'01010101010101010101010101010101', 4096, '{"at":6,"input":"CsrReceived",
            "from":"AwaitingCsr","to":"Issuing","note":"counted","detail":""}'),
        (x'01010101010101010101010101010101', 0, '{"at":5,"input":"DeadlinePassed",
            "from":"AwaitingCsr","to":"AwaitingCsr","note":"counted","detail":""}');
"#;

#[test]
fn a_folder_that_is_none_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().unwrap();

    let refused = Store::open(file.path(), Settings::default()).err().unwrap();

    assert!(refused.to_string().contains("cannot be used"), "{refused}");
}

#[tokio::test]
async fn a_changed_event_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(folder.path());
    register(&first, 5, days_left()).await;
    first.close();
    let database = rusqlite::Connection::open(folder.path().join("perennial.db")).unwrap();
    let tamper = "DROP TRIGGER events_are_not_changed; \
                  UPDATE events SET body = replace(body, 'pump-2', 'pump-9') WHERE seq = 6";
    database.execute_batch(tamper).unwrap();
    drop(database);

    let verdict = store(folder.path()).verify_events().await.unwrap();

    assert_eq!(verdict.unwrap_err().seq, 6);
}

#[test]
fn a_store_that_was_closed_lets_go_of_its_folder_whoever_dropped_the_last_clone() {
    let folder = tempfile::tempdir().unwrap();

    for _ in 0..200 {
        let store = store(folder.path());
        let clones: Vec<Store> = (0..20).map(|_| store.clone()).collect();
        let elsewhere = std::thread::spawn(move || drop(clones));
        store.close();
        let again = Store::open(folder.path(), Settings::default());

        assert!(again.is_ok(), "{}", again.err().unwrap());
        again.unwrap().close();
        elsewhere.join().unwrap();
    }
}
