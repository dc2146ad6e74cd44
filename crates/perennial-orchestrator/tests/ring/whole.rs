//! Whole rotations, from the finding to the end.

use std::time::Duration;

use perennial_core::{
    certificate::CertificateStatus,
    message::RefusalCode,
    rotation::{Note, Outcome, State},
    topic::Kind,
};
use perennial_orchestrator::{
    fakes::Verb,
    port::{Clock as _, Fact},
};

use crate::{
    fleet::Habit,
    stage::{Stage, client, in_virtual_time, outgoing, thing},
};

#[test]
fn a_certificate_that_an_audit_finds_is_rotated() {
    in_virtual_time(async {
        let stage = Stage::with_devices(3).await;

        stage.audit().await;
        stage.until_ended(3).await;

        stage.assert_all_rotated(3);
        let retired = stage.world.registry().row(&outgoing(0)).unwrap();
        assert_eq!(retired.certificate.status, CertificateStatus::Inactive);
        assert!(retired.things.is_empty() && retired.policies.is_empty());
    });
}

#[test]
fn the_ring_runs_the_scheduled_audit_by_itself() {
    in_virtual_time(async {
        let mut stage = Stage::new(&[Habit::Good]);
        stage.settings().scheduled_audits = true;

        stage.start().await;
        stage.until_ended(1).await;

        stage.assert_all_rotated(1);
        assert_eq!(stage.world.faults.calls(Verb::RunTask), 1);
    });
}

#[test]
fn a_rotation_that_is_due_when_it_is_opened_does_not_wait_for_a_tick() {
    in_virtual_time(async {
        let mut stage = Stage::new(&[Habit::Good]);
        stage.settings().tick_for = Duration::from_secs(2 * 3600);
        stage.start().await;
        stage.until("the first tick", |stage| stage.world.faults.calls(Verb::Due) > 0).await;
        let asked_at = stage.world.clock.now();

        stage.request_rotation(0).await;
        stage.until_ended(1).await;

        stage.assert_all_rotated(1);
        assert!(stage.world.clock.now().since(asked_at) < Duration::from_secs(60));
    });
}

#[test]
fn a_rotation_that_was_asked_for_begins_at_once_and_others_do_not() {
    in_virtual_time(async {
        let stage = Stage::with_devices(2).await;

        stage.request_rotation(1).await;
        stage.request_rotation(9).await;
        stage.until_ended(1).await;

        let rotations = stage.world.journal().rotations();
        assert_eq!(rotations.len(), 1);
        assert_eq!(rotations[0].rotation.thing, thing(1));
        assert_eq!(stage.outcomes(), [Some(Outcome::Rotated)]);
        stage.assert_lawful();
    });
}

#[test]
fn a_rotation_that_waits_its_turn_begins_when_somebody_asks_for_it() {
    in_virtual_time(async {
        let mut stage = Stage::new(&[Habit::Good]);
        stage.settings().timing.spread_for = Duration::from_secs(12 * 3600);
        stage.start().await;
        stage.audit().await;
        stage.until("a rotation", |stage| stage.world.journal().open_count() == 1).await;
        let (rotation, now) =
            (stage.world.journal().rotations().remove(0).rotation, stage.world.clock.now());

        stage.say(Fact::StartRequested { rotation_id: rotation.id }).await;
        stage.until_ended(1).await;

        assert!(rotation.begins_at.since(now) > Duration::from_secs(3600), "{rotation:?}");
        assert!(stage.world.clock.now().since(now) < Duration::from_secs(60));
        stage.assert_all_rotated(1);
    });
}

#[test]
fn every_habit_comes_to_its_own_end() {
    in_virtual_time(async {
        let habits = [
            (Habit::Good, Outcome::Rotated),
            (Habit::Away, Outcome::Unreachable),
            (Habit::Silent, Outcome::Failed),
            (Habit::ClumsyOnce, Outcome::Rotated),
            (Habit::Refuses, Outcome::RolledBack),
            (Habit::CannotConnect, Outcome::RolledBack),
            (Habit::Repeats, Outcome::Rotated),
        ];
        let mut stage = Stage::new(&habits.map(|(habit, _)| habit));
        stage.settings().timing.max_attempts = 0;
        stage.start().await;

        stage.audit().await;
        stage.until_ended(habits.len()).await;

        assert_eq!(stage.outcomes(), habits.map(|(_, outcome)| Some(outcome)));
        stage.assert_lawful();
        let told = stage.world.notifier().told();
        assert_eq!(told.len(), 4, "{told:?}");
    });
}

#[test]
fn what_a_device_gives_up_is_tried_again_and_people_hear_of_it_in_the_end() {
    in_virtual_time(async {
        let mut stage = Stage::new(&[Habit::Refuses]);
        stage.start().await;

        stage.audit().await;
        stage.until_ended(3).await;

        let mut rotations = stage.world.journal().rotations();
        rotations.sort_by_key(|stored| stored.rotation.opened_at);
        assert_eq!(stage.outcomes(), [Some(Outcome::RolledBack); 3]);
        let pauses =
            rotations[1..].iter().map(|it| it.rotation.begins_at.since(it.rotation.opened_at));
        assert_eq!(pauses.map(|pause| pause.as_secs()).collect::<Vec<_>>(), [20, 40]);
        for pair in rotations.windows(2) {
            let State::Failed(failed) = &pair[0].state else { panic!("{pair:?}") };
            assert_eq!(failed.followed_by, Some(pair[1].rotation.id));
            assert_eq!(pair[1].rotation.resolution().map(|it| it.of), Some(pair[0].rotation.id));
        }
        assert_eq!(stage.world.notifier().told().len(), 1);
        stage.assert_lawful();
    });
}

#[test]
fn a_finding_that_is_acted_upon_twice_opens_one_rotation() {
    in_virtual_time(async {
        let stage = Stage::with_devices(1).await;
        stage.audit().await;
        stage.until_ended(1).await;
        let rotations = stage.world.journal().rotations();
        let perennial_core::rotation::Cause::Finding { task } = rotations[0].rotation.cause else {
            panic!("{rotations:?}")
        };

        stage.say(Fact::AuditCompleted { task }).await;
        stage.until_settled().await;

        assert_eq!(stage.world.journal().rotations().len(), 1);
    });
}

#[test]
fn a_lost_hint_costs_time_and_nothing_else() {
    in_virtual_time(async {
        let mut stage = Stage::new(&[Habit::Away]);
        stage.start().await;
        stage.audit().await;
        stage.until("the first poll", |stage| stage.world.faults.calls(Verb::Presence) > 1).await;

        // It connects, and nobody says so.
        stage.fleet.add(client(0), outgoing(0), Habit::Good);
        stage.world.messaging().connect(client(0), outgoing(0));
        stage.until_ended(1).await;

        stage.assert_all_rotated(1);
    });
}

#[test]
fn facts_are_dealt_with_in_the_order_in_which_they_came() {
    in_virtual_time(async {
        let mut stage = Stage::new(&[Habit::Silent]);
        stage.start().await;
        stage.request_rotation(0).await;
        stage.until("a rotation", |stage| stage.world.journal().open_count() == 1).await;

        let strangers = |number| Fact::Message {
            client_id: client(0),
            principal: outgoing(number),
            addressee: client(0),
            kind: Kind::CrtErr,
            payload: br#"{"error":"no"}"#.to_vec(),
        };
        stage.intake().accept((1..60).map(strangers).collect()).await.unwrap();
        stage.until_settled().await;

        let id = stage.world.journal().rotations()[0].rotation.id;
        let senders: Vec<_> = stage
            .world
            .journal()
            .history(id)
            .into_iter()
            .filter(|entry| entry.note != Note::Counted)
            .map(|entry| entry.detail)
            .collect();
        let wanted: Vec<_> = (1..60)
            .map(|number| format!("from session of {}, unknown: no", outgoing(number)))
            .collect();
        assert_eq!(senders, wanted);
    });
}

#[test]
fn a_message_that_concerns_no_rotation_is_answered() {
    in_virtual_time(async {
        let stage = Stage::with_devices(2).await;
        let message = |addressee| Fact::Message {
            client_id: client(0),
            principal: outgoing(0),
            addressee,
            kind: Kind::CrtAck,
            payload: Vec::new(),
        };

        stage.say(message(client(0))).await;
        stage.say(message(client(1))).await;
        stage.until("two refusals", |stage| stage.fleet.refused(&client(0)).len() == 2).await;

        let codes = stage.fleet.refused(&client(0));
        assert_eq!(codes, [RefusalCode::NotAsked, RefusalCode::ForeignTopic]);
        assert_eq!(stage.fleet.refused(&client(1)), []);
    });
}

#[test]
fn a_withdrawn_certificate_takes_its_rotation_with_it() {
    in_virtual_time(async {
        let mut stage = Stage::new(&[Habit::Silent, Habit::Silent]);
        stage.start().await;
        stage.audit().await;
        stage.until("two rotations", |stage| stage.world.journal().open_count() == 2).await;

        stage.world.registry().withdraw(outgoing(0));
        stage.say(Fact::CertificateWithdrawn { certificate_id: outgoing(0) }).await;
        stage.until("one end", |stage| stage.world.journal().open_count() == 1).await;

        let rotations = stage.world.journal().rotations();
        let ended: Vec<_> = rotations.iter().filter(|it| !it.state.is_open()).collect();
        assert_eq!(ended[0].rotation.thing, thing(0));
        let State::Failed(failed) = &ended[0].state else { panic!("{ended:?}") };
        assert!(failed.reason.to_string().contains("withdrawn"), "{failed:?}");
    });
}
