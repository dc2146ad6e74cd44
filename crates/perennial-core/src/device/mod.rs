//! The device's side of a rotation: what is on its disk, and one total function from (machine,
//! input) to (machine, commands).
//!
//! ```text
//! Steady → AwaitingCertificate → Trying → Acknowledging → (RunningHook → ReportingHook →) Steady
//!                    └──────────────┴───────────┴→ Reporting → Steady
//! ```
//!
//! A certified credential is never forgotten before the next one has come: the server may have
//! decided for it, and the device cannot know.
//!
//! What is durable ([`Device`]) is one document, so a promotion is one rename of one file: slots
//! and state change together or not at all. The driver writes it before it carries out a command.
//! What cannot be written is not so: [`unkept`] says what to do then.
//! The machine needs no clock; random draws come with the inputs.

mod certifying;
mod command;
mod connecting;
mod dialing;
mod finishing;
mod input;
mod reporting;
mod requesting;
mod slots;
mod state;
mod step;
mod timing;
mod trial;
mod unkept;

pub use command::Command;
pub use input::{Checked, ConnectFailure, Input};
pub use slots::{Generation, Slot, Slots};
pub use state::{Device, Link, Machine, State};
pub use step::{Ignored, Note, Step, step};
pub use timing::Timing;
pub use unkept::unkept;
