//! Random schedules hold every invariant, and a world that is broken on purpose does not.

use perennial_sim::{FaultKind, Sabotage, Violation, run, run_sabotaged, simulate};

const SCHEDULES: u64 = 20_000;

#[test]
fn twenty_thousand_schedules_hold_every_invariant() {
    let summary = simulate(SCHEDULES, 1, |_| {}).unwrap_or_else(|violation| panic!("{violation}"));

    println!("{summary}");
    assert_eq!(summary.schedules, SCHEDULES);
    for (kind, count) in FaultKind::ALL.iter().zip(summary.faults) {
        assert!(count > 0, "{kind:?} never struck");
    }
    assert!(summary.recovered > 0, "no device came back with an expired certificate");
    assert!(summary.resolved.iter().all(|count| *count > 0), "{:?}", summary.resolved);
    assert!(summary.endings.iter().all(|count| *count > 0), "{:?}", summary.endings);
    assert!(summary.outcomes.iter().all(|count| *count > 0), "{:?}", summary.outcomes);
}

#[test]
fn a_seed_replays() {
    let (first, second) = (run(7).unwrap(), run(7).unwrap());

    assert_eq!((first.steps, first.faults), (second.steps, second.faults));
}

#[test]
fn every_sabotage_is_caught() {
    for sabotage in Sabotage::ALL {
        let caught: Option<Violation> =
            (1..3000).find_map(|seed| run_sabotaged(seed, sabotage).err());

        let violation = caught.unwrap_or_else(|| panic!("{sabotage:?} was not noticed"));
        println!("{sabotage:?}: {:?} with seed {}", violation.invariant, violation.seed);
        assert!(!violation.trace.is_empty());
    }
}
