//! The ring: facts in, the core decides, commands out, their outcomes are facts again.
#![warn(missing_docs)]

pub mod port;
