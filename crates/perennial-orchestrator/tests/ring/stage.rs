//! The stage: a world of fakes with a fleet in it, and the server's processes one after another.

use std::time::Duration;

use perennial_core::{
    certificate::Validity,
    ids::{CertificateId, ClientId, PolicyName, ThingName},
    rotation::{Outcome, Timing},
    time::{Timestamp, days},
};
use perennial_orchestrator::{
    Intake, Ring, Settings,
    fakes::World,
    port::{Audit as _, Clock as _, Entropy as _, Fact},
};
use tokio::task::JoinHandle;

use crate::{
    fleet::{Fleet, Habit},
    invariants,
};

/// When everything begins.
const BEGIN: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Everything there is, and the process that runs, if one does.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) fleet: Fleet,
    settings: Settings,
    running: Option<Running>,
}

struct Running {
    ring: Ring,
    devices: JoinHandle<()>,
}

pub(crate) fn thing(number: u32) -> ThingName {
    ThingName::new(&format!("pump-{number}")).unwrap()
}

pub(crate) fn client(number: u32) -> ClientId {
    ClientId::from(&thing(number))
}

pub(crate) fn outgoing(number: u32) -> CertificateId {
    let mut id = [1; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    CertificateId::from_bytes(id)
}

/// Minutes instead of weeks: a tick is a call of the journal, virtual time or not.
fn timing() -> Timing {
    let secs = Duration::from_secs;
    Timing {
        spread_for: secs(60),
        csr_wait_for: secs(10),
        ack_wait_for: secs(10),
        settle_for: secs(5),
        hold_for: secs(300),
        poll_for: secs(60),
        verb_wait_for: secs(10),
        max_backoff_for: secs(60),
        max_attempts: 2,
        retry_for: secs(20),
        ..Timing::default()
    }
}

/// Runs a story in virtual time: as long as nothing else can be done, time passes at once.
pub(crate) fn in_virtual_time<T>(story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(story)
}

impl Stage {
    /// Devices with these habits, each with a certificate that ends in a week; nothing runs yet.
    pub(crate) fn new(habits: &[Habit]) -> Self {
        let (world, fleet) = (World::new(BEGIN), Fleet::default());
        let validity = Validity { not_before: BEGIN - days(1), not_after: BEGIN + days(7) };
        let policy = PolicyName::new("device").unwrap();
        for (number, habit) in (0..).zip(habits) {
            let (thing, id) = (thing(number), outgoing(number));
            world.registry().register(thing, id, [policy.clone()], validity, BEGIN);
            fleet.add(client(number), id, *habit);
        }
        let tick_for = Duration::from_secs(1);
        let settings =
            Settings { timing: timing(), tick_for, scheduled_audits: false, ..Settings::default() };
        Self { world, fleet, settings, running: None }
    }

    /// `count` good devices with a server that runs.
    pub(crate) async fn with_devices(count: u32) -> Self {
        let mut stage = Self::new(&vec![Habit::Good; count as usize]);
        stage.start().await;
        stage
    }

    pub(crate) fn settings(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Starts a process, again and again until the journal lets it.
    pub(crate) async fn start(&mut self) {
        let ring = loop {
            match Ring::start(self.world.ports(), self.settings.clone()).await {
                Ok(ring) => break ring,
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        };
        let living = self.fleet.clone().live(self.world.clone(), ring.intake());
        self.running = Some(Running { ring, devices: tokio::spawn(living) });
    }

    /// Stops the process as it should be.
    pub(crate) async fn stop(&mut self) {
        let Running { ring, devices } = self.running.take().unwrap();
        ring.stop().await;
        devices.abort();
        self.world.crash();
    }

    /// Ends the process where it stands.
    pub(crate) fn crash(&mut self) {
        let Running { ring, devices } = self.running.take().unwrap();
        drop(ring);
        devices.abort();
        self.world.crash();
    }

    pub(crate) async fn restart(&mut self) {
        self.crash();
        self.start().await;
    }

    pub(crate) fn intake(&self) -> Intake {
        self.running.as_ref().unwrap().ring.intake()
    }

    /// Puts a fact in, and again until it is accepted.
    pub(crate) async fn say(&self, fact: Fact) {
        while self.intake().accept(vec![fact.clone()]).await.is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    pub(crate) async fn request_rotation(&self, number: u32) {
        let thing = thing(number);
        self.say(Fact::RotationRequested {
            rotation_id: None,
            thing,
            certificate_id: None,
            rekey: true,
        })
        .await;
    }

    /// Runs an audit, and again until it is done.
    pub(crate) async fn audit(&self) {
        let audit = self.world.audit();
        loop {
            let id = self.world.entropy.audit_task_id();
            audit.start(id);
            if audit.run(id, &self.world.clock).await.is_ok() {
                break;
            }
        }
        self.intake().nudge();
    }

    /// Waits, in virtual time, until `condition` holds; three hours are too long for anything.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let began_at = self.world.clock.now();
        while !condition(self) {
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert!(
                self.world.clock.now().since(began_at) < Duration::from_secs(3 * 3600),
                "{what} did not come about: {:#?}\ninbox {}, outbox {}",
                self.world.journal().rotations(),
                self.world.journal().inbox_len(),
                self.world.journal().outbox_len(),
            );
        }
    }

    /// Waits until `count` rotations were opened, all have ended, and nothing is left undone.
    pub(crate) async fn until_ended(&self, count: usize) {
        let ended = |stage: &Self| {
            let journal = stage.world.journal();
            stage.is_idle() && journal.rotations().len() >= count
        };
        self.until("the end of every rotation", ended).await;
    }

    /// Waits until all that was accepted has been dealt with, and every command done.
    pub(crate) async fn until_settled(&self) {
        let settled = |stage: &Self| {
            let journal = stage.world.journal();
            journal.inbox_len() == 0 && journal.outbox_len() == 0
        };
        self.until("the end of all work", settled).await;
    }

    fn is_idle(&self) -> bool {
        let journal = self.world.journal();
        journal.open_count() == 0 && journal.inbox_len() == 0 && journal.outbox_len() == 0
    }

    /// How the rotations ended, in the order of the things.
    pub(crate) fn outcomes(&self) -> Vec<Option<Outcome>> {
        let mut rotations = self.world.journal().rotations();
        rotations.sort_by_key(|it| (it.rotation.thing.clone(), it.rotation.opened_at));
        rotations.into_iter().map(|it| it.state.outcome()).collect()
    }

    /// Every device has been rotated, uses what it was given, and nothing unlawful happened.
    pub(crate) fn assert_all_rotated(&self, count: u32) {
        assert_eq!(self.outcomes(), vec![Some(Outcome::Rotated); count as usize]);
        for number in 0..count {
            let in_use = self.fleet.in_use(&client(number), &self.world);
            assert!(in_use.is_some_and(|id| id != outgoing(number)), "{in_use:?}");
            assert!(!self.world.registry().is_active(&outgoing(number)));
        }
        self.assert_lawful();
    }

    /// The invariants held all the time, and no device is shut out.
    pub(crate) fn assert_lawful(&self) {
        invariants::check(&self.world);
        assert_eq!(self.fleet.bricked(&self.world), []);
    }
}
