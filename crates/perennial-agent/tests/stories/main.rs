//! An agent against a real broker over mutual TLS: connecting, rotating, crashing, being refused.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the parts that tests share fail by panicking, as tests do"
)]

mod binary;
mod enrolling;
mod world;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use perennial_agent::{Agent, CrashPoint, Event, FolderError, OpenError, RunError, status};
use perennial_core::{
    certificate::CertificateStatus,
    device::{ConnectFailure, Slot},
    message::{ErrorCode, HookResult, Phase},
    topic::Kind,
};
use tokio::time::timeout;

use world::{Outcome, ROTATION, World};

#[tokio::test]
async fn a_device_rotates_and_proves_its_new_key() {
    let mut world = World::start();
    let mut agent = world.run(world.config());
    agent.until(|event| matches!(event, Event::Connected { slot: Slot::Current })).await;

    let Outcome::Acknowledged { by, ack } = world.rotate().await else { panic!("gave up") };
    agent.steady().await;

    assert_ne!(by, world.first);
    assert_eq!((ack.certificate_id, ack.rotation_id), (Some(by), Some(ROTATION)));
    assert!(ack.proof.is_some());
    let slots = status(&world.data()).unwrap().slots;
    let held: Vec<_> = slots.iter().map(|slot| (slot.slot, slot.certificate_id)).collect();
    assert_eq!(held, [(Slot::Current, Some(by)), (Slot::Previous, Some(world.first))]);
}

#[tokio::test]
async fn an_agent_killed_at_any_boundary_goes_on_after_a_restart() {
    let reached = |point: &CrashPoint| {
        !point.to_string().contains("Reporting")
            && !point.to_string().contains("RunningHook")
            && !point.to_string().contains("crt_err")
    };
    for point in CrashPoint::all().into_iter().filter(reached) {
        let mut world = World::start();
        let mut config = world.config();
        config.faults.crash_at = Some(point);
        let doomed = world.run(config).task;

        let ended = tokio::select! {
            ended = doomed => ended.unwrap(),
            _ = async { loop { world.rotate().await; } } => unreachable!(),
        };
        assert!(matches!(ended, Err(RunError::Crashed(at)) if at == point), "{point}");
        let mut again = world.run(world.config());
        again.until(|event| matches!(event, Event::Connected { .. })).await;

        let finished = status(&world.data()).unwrap().state == "Steady"
            && status(&world.data()).unwrap().slots.len() == 2;
        if !finished {
            let outcome = timeout(Duration::from_secs(20), world.rotate()).await;
            assert!(matches!(outcome, Ok(Outcome::Acknowledged { .. })), "{point}");
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_change_of_the_disk_leaves_a_credential_that_works() {
    for steps in 0.. {
        let mut world = World::start();
        let mut config = world.config();
        config.faults.crash_after_disk_steps = Some(Arc::new(AtomicU64::new(steps)));
        let mut doomed = world.run(config);

        let crashed = tokio::select! {
            ended = &mut doomed.task => { assert!(ended.unwrap().is_err()); true }
            () = async { world.rotate().await; doomed_steady(&mut doomed.events).await } => false,
        };
        if !crashed {
            assert!(steps > 10, "a rotation writes more than {steps} times");
            return;
        }

        let mut again = world.run(world.config());
        again.until(|event| matches!(event, Event::Connected { .. })).await;
    }
}

async fn doomed_steady(events: &mut tokio::sync::mpsc::UnboundedReceiver<Event>) {
    while let Some(event) = events.recv().await {
        if matches!(event, Event::StateChanged { to: "Steady", .. }) {
            return;
        }
    }
    // It crashed instead: the task's own end is what counts.
    std::future::pending().await
}

#[tokio::test]
async fn a_deactivated_certificate_is_rejected_and_a_closed_port_is_unreachable() {
    let world = World::start();
    world.set(world.first, CertificateStatus::Inactive);
    let mut closed = world.config();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    closed.server = free.to_string();

    let failure = |event: &Event| matches!(event, Event::ConnectFailed { .. });
    let mut refused = world.run(world.config());
    let first = refused.until(failure).await;
    refused.task.abort();
    let _aborted = refused.task.await;
    let second = world.run(closed).until(failure).await;

    let is =
        |event, wanted| matches!(event, Event::ConnectFailed { failure, .. } if failure == wanted);
    assert!(is(first, ConnectFailure::Rejected));
    assert!(is(second, ConnectFailure::Unreachable));
}

#[tokio::test]
async fn a_device_that_refuses_its_certificate_says_so_and_stays_as_it_was() {
    let mut world = World::start();
    let mut config = world.config();
    config.faults.refuse_certificate = true;
    let mut agent = world.run(config);

    let Outcome::GaveUp(error) = world.rotate().await else { panic!("acknowledged") };
    agent.steady().await;

    assert_eq!(error.code, ErrorCode::Unknown);
    let slots = status(&world.data()).unwrap().slots;
    assert_eq!(slots.len(), 1);
    assert_eq!(slots[0].certificate_id, Some(world.first));
}

#[tokio::test]
async fn a_device_whose_disk_is_full_says_so_stays_connected_and_rotates_once_there_is_room() {
    // Regression: the agent ended, again after each start, for as long as the server asked.
    let mut world = World::start();
    let config = world.config();
    let full = Arc::clone(&config.faults.disk_full);
    let mut agent = world.run(config);
    agent.until(|event| matches!(event, Event::Connected { .. })).await;

    full.store(true, SeqCst);
    let at_once = world.rotate().await;
    full.store(false, SeqCst);
    world.ask();
    agent.until(|event| matches!(event, Event::Sent { kind: Kind::CsrRes })).await;
    full.store(true, SeqCst);
    let with_a_key = world.rotate().await;
    let kept = status(&world.data()).unwrap();
    full.store(false, SeqCst);
    let with_room = world.rotate().await;
    agent.steady().await;

    for (outcome, phase) in [(at_once, Phase::Csr), (with_a_key, Phase::Certificate)] {
        let Outcome::GaveUp(error) = outcome else { panic!("acknowledged") };
        assert_eq!((error.code, error.phase), (ErrorCode::StorageFailed, Some(phase)));
        assert!(error.error.contains("make room"), "{}", error.error);
    }
    assert_eq!(kept.state, "AwaitingCertificate");
    assert!(matches!(with_room, Outcome::Acknowledged { .. }));
    assert!(!agent.task.is_finished());
    assert_ne!(status(&world.data()).unwrap().slots[0].certificate_id, Some(world.first));
}

#[tokio::test]
async fn the_hooks_exit_code_is_reported() {
    let mut world = World::start();
    let mut config = world.config();
    let command = ["sh", "-c", "test -r \"$PERENNIAL_KEY\" && exit 7"].map(str::to_owned);
    config.hook = Some(perennial_agent::Hook {
        command: command.into(),
        timeout_for: Duration::from_secs(5),
    });
    let _agent = world.run(config);

    world.rotate().await;
    let Outcome::Acknowledged { ack, .. } = world.rotate().await else { panic!("gave up") };

    assert_eq!(ack.hook, Some(HookResult { exit_code: Some(7) }));
}

#[tokio::test]
async fn a_folder_serves_one_agent_and_a_damaged_document_is_not_touched() {
    let world = World::start();
    let holder = Agent::open(world.config()).unwrap();

    let second = Agent::open(world.config()).err();
    drop(holder);
    std::fs::write(world.data().join("device.json"), "{").unwrap();
    let damaged = Agent::open(world.config()).err().unwrap();

    assert!(matches!(second, Some(OpenError::Folder(FolderError::InUse(_)))));
    assert!(damaged.to_string().contains("is damaged"), "{damaged}");
    assert!(world.data().join("credentials/1/key.pem").exists());
}
