//! An MQTT 3.1.1 and 5 broker over mutual TLS: it knows principals, policies and topics, and nothing of rotations.
//!
//! [`Broker::bind`] opens the port, [`Broker::run`] serves it, and a [`BrokerHandle`] lets the
//! rest of the process publish, subscribe, watch presence and report that principals changed.
//!
//! What it does not do, on purpose: QoS 2 (MQTT 5 is told so, a 3.1.1 subscription is granted
//! QoS 1, a QoS 2 publish ends the connection), shared subscriptions, subscription identifiers,
//! inbound topic aliases. Sessions and retained messages are kept in memory only.
#![warn(missing_docs)]

mod acks;
mod admission;
mod authorise;
mod basis;
mod connection;
mod core;
mod counters;
mod device_log;
mod end;
mod expiry;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod handle;
mod handshake;
mod https;
mod identity;
mod inprocess;
mod judge;
mod link;
mod listener;
mod message;
mod observer;
mod presence;
mod principal;
mod publication;
mod retained;
mod route;
mod seat;
mod session;
mod sessions;
mod settings;
mod subscriptions;
mod verifier;
mod waiting;
mod will;
mod wire;

pub use basis::{Basis, Source};
pub use counters::{Counters, Drops};
pub use device_log::{DeviceLog, NoDeviceLog};
pub use end::DisconnectReason;
pub use handle::{BrokerHandle, Disconnection, SessionView};
pub use https::https_config;
pub use identity::{AnchorError, ServerIdentity, TrustAnchors, TrustedIssuer};
pub use inprocess::{Ack, Inbound, Subscription};
pub use listener::{BindError, Broker};
pub use message::{Delivery, Outgoing, Qos};
pub use observer::{Observer, Published};
pub use presence::Presence;
pub use principal::{
    Clock, ConnectedThing, Grace, Introduction, LookupFailed, Principal, Principals,
};
pub use publication::{Properties, Publication, PublishRefused, RetainedMessage};
pub use settings::{Limits, Settings, TlsVersion};
