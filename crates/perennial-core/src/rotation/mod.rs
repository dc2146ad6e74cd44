//! The rotation of one thing's certificate, as the server sees it: a persisted state and one
//! total function from (state, input) to (state, commands).
//!
//! ```text
//! AwaitingCsr → Issuing → Enrolling → AwaitingAck → Retiring → Rotated
//!      │           │          └──────────┴→ RollingBack → Failed
//!      └───────────┴──────────────────────────────────────→ Failed
//! ```
//!
//! A rotation that the device gave up may be followed by another, which does something otherwise.
//!
//! A rotation never deactivates the outgoing certificate without evidence that the device holds
//! the incoming one, and it always ends: by proof, by refusal or by running out of time.

mod awaiting_ack;
mod awaiting_csr;
mod closed;
mod command;
mod enrolling;
mod input;
mod issuing;
mod opening;
mod recovery;
mod resolution;
mod retiring;
mod rolling_back;
mod state;
mod step;
mod timing;
mod trying;

pub use awaiting_ack::AwaitingAck;
pub use awaiting_csr::AwaitingCsr;
pub use closed::{Failed, Rotated};
pub use command::{Command, Notice};
pub use enrolling::Enrolling;
pub use input::{Cancellation, Csr, Fault, FaultKind, Input, Presence, RefusedCsr, Sender};
pub use issuing::Issuing;
pub use opening::{Cause, Opening, Rotation, open};
pub use recovery::may_recover;
pub use resolution::{ClockSkew, Remedy, Resolution, Successor, remedy};
pub use retiring::{Evidence, Retiring};
pub use rolling_back::RollingBack;
pub use state::{Failure, Outcome, State};
pub use step::{Ignored, Note, Step, step};
pub use timing::Timing;
