//! Running: one schedule from its seed, or many.

use crate::{
    Ending, Invariant, Report, Sabotage, Summary, Violation,
    invariants::CHECKS,
    plan::THRESHOLD_FOR,
    world::{BEGINS_AT, Found, World, aftermath},
};

/// Runs the schedules of `schedules` seeds from `first_seed` on; `progress` hears how many are
/// done.
///
/// # Errors
/// The first [`Violation`], with the seed that replays it.
pub fn simulate(
    schedules: u64,
    first_seed: u64,
    mut progress: impl FnMut(u64),
) -> Result<Summary, Violation> {
    let mut summary = Summary::default();
    for done in 0..schedules {
        summary.add(&run(first_seed.wrapping_add(done))?);
        progress(done + 1);
    }
    Ok(summary)
}

/// Runs the schedule of one seed.
///
/// # Errors
/// The [`Violation`] that it meets, with a trace.
pub fn run(seed: u64) -> Result<Report, Violation> {
    replay(seed, None)
}

/// Runs the schedule of one seed in a world that is broken on purpose.
///
/// # Errors
/// The [`Violation`] that it meets, with a trace.
pub fn run_sabotaged(seed: u64, sabotage: Sabotage) -> Result<Report, Violation> {
    replay(seed, Some(sabotage))
}

/// A violation is met again with a trace: traces cost too much to keep every one.
fn replay(seed: u64, sabotage: Option<Sabotage>) -> Result<Report, Violation> {
    let mut world = World::new(seed, sabotage, false);
    live(&mut world).map_err(|(step, (invariant, found))| {
        let mut world = World::new(seed, sabotage, true);
        let _same = live(&mut world);
        Violation { seed, step, invariant, found, trace: world.take_trace() }
    })
}

fn live(world: &mut World) -> Result<Report, (u64, Found)> {
    let until = BEGINS_AT + world.plan.calm_after + aftermath(&world.plan);
    let mut steps = 0;
    while world.step(until) {
        steps += 1;
        check(world).map_err(|found| (steps, found))?;
        if world.calm && world.settled() {
            break;
        }
    }
    let ending = ending(world).map_err(|found| (steps, found))?;
    let (outcomes, recovered) = (world.server.outcomes, world.server.recovered);
    let (resolved, faults) = (world.server.resolved, world.faults.counts);
    Ok(Report { ending, steps, outcomes, recovered, resolved, faults })
}

fn check(world: &mut World) -> Result<(), Found> {
    if let Some(found) = world.found.take() {
        return Err(found);
    }
    for (invariant, holds) in CHECKS {
        holds(world).map_err(|found| (invariant, found))?;
    }
    Ok(())
}

/// Once faults stop, a device that is not cut off ends rotated and connected.
fn ending(world: &World) -> Result<Ending, Found> {
    if world.settled() {
        return Ok(Ending::Rotated);
    }
    let held = world.device.holds();
    let record = |id| world.registry.records.get(id);
    if held.iter().any(|id| record(id).is_some_and(|record| record.withdrawn)) {
        return Ok(Ending::Withdrawn);
    }
    if held.iter().any(|id| world.lapsed_in_use(id)) {
        return Ok(Ending::Expired);
    }
    let rotated = world.last_since_calm() == Some("Rotated");
    let online = world.device_link().is_some_and(|link| link.online.is_some());
    if online && rotated {
        return Ok(Ending::Kept);
    }
    let found = format!(
        "the last rotation is {:?}, the device is {} and has {:?}",
        world.server.order.last().map(|id| &world.server.journal[id].state),
        if online { "online" } else { "offline" },
        world.device.disk,
    );
    Err((Invariant::HealthyEndsRotated, found))
}

impl World {
    /// All is well: nothing open, the device is steady and online with a certificate that is not
    /// due.
    fn settled(&self) -> bool {
        let now = self.clock();
        let current = self.broker.principal().and_then(|id| self.registry.records.get(&id));
        let fresh = current.is_some_and(|record| {
            record.rotation.is_some() && record.not_after.since(now) >= THRESHOLD_FOR
        });
        let steady = self.device.disk.state.name() == "Steady";
        let online = self.device_link().is_some_and(|link| link.online.is_some());
        self.open_rotation().is_none() && fresh && steady && online
    }

    /// How the last rotation stands that was opened after faults stopped.
    fn last_since_calm(&self) -> Option<&'static str> {
        let calm_at = BEGINS_AT + self.plan.calm_after;
        let opened = self.server.order.iter().rev().map(|id| &self.server.journal[id]);
        let mut closed =
            opened.filter(|entry| !entry.state.is_open() && entry.rotation.opened_at >= calm_at);
        closed.next().map(|entry| entry.state.name())
    }
}
