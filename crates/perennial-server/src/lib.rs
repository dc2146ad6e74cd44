//! The server as a library: what the binary, the demo and the stories are made of.
#![warn(missing_docs)]

mod adapter;
mod config;
mod server;
mod server_certificate;

pub use config::{Config, ConfigError};
pub use server::{DEVICE_POLICY, Server};
