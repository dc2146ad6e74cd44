//! The ring: facts in, the core decides, commands out, their outcomes are facts again.
//!
//! ```text
//! inbox ─→ driver ─→ core::rotation::step ─→ one commit ─→ dispatcher ─→ ports ─→ outcome ─┐
//!            ▲                                                                             │
//!            └─────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The ring turns one way and in batches: one commit serves every rotation that a batch touches.
#![warn(missing_docs)]

mod awaited;
mod clock;
#[cfg(feature = "testing")]
pub mod conformance;
mod dispatcher;
mod driver;
#[cfg(feature = "testing")]
pub mod fakes;
mod history;
mod inbox;
mod opener;
mod payload;
pub mod port;
mod reading;
mod ring;
mod scheduler;
mod verbs;

pub use awaited::Awaiting;
pub use clock::SystemClock;
pub use inbox::{Hint, Intake, Recovery};
pub use ring::{Ports, Ring, Settings};
