//! Random interleavings of requests, audits, habits, faults, crashes and stops: every rotation
//! ends, and what must hold held all the time.

use std::time::Duration;

use perennial_orchestrator::fakes::{Fault, Verb};
use proptest::{prelude::*, sample::select};

use crate::{
    fleet::Habit,
    stage::{Stage, in_virtual_time},
};

const DEVICES: usize = 5;

#[derive(Debug, Clone)]
enum Event {
    Audit,
    Request(u32),
    Fault(Verb, u64, Fault),
    Crash,
    Stop,
    Wait(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let fault = prop_oneof![
        4 => Just(Fault::Retryable),
        1 => Just(Fault::Permanent),
        3 => Just(Fault::AnswerLost),
        2 => (1u64..90).prop_map(|secs| Fault::Late(Duration::from_secs(secs))),
        2 => Just(Fault::CrashBefore),
        2 => Just(Fault::CrashAfter),
        1 => Just(Fault::Panic),
    ];
    let event = prop_oneof![
        2 => Just(Event::Audit),
        2 => (0..DEVICES as u32).prop_map(Event::Request),
        6 => (select(&Verb::ALL[..]), 1u64..6, fault).prop_map(|(verb, nth, fault)| {
            // What panics must be on a task of its own: the ring's own calls are not.
            let carried_out = matches!(
                verb,
                Verb::Issue | Verb::Enroll | Verb::Retire | Verb::Publish | Verb::Deliveries
            );
            let fault = if fault == Fault::Panic && !carried_out { Fault::Retryable } else { fault };
            Event::Fault(verb, nth, fault)
        }),
        1 => Just(Event::Crash),
        1 => Just(Event::Stop),
        3 => (1u64..40_000).prop_map(Event::Wait),
    ];
    prop::collection::vec(event, 1..25)
}

fn habits() -> impl Strategy<Value = Vec<Habit>> {
    let habit = select(vec![
        Habit::Good,
        Habit::Good,
        Habit::Good,
        Habit::Away,
        Habit::Silent,
        Habit::ClumsyOnce,
        Habit::Refuses,
        Habit::CannotConnect,
        Habit::Repeats,
    ]);
    prop::collection::vec(habit, DEVICES)
}

impl Stage {
    /// Lets `act` go on until it is done or the process ends of a fault; then starts another.
    async fn survive(&mut self, act: impl AsyncFnOnce(&Self)) {
        let faults = self.world.faults.clone();
        let crashed = tokio::select! {
            biased;
            () = faults.crashed() => true,
            () = act(self) => false,
        };
        if crashed {
            self.restart_for_sure().await;
        }
    }

    /// A start may meet faults of its own.
    async fn restart_for_sure(&mut self) {
        self.crash();
        self.start_for_sure().await;
    }

    async fn start_for_sure(&mut self) {
        let faults = self.world.faults.clone();
        loop {
            let crashed = tokio::select! {
                biased;
                () = faults.crashed() => true,
                () = self.start() => false,
            };
            if !crashed {
                return;
            }
            self.world.crash();
        }
    }

    async fn undergo(&mut self, event: Event) {
        match event {
            Event::Audit => self.survive(async |stage| stage.audit().await).await,
            Event::Request(number) => {
                self.survive(async |stage| stage.request_rotation(number).await).await;
            }
            Event::Fault(verb, nth, fault) => self.world.faults.nth(verb, nth, fault),
            Event::Crash => self.restart_for_sure().await,
            Event::Stop => {
                let faults = self.world.faults.clone();
                // A verb that never answers never lets the ring stop: then it is killed.
                let stopped = tokio::select! {
                    biased;
                    () = faults.crashed() => false,
                    () = self.stop() => true,
                };
                if !stopped {
                    self.world.crash();
                }
                self.start_for_sure().await;
            }
            Event::Wait(millis) => {
                let wait = async |_: &Self| {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                };
                self.survive(wait).await;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_every_rotation_ends_lawfully(habits in habits(), events in events()) {
        in_virtual_time(async {
            let mut stage = Stage::new(&habits);
            stage.start().await;

            for event in events {
                stage.undergo(event).await;
            }
            // What was refused for good waits for a start without faults.
            stage.world.faults.cease();
            stage.restart_for_sure().await;
            stage.until_ended(0).await;

            stage.assert_lawful();
        });
    }

    #[test]
    fn whatever_happened_a_good_fleet_is_rotated_in_the_end(events in events()) {
        in_virtual_time(async {
            let mut stage = Stage::new(&[Habit::Good; DEVICES]);
            stage.start().await;
            for event in events {
                stage.undergo(event).await;
            }
            stage.world.faults.cease();
            stage.restart_for_sure().await;
            stage.until_ended(0).await;
            let rotations = stage.world.journal().rotations().len();

            for number in 0..DEVICES as u32 {
                stage.request_rotation(number).await;
            }
            stage.until_ended(rotations + DEVICES).await;

            let last = stage.world.journal().rotations();
            let mut last: Vec<_> = last.into_iter().map(|it| it.state.outcome()).collect();
            last.retain(|outcome| *outcome == Some(perennial_core::rotation::Outcome::Rotated));
            prop_assert!(last.len() >= DEVICES);
            stage.assert_lawful();
            Ok(())
        })?;
    }
}
