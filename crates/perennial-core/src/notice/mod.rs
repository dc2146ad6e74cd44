//! What people are told: facts are folded into notices, each told once, updated at growing spans,
//! escalated when nobody acknowledges it, and closed.
//!
//! ```text
//!          fact          loud again            nobody acknowledged
//!   none ───────→ Held ─────────────→ AwaitingAck ─────────────→ Escalated
//!                  │                       │  └──→ Acknowledged ←──┘ │
//!                  │                       └────────────┬────────────┘
//!                  └──→ Closed ←────────────────────────┘ nothing more happened
//! ```
//!
//! There is one notice for each [`FoldKey`] while it is open, whatever the number of devices: its
//! size is bounded, and so is the number of fold keys.

mod attempts;
mod command;
mod days;
mod delivery;
mod fact;
mod health;
mod input;
mod kind;
mod message;
mod quiet;
mod rules;
mod sample;
mod severity;
mod state;
mod step;
mod topic;
mod zone;

pub use attempts::Attempts;
pub use command::{Command, Occasion, Recipient};
pub use days::Days;
pub use delivery::{Redelivery, Verdict};
pub use fact::{Fact, FactKey, FoldKey};
pub use health::{Health, Turn};
pub use input::Input;
pub use kind::Kind;
pub use message::Message;
pub use quiet::{QuietError, QuietHours};
pub use rules::{Rules, RulesError};
pub use sample::{Sample, Sampled};
pub use severity::Severity;
pub use state::{Acknowledgement, Closing, Notice, State, Told};
pub use step::{Ignored, Note, Step, step};
pub use topic::{NOTICES, kind_of_topic, notice_topic};
pub use zone::{Zone, ZoneError};
