//! The invariants of a rotation (ARCHITECTURE.md), each a function over the whole world, checked
//! after every step.

use perennial_core::rotation::State;

use crate::{broker::CUT_WITHIN, world::World};

/// The name of an invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invariant {
    /// The outgoing certificate is deactivated only on evidence of the incoming one.
    EvidenceBeforeRetiring,
    /// A rotation never leaves a thing without a credential that its device holds.
    NoDeviceIsBricked,
    /// At most one open rotation per thing, and few active certificates.
    OneOpenRotation,
    /// A CSR counts only from the principal being rotated.
    CsrFromOutgoing,
    /// Incoming policies are the outgoing ones.
    SamePolicies,
    /// State is durable before any command leaves.
    DurableBeforeSent,
    /// A command repeated is a command done once; no orphan stays active.
    DoneOnce,
    /// Every rotation ends in bounded time.
    EndsInTime,
    /// Jitter is drawn once, at opening.
    JitterDrawnOnce,
    /// What was signed is recorded before it is delivered.
    RecordedBeforeDelivered,
    /// An expired certificate is good for its rotation and for nothing else.
    ExpiredOnlyRotates,
    /// A rotation that failed is followed by another, or people are told; never both.
    FollowedOrTold,
    /// Rotations that follow upon each other come to an end.
    ChainsEnd,
    /// Once faults stop, a healthy device ends rotated and connected.
    HealthyEndsRotated,
}

type Check = fn(&World) -> Result<(), String>;

/// Every invariant that is checked after every step; sending before writing is noticed as it
/// happens, and how a healthy device ends is seen at the end.
pub(crate) const CHECKS: [(Invariant, Check); 12] = [
    (Invariant::EvidenceBeforeRetiring, evidence_before_retiring),
    (Invariant::NoDeviceIsBricked, no_device_is_bricked),
    (Invariant::OneOpenRotation, one_open_rotation),
    (Invariant::CsrFromOutgoing, csr_from_outgoing),
    (Invariant::SamePolicies, same_policies),
    (Invariant::DoneOnce, done_once),
    (Invariant::EndsInTime, ends_in_time),
    (Invariant::JitterDrawnOnce, jitter_drawn_once),
    (Invariant::RecordedBeforeDelivered, recorded_before_delivered),
    (Invariant::ExpiredOnlyRotates, expired_only_rotates),
    (Invariant::FollowedOrTold, followed_or_told),
    (Invariant::ChainsEnd, chains_end),
];

fn ensure(holds: bool, found: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(found()) }
}

/// 1. The outgoing certificate is deactivated only on evidence of the incoming one, or when no
///    broker accepts it any more.
fn evidence_before_retiring(world: &World) -> Result<(), String> {
    let Some((outgoing, incoming, at)) = world.server.retired.last() else { return Ok(()) };
    let proven = world.registry.records.get(incoming).is_some_and(|record| record.used);
    let until = world.registry.records.get(outgoing);
    let expired = until.is_some_and(|record| *at > record.usable_until(&world.plan));
    ensure(proven || expired, || format!("{outgoing} went before {incoming} was ever used"))
}

/// 2. A rotation never leaves a thing without a credential that its device holds, would try, and
///    the broker accepts; except where an operator withdrew one, or one expired beyond recovery.
fn no_device_is_bricked(world: &World) -> Result<(), String> {
    let held = world.device.holds();
    let excused = held.iter().any(|id| {
        world.registry.records.get(id).is_some_and(|record| record.withdrawn)
            || world.lapsed_in_use(id)
    });
    let lives = held.iter().any(|id| world.accepts(id));
    ensure(lives || excused, || format!("the device holds {held:?}, and none is accepted"))
}

/// 3. At most one open rotation per thing; at most two ACTIVE certificates while one is open, one
///    when none is; not counting those that people were told of.
fn one_open_rotation(world: &World) -> Result<(), String> {
    let open = world.server.journal.values().filter(|entry| entry.state.is_open()).count();
    let active = world.registry.active().filter(|(_, record)| !record.told).count();
    // A notice is a command: until it is carried out, nobody was told.
    let telling = world.tells_of_active();
    ensure(open <= 1, || format!("{open} rotations are open"))?;
    ensure(active <= 1 + open + telling, || {
        format!("{active} certificates are ACTIVE, {open} open")
    })
}

/// 4. A CSR counts only from the principal being rotated.
fn csr_from_outgoing(world: &World) -> Result<(), String> {
    let Some((outgoing, sender)) = world.server.believed.last() else { return Ok(()) };
    ensure(sender.is(outgoing), || format!("{sender:?} was believed for {outgoing}"))
}

/// 5. Incoming policies = outgoing policies.
fn same_policies(world: &World) -> Result<(), String> {
    let other =
        world.registry.active().find(|(_, record)| record.policies != crate::registry::POLICIES);
    ensure(other.is_none(), || format!("{other:?} is ACTIVE with other policies"))
}

/// 7. A command repeated is a command done once: one certificate a rotation; and no orphan
///    certificate stays active.
fn done_once(world: &World) -> Result<(), String> {
    let journal = &world.server.journal;
    for entry in journal.values() {
        let id = entry.rotation.id;
        let issued = world.registry.records.values().filter(|r| r.rotation == Some(id)).count();
        ensure(issued <= 1, || format!("{issued} certificates were issued for {id}"))?;
    }
    for (id, record) in world.registry.active().filter(|(_, record)| !record.told) {
        let entry = record.rotation.and_then(|rotation| journal.get(&rotation));
        let orphan =
            entry.is_some_and(|entry| matches!(&entry.state, State::Failed(f) if f.rolled_back));
        ensure(!orphan || world.tells_of_active() > 0, || format!("{id} is an ACTIVE orphan"))?;
    }
    Ok(())
}

/// 8. Every rotation ends in bounded time.
fn ends_in_time(world: &World) -> Result<(), String> {
    let bound = world.plan.longest_open_for();
    let late = world.server.journal.values().find(|entry| {
        entry.state.is_open() && world.clock().since(entry.rotation.opened_at) > bound
    });
    ensure(late.is_none(), || format!("{:?} is still open", late.map(|entry| &entry.state)))
}

/// 9. Jitter is drawn once, at opening, and stored.
fn jitter_drawn_once(world: &World) -> Result<(), String> {
    let changed = world.server.journal.values().find(|entry| entry.rotation != entry.opened_as);
    ensure(changed.is_none(), || "what is fixed at opening has changed".to_owned())
}

/// 11. What was signed is recorded before it is delivered.
fn recorded_before_delivered(world: &World) -> Result<(), String> {
    let last = world.server.delivered.last();
    let recorded = last.is_none_or(|id| world.registry.records.contains_key(id));
    ensure(recorded, || format!("{last:?} was delivered without a record"))
}

/// 12. An expired certificate is good for its rotation and for nothing else.
fn expired_only_rotates(world: &World) -> Result<(), String> {
    let Some((id, at)) = world.broker.telemetry else { return Ok(()) };
    let record = world.registry.records.get(&id);
    let in_time = record.is_none_or(|record| at <= record.not_after + CUT_WITHIN);
    ensure(in_time, || format!("{id} had expired, and more than its rotation was let through"))
}

/// 13. A rotation that failed is followed by another, or people are told; never both.
fn followed_or_told(world: &World) -> Result<(), String> {
    for (id, entry) in &world.server.journal {
        let State::Failed(failed) = &entry.state else { continue };
        let follows = failed.followed_by.is_some_and(|next| {
            let next = world.server.journal.get(&next).map(|next| &next.rotation);
            next.and_then(|next| next.resolution()).is_some_and(|resolution| resolution.of == *id)
        });
        ensure(follows != world.tells_of_failure(id), || {
            format!("{id} failed, follows: {follows}, {:?}", failed)
        })?;
    }
    Ok(())
}

/// 14. Rotations that follow upon each other come to an end.
fn chains_end(world: &World) -> Result<(), String> {
    let Some(last) = world.server.order.last() else { return Ok(()) };
    let (mut length, mut id) = (0, *last);
    while let Some(resolution) =
        world.server.journal.get(&id).and_then(|entry| entry.rotation.resolution())
    {
        length += 1;
        id = resolution.of;
    }
    let most = world.plan.server.max_attempts;
    ensure(length <= most, || format!("{length} rotations follow upon each other, not {most}"))
}
