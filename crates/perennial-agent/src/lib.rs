//! The device: keeps its credentials on disk, and rotates them when its server asks.
#![warn(missing_docs)]

mod clock;
mod config;
mod credential;
mod disk;
mod document;
mod driver;
mod enroll;
mod faults;
mod folder;
mod keystore;
mod link;
mod status;

pub use config::{Config, ConfigError, Hook};
pub use credential::CredentialError;
pub use disk::DiskError;
pub use document::{DocumentError, LastError};
pub use driver::{Agent, Event, Observer, OpenError, RunError};
pub use enroll::{EnrollError, Identity, IssuedBy, complete, install, request};
pub use faults::{CrashPoint, Faults, UnknownCrashPoint};
pub use folder::FolderError;
pub use keystore::{KeyError, KeyStore};
pub use status::{SlotStatus, Status, status};
