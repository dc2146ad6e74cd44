//! Ports that fail: each call of each verb, for a while, for good, or without saying that it did
//! not.

use std::time::Duration;

use perennial_core::rotation::{Notice, Outcome};
use perennial_orchestrator::{
    fakes::{Fault, Verb},
    port::Fact,
};

use crate::{
    fleet::Habit,
    stage::{Stage, in_virtual_time, outgoing, thing},
};

/// Faults that go away by themselves.
const PASSING: [Fault; 3] =
    [Fault::Retryable, Fault::AnswerLost, Fault::Late(Duration::from_secs(45))];

fn rotates_all_the_same(verb: Verb, nth: u64, fault: Fault) {
    println!("{fault:?} at call {nth} of {verb:?}");
    in_virtual_time(async {
        let stage = Stage::with_devices(2).await;
        stage.world.faults.nth(verb, nth, fault);

        stage.audit().await;
        stage.until_ended(2).await;

        stage.assert_all_rotated(2);
    });
}

#[test]
fn a_journal_that_fails_for_a_while_costs_time_and_nothing_else() {
    let verbs = [Verb::Accept, Verb::Pending, Verb::Load, Verb::Latest, Verb::Commit, Verb::Due];
    for verb in verbs {
        for nth in 1..=8 {
            for fault in PASSING {
                rotates_all_the_same(verb, nth, fault);
            }
        }
    }
}

#[test]
fn a_registry_that_fails_for_a_while_costs_time_and_nothing_else() {
    for verb in [Verb::Describe, Verb::ThingsOf, Verb::Enroll, Verb::Retire] {
        for nth in 1..=2 {
            for fault in PASSING {
                rotates_all_the_same(verb, nth, fault);
            }
        }
    }
}

#[test]
fn an_authority_that_fails_for_a_while_costs_time_and_nothing_else() {
    for verb in [Verb::Issue, Verb::Deliveries] {
        for nth in 1..=2 {
            for fault in PASSING {
                rotates_all_the_same(verb, nth, fault);
            }
        }
    }
}

#[test]
fn messages_that_do_not_go_out_are_sent_again() {
    for verb in [Verb::Publish, Verb::Presence] {
        for nth in 1..=4 {
            for fault in [PASSING.as_slice(), &[Fault::Permanent]].concat() {
                rotates_all_the_same(verb, nth, fault);
            }
        }
    }
}

#[test]
fn what_will_never_work_ends_the_rotation_and_people_are_told() {
    for (verb, outcome) in [(Verb::Issue, Outcome::Failed), (Verb::Enroll, Outcome::RolledBack)] {
        in_virtual_time(async {
            let stage = Stage::with_devices(1).await;
            stage.world.faults.always(verb, Fault::Permanent);

            stage.audit().await;
            stage.until_ended(1).await;

            assert_eq!(stage.outcomes(), [Some(outcome)]);
            assert_eq!(stage.world.notifier().told().len(), 1);
            stage.assert_lawful();
        });
    }
}

#[test]
fn a_certificate_that_cannot_be_retired_is_told_of_and_no_device_suffers() {
    in_virtual_time(async {
        let stage = Stage::with_devices(1).await;
        stage.world.faults.always(Verb::Retire, Fault::Retryable);

        stage.audit().await;
        stage.until_ended(1).await;

        assert_eq!(stage.outcomes(), [Some(Outcome::Failed)]);
        let told = stage.world.notifier().told();
        let stuck = matches!(told[0].notice, Notice::RotationStuck { .. });
        assert!(stuck && told.len() == 3, "{told:?}");
        stage.assert_lawful();
    });
}

/// The nth commit is refused for good; what was in it comes again with the next start.
#[test]
fn a_commit_that_is_refused_for_good_is_made_after_the_next_start() {
    for nth in 1..=12 {
        in_virtual_time(async {
            let mut stage = Stage::with_devices(1).await;
            stage.world.faults.nth(Verb::Commit, nth, Fault::Permanent);

            stage.audit().await;
            tokio::time::sleep(Duration::from_secs(3600)).await;
            stage.restart().await;
            stage.until_ended(1).await;

            assert_eq!(stage.outcomes(), [Some(Outcome::Rotated)], "commit {nth}");
            stage.assert_lawful();
        });
    }
}

#[test]
fn one_rotation_that_the_journal_refuses_holds_no_other_up() {
    in_virtual_time(async {
        let stage = Stage::with_devices(20).await;
        stage.audit().await;
        stage.until("openings", |stage| stage.world.journal().open_count() == 20).await;

        stage.world.journal().refuse(thing(7));
        stage.until("the others' end", |stage| stage.world.journal().open_count() == 1).await;

        let rotated = stage.outcomes().into_iter().filter(|it| *it == Some(Outcome::Rotated));
        assert_eq!(rotated.count(), 19);
    });
}

#[test]
fn one_opening_that_the_journal_refuses_holds_no_other_up() {
    in_virtual_time(async {
        let stage = Stage::with_devices(20).await;
        stage.world.journal().refuse(thing(7));

        stage.audit().await;
        stage
            .until("the others' end", |stage| {
                stage.world.journal().rotations().len() == 19
                    && stage.world.journal().open_count() == 0
            })
            .await;

        assert_eq!(stage.outcomes(), [Some(Outcome::Rotated); 19]);
    });
}

#[test]
fn one_message_that_is_too_large_keeps_no_other_from_its_device() {
    in_virtual_time(async {
        let mut stage = Stage::new(&[Habit::Good; 20]);
        stage.settings().timing.spread_for = Duration::ZERO;
        stage.world.authority().oversize(thing(7));
        stage.start().await;

        stage.audit().await;
        stage.until_ended(20).await;

        let outcomes = stage.outcomes();
        let rotated = outcomes.iter().filter(|it| **it == Some(Outcome::Rotated));
        assert_eq!(rotated.count(), 19, "{outcomes:?}");
        let crts = stage.world.witness.seen();
        let crts = crts.iter().filter(|seen| matches!(seen,
            perennial_orchestrator::fakes::Seen::Published(it) if it.kind == perennial_core::topic::Kind::Crt));
        assert_eq!(crts.count(), 19, "each was delivered at once");
    });
}

#[test]
fn an_adapter_that_panics_holds_up_neither_its_rotation_nor_the_ring() {
    for verb in [Verb::Issue, Verb::Enroll, Verb::Retire, Verb::Publish, Verb::Deliveries] {
        rotates_all_the_same(verb, 1, Fault::Panic);
    }
}

#[test]
fn a_withdrawal_is_not_forgotten_when_the_journal_fails_for_a_while() {
    in_virtual_time(async {
        let mut stage = Stage::new(&[Habit::Silent]);
        stage.start().await;
        stage.request_rotation(0).await;
        stage.until("a rotation", |stage| stage.world.journal().open_count() == 1).await;

        stage.world.faults.nth(Verb::OpenWith, 1, Fault::Retryable);
        stage.world.registry().withdraw(outgoing(0));
        stage.say(Fact::CertificateWithdrawn { certificate_id: outgoing(0) }).await;
        tokio::time::sleep(Duration::from_secs(10)).await;

        assert_eq!(stage.world.journal().open_count(), 0);
        assert_eq!(stage.world.journal().inbox_len(), 0);
    });
}
