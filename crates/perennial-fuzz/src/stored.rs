//! What was stored and is read again: rotations, devices, facts, and configuration.

use std::fmt::Debug;

use perennial_core::{
    audit::{AuditTask, Finding},
    device::Device,
    rotation::{Command, Input, Presence, Rotation, State, Timing, step},
};
use perennial_orchestrator::port::{Fact, HistoryEntry};
use serde::{Serialize, de::DeserializeOwned};

/// One octet for what it is, the rest is JSON.
pub(crate) fn stored(input: &[u8]) {
    let Some((kind, json)) = input.split_first() else { return };
    match kind % 8 {
        0 => drop(reads_back::<Rotation>(json)),
        1 => drop(reads_back::<Command>(json)),
        2 => drop(reads_back::<Device>(json)),
        3 => drop(reads_back::<Fact>(json)),
        4 => drop(reads_back::<HistoryEntry>(json)),
        5 => drop(reads_back::<AuditTask>(json)),
        6 => drop(reads_back::<Finding>(json)),
        _ => steps(json),
    }
}

fn reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(json).ok()?;
    let written = serde_json::to_vec(&value);
    let again = written.and_then(|written| serde_json::from_slice(&written));
    assert_eq!(again.ok().as_ref(), Some(&value));
    Some(value)
}

/// A rotation, a state, the timing and an input in one array: whatever was stored, the core takes
/// the step, and one that is open will be due.
fn steps(json: &[u8]) {
    let Some((rotation, state, timing, input)) =
        reads_back::<(Rotation, State, Timing, Input)>(json)
    else {
        return;
    };
    let due_at = state.due_at().unwrap_or(rotation.opened_at);
    let passed = |presence| Input::DeadlinePassed { presence };
    let online = passed(Presence::Online(rotation.outgoing));
    for input in [input, passed(Presence::Offline), online] {
        let decided = step(&rotation, state.clone(), input, &timing, due_at);
        assert_eq!(decided.state.is_open(), decided.state.due_at().is_some());
    }
}

/// An agent's configuration in TOML. The server's is put to the test beside its code: it would
/// bring a database and an allocator of its own into every sanitized build.
pub(crate) fn config(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Err(reason) = perennial_agent::Config::parse(text) {
        assert_ne!(reason, "");
    }
}
