//! Topic rules at work: the messages that the broker lets in, what rules make of them, and its
//! delivery.
//!
//! A rule runs on its message's publisher's time: a statement and its templates cost a bounded
//! number of steps. What it makes is put into its action's queue, and everything that may take
//! long happens behind that: a slow endpoint delays nobody else. What cannot be delivered is told
//! to the rule's error action and kept as a dead letter.
#![warn(missing_docs)]

mod batching;
mod carrier;
mod confirmed;
mod delivering;
mod engine;
mod graveyard;
mod health;
mod live;
mod load;
mod noticing;
mod observing;
mod parcel;
mod queue;
mod replaying;
mod settings;
mod surroundings;

pub use carrier::{LambdaEndpoint, NoticeTopics, Signer, Undelivered};
pub use engine::{Parts, Rules};
pub use settings::Settings;
