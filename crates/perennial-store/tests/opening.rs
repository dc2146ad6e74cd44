//! Opening: one process, a schema this version knows, and an error that says what to do.

mod common;

use common::{days_left, register, store};
use perennial_store::{OpenError, Settings, Store};

#[test]
fn a_folder_in_use_is_refused_with_the_process_that_uses_it() {
    let folder = tempfile::tempdir().unwrap();
    let _first = store(folder.path());

    let second = Store::open(folder.path(), Settings::default()).err().unwrap();

    let wanted = format!("in use by process {}", std::process::id());
    assert!(second.to_string().contains(&wanted), "{second}");
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
