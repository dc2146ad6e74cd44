//! What the benches share: V, the cost of one ECDSA P-256 verification, by which all goals are told,
//! and CPU time.

mod cpu;
mod verification;

pub use cpu::cpu_seconds;
pub use verification::Verification;
