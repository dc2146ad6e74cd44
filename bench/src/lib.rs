//! What the benches share: V, the cost of one ECDSA P-256 verification, by which all goals are told.

mod verification;

pub use verification::Verification;
