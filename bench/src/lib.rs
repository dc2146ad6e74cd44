//! What the benches share: V, the cost of one ECDSA P-256 verification, by which all goals are told,
//! CPU time, and a registry that is full.

mod cpu;
pub mod registered;
mod verification;

pub use cpu::cpu_seconds;
pub use verification::Verification;
