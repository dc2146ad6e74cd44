//! The server as a library: what the binary, the demo and the stories are made of.
#![warn(missing_docs)]

mod adapter;
mod administrator;
mod audits;
mod aws_file;
mod aws_sns;
mod causes;
pub mod client;
mod config;
pub mod demo;
mod device_policy;
mod enrolment;
mod event_messages;
mod exposed;
mod full_disk;
mod held_up;
mod http;
mod lost_registry;
mod notice_topics;
mod notices;
mod rules;
mod server;
mod server_certificate;

pub use adapter::{AnchorsNotSet, DEVICE_LOG, LiveRegistry};
pub use administrator::{OfflineKey, config_path, credentials_path, make_key_offline};
pub use audits::AUDIT_TOPIC;
pub use causes::with_causes;
pub use config::{Config, ConfigError};
pub use device_policy::DEVICE_POLICY;
pub use enrolment::Certified;
pub use lost_registry::{LostRegistry, check_registry};
pub use notice_topics::{NoticeTopics, PublishError};
pub use perennial_api::Candidate;
pub use server::Server;
