//! AWS IoT SQL as AWS documents it, and what must hold of every rule.
#![expect(clippy::unwrap_used, reason = "a test's own helpers fail the test")]

mod bounds;
mod documents;
mod errors;
mod functions;
mod loops;
mod properties;
mod statements;
mod surroundings;
mod templates;
