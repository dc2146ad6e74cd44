//! The world: everything there is, its clock, and what is planned.

use std::{collections::BinaryHeap, time::Duration};

use fastrand::Rng;
use perennial_core::{
    ids::{CertificateId, Digest},
    time::{Timestamp, days},
};

use crate::{
    Invariant, Sabotage,
    broker::Broker,
    device::DeviceSide,
    event::{Event, Planned},
    faults::{FaultKind, Faults},
    plan::Plan,
    registry::{POLICIES, Record, Registry},
    server::Server,
};

/// What was found when an invariant did not hold.
pub(crate) type Found = (Invariant, String);

/// One thing's world.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) plan: Plan,
    pub(crate) faults: Faults,
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) now: Timestamp,
    /// How far the server's clock is ahead, in milliseconds.
    pub(crate) skew: i64,
    pub(crate) calm: bool,
    pub(crate) server: Server,
    pub(crate) registry: Registry,
    pub(crate) broker: Broker,
    pub(crate) device: DeviceSide,
    /// What the world itself saw go wrong during the event.
    pub(crate) found: Option<Found>,
    planned: BinaryHeap<Planned>,
    numbers: u64,
    trace: Option<Vec<String>>,
}

/// How far the server's clock may be set wrong.
pub(crate) const LARGEST_SKEW: Duration = Duration::from_secs(300);

/// When every schedule begins.
pub(crate) const BEGINS_AT: Timestamp = Timestamp::from_secs(1_700_000_000);

impl World {
    pub(crate) fn new(seed: u64, sabotage: Option<Sabotage>, traced: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = Plan::draw(&mut rng);
        let faults = Faults::draw(&mut rng);
        let mut registry = Registry::default();
        let first = first_certificate(&plan, &mut registry);
        let mut world = Self {
            device: DeviceSide::holding(first, &plan),
            rng,
            faults,
            sabotage,
            now: BEGINS_AT,
            skew: 0,
            calm: false,
            server: Server::default(),
            registry,
            broker: Broker::default(),
            found: None,
            planned: BinaryHeap::new(),
            numbers: 0,
            trace: traced.then(Vec::new),
            plan,
        };
        world.after(Duration::ZERO, Event::DeviceUp);
        world.after(Duration::from_secs(60), Event::Audit);
        world.after(Duration::from_secs(600), Event::Mischief);
        world.after(Duration::from_secs(300), Event::Telemetry);
        world.after(world.plan.calm_after, Event::Calm);
        world
    }

    /// A number that was never drawn before.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Plans an event.
    pub(crate) fn after(&mut self, after_for: Duration, event: Event) {
        let number = self.number();
        self.planned.push(Planned { at: self.now + after_for, number, event });
    }

    /// Whether this fault happens here and now.
    pub(crate) fn strikes(&mut self, kind: FaultKind) -> bool {
        let strikes = self.faults.strikes(kind, &mut self.rng);
        if strikes {
            self.note(|| format!("! {kind:?}"));
        }
        strikes
    }

    /// Writes a line of the trace, if somebody will read it.
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let since = self.now.since(BEGINS_AT).as_secs_f64();
            trace.push(format!("{since:>12.3}s {}", line()));
        }
    }

    pub(crate) fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    /// The server's clock.
    pub(crate) fn clock(&self) -> Timestamp {
        Timestamp::from_millis(self.now.as_millis() + self.skew)
    }

    /// The device's clock.
    pub(crate) fn device_clock(&self) -> Timestamp {
        self.now - self.plan.behind_for
    }

    /// The broker lets this certificate in.
    pub(crate) fn accepts(&self, id: &CertificateId) -> bool {
        self.registry.is_active(id) && !self.expired(id)
    }

    /// It has expired, whether or not it may still recover.
    pub(crate) fn has_ended(&self, id: &CertificateId) -> bool {
        self.registry.records.get(id).is_some_and(|record| self.clock() > record.not_after)
    }

    /// It expired, recovery included, before anybody retired it: time took it from the device.
    pub(crate) fn lapsed_in_use(&self, id: &CertificateId) -> bool {
        let record = self.registry.records.get(id);
        let in_use = record.is_some_and(|record| {
            let until = record.usable_until(&self.plan);
            record.retired_at.is_none_or(|at| at + LARGEST_SKEW * 2 > until)
        });
        in_use && self.expired(id)
    }

    /// It is expired, recovery included.
    pub(crate) fn expired(&self, id: &CertificateId) -> bool {
        let record = self.registry.records.get(id);
        record.is_some_and(|record| self.clock() > record.usable_until(&self.plan))
    }

    /// How long a message takes.
    pub(crate) fn travel(&mut self) -> Duration {
        let millis = self.rng.u64(5..200);
        if self.strikes(FaultKind::Delay) {
            return Duration::from_secs(self.rng.u64(1..600));
        }
        Duration::from_millis(millis)
    }

    /// Lets the next thing happen; false when nothing is planned before `until`.
    pub(crate) fn step(&mut self, until: Timestamp) -> bool {
        let Some(next) = self.planned.pop() else { return false };
        if next.at > until {
            return false;
        }
        self.now = self.now.max(next.at);
        self.happen(next.event);
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Work => self.work(),
            Event::Deadline(number) => self.deadline(number),
            Event::ServerUp => self.server_up(),
            Event::BrokerUp => self.broker.up = true,
            Event::LateFact(named, input) => self.fact(named, input),
            Event::AtDevice(session, message) => self.at_device(session, message),
            Event::StragglerAtDevice(message) => self.straggler_at_device(message),
            Event::AtBroker { session, number, message } => {
                self.at_broker(session, number, message);
            }
            Event::PubAck { session, number, kind } => self.puback(session, number, kind),
            Event::Dialed(number) => self.dialed(number),
            Event::DeviceUp => self.boot(),
            Event::NetworkUp => self.device.network = true,
            Event::Wake(number) => self.wake(number),
            Event::HookEnds(process) => self.hook_ends(process),
            Event::Subscribed(session) => self.subscribed(session),
            Event::LostAtDevice(session) => self.lost_at_device(session),
            Event::LostAtBroker(session) => self.lost_at_broker(session),
            Event::StandingEnds(session) => self.look_at_standing(session),
            Event::Telemetry => self.telemetry(),
            Event::Audit => self.audit(),
            Event::Mischief => self.mischief(),
            Event::CleanUp(certificate) => self.registry_withdraw(certificate, false),
            Event::Calm => self.calm_down(),
        }
    }
}

fn first_certificate(plan: &Plan, registry: &mut Registry) -> CertificateId {
    let first = registry.draw_id();
    let record = Record {
        status: perennial_core::certificate::CertificateStatus::Active,
        not_before: Timestamp::EPOCH,
        not_after: BEGINS_AT + plan.first_life_for,
        policies: POLICIES,
        attached: true,
        rotation: None,
        csr: Digest::from_bytes([0; 32]),
        used: true,
        retired_at: None,
        withdrawn: false,
        told: false,
    };
    registry.record(first, record);
    first
}

/// How long a schedule goes on after its faults stopped: no device is away any more, so nothing
/// waits for the end of a recovery.
pub(crate) fn aftermath(plan: &Plan) -> Duration {
    plan.longest_open_while_present() * 2 + days(3)
}
