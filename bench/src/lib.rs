//! What the benches share: V, the cost of one ECDSA P-256 verification, by which all goals are told,
//! CPU time, memory, an MQTT client, and a registry that is full.

mod cpu;
mod memory;
pub mod mqtt;
pub mod registered;
mod verification;

pub use cpu::cpu_seconds;
pub use memory::{forget_peak, peak_bytes, resident_bytes};
pub use verification::Verification;
