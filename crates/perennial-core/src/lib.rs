//! The law of Perennial: pure, synchronous decisions with no clock, randomness or I/O.
//!
//! Facts come in, commands go out. Adapters gather the facts (`now` and random draws among
//! them) and carry out the commands; nothing here touches a socket, a file or a key.
#![warn(missing_docs)]

pub mod access;
pub mod allowance;
pub mod audit;
pub mod bucket;
mod calendar;
pub mod causes;
pub mod certificate;
pub mod device;
pub mod ids;
pub mod logging;
pub mod message;
pub mod network;
pub mod notice;
pub mod notice_topic;
pub mod policy;
pub mod printable;
pub mod provisioning;
pub mod registry;
pub mod rotation;
pub mod rule;
pub mod search;
pub mod time;
pub mod topic;
