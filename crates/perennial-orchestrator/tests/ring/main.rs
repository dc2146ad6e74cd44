//! The ring on fakes, in virtual time: whole rotations, faults at every call, restarts at every
//! step, and ten thousand at once.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's own machinery"
)]

mod faults;
mod fleet;
mod invariants;
mod random;
mod restarts;
mod scale;
mod stage;
mod whole;
