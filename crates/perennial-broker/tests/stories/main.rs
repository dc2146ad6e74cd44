//! The broker over real TLS, as devices and the rest of the process meet it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "the parts that tests share fail by panicking, as tests do"
)]

mod admission;
mod client;
mod device_log;
mod flaws;
mod grace;
mod inside;
mod introductions;
mod mosquitto;
mod observing;
mod policies;
mod presence;
mod protocol;
mod publications;
mod sessions;
mod world;
