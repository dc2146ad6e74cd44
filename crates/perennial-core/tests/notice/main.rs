//! Notices: the reviewed table, what must always hold, and a few stories.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod matrix;
mod properties;
mod stories;
mod world;
