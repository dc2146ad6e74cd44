//! The way to the server: MQTT 5 over mutual TLS 1.3, on the broker's own codec.

mod dial;
mod failure;
mod session;
mod tls;
mod wire;

pub(crate) use dial::{Address, dial};
pub(crate) use failure::{DialFailure, Why};
pub(crate) use session::{Ended, Incoming, Session};
pub(crate) use tls::client_config;
