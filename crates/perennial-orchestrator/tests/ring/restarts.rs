//! The server's process ends at every call of every port, before and after the deed, and another
//! takes up what it left: nothing is lost, and nothing is done twice in effect.

use std::time::Duration;

use perennial_orchestrator::fakes::{Fault, Verb};

use crate::stage::{Stage, in_virtual_time};

/// How often each verb is called in a run where nothing goes wrong.
fn calls_of_a_clean_run() -> Vec<(Verb, u64)> {
    in_virtual_time(async {
        let stage = Stage::with_devices(1).await;
        stage.audit().await;
        stage.until_ended(1).await;
        // Ticks go on for ever: a handful of those is enough.
        let calls = |verb| (verb, stage.world.faults.calls(verb).min(12));
        Verb::ALL.into_iter().map(calls).collect()
    })
}

fn end_at(verb: Verb, nth: u64, fault: Fault) {
    in_virtual_time(async {
        let mut stage = Stage::with_devices(1).await;
        stage.world.faults.nth(verb, nth, fault);
        let faults = stage.world.faults.clone();

        let outlived = async {
            stage.audit().await;
            stage.until_ended(1).await;
        };
        let crashed = tokio::select! {
            () = faults.crashed() => true,
            () = outlived => false,
        };
        if crashed {
            stage.restart().await;
            if stage.world.journal().rotations().is_empty() {
                stage.audit().await;
            }
            stage.until_ended(1).await;
        }

        stage.assert_all_rotated(1);
    });
}

#[test]
fn a_crash_at_any_call_loses_nothing() {
    let calls = calls_of_a_clean_run();

    for (verb, count) in &calls {
        for nth in 1..=*count {
            for fault in [Fault::CrashBefore, Fault::CrashAfter] {
                end_at(*verb, nth, fault);
            }
        }
    }

    let all: u64 = calls.iter().map(|(_, count)| count).sum();
    assert!(all > 40, "{calls:?}");
}

/// Stops in good order, every so many virtual milliseconds.
#[test]
fn a_stop_at_any_moment_loses_nothing() {
    for millis in [1, 7, 50, 190, 210, 1_000, 3_333] {
        in_virtual_time(async {
            let mut stage = Stage::with_devices(5).await;
            stage.audit().await;

            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                stage.stop().await;
                stage.start().await;
            }
            stage.until_ended(5).await;

            stage.assert_all_rotated(5);
        });
    }
}

/// However short its processes live, the server gets on: what one committed the next one has.
#[test]
fn processes_of_three_commits_get_there_too() {
    in_virtual_time(async {
        let mut stage = Stage::with_devices(3).await;
        stage.audit().await;

        let mut crashes = 0;
        loop {
            stage.world.faults.nth(Verb::Commit, 3, Fault::CrashAfter);
            let faults = stage.world.faults.clone();
            let crashed = tokio::select! {
                () = faults.crashed() => true,
                () = stage.until_ended(3) => false,
            };
            if !crashed {
                break;
            }
            crashes += 1;
            stage.restart().await;
        }

        assert!(crashes > 2, "{crashes}");
        stage.assert_all_rotated(3);
    });
}
