//! The simulator: a server, a broker and a device that run the core's two machines against each
//! other in virtual time, with faults at every boundary and every invariant checked after every
//! step. A seed decides everything, so a seed replays.
#![warn(missing_docs)]

mod broker;
mod device;
mod event;
mod faults;
mod invariants;
mod operator;
mod plan;
mod registry;
mod report;
mod run;
mod sabotage;
mod server;
mod world;

pub use faults::FaultKind;
pub use invariants::Invariant;
pub use report::{Ending, Report, Summary, Violation};
pub use run::{run, run_sabotaged, simulate};
pub use sabotage::Sabotage;
