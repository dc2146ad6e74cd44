//! `device.json`: all that the device must remember, replaced as a whole so that a promotion is
//! one rename.

use std::path::PathBuf;

use perennial_core::{
    device::{Device, Generation},
    ids::ClientId,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// The layout this agent writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// The durable document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) format: u32,
    pub(crate) client_id: ClientId,
    pub(crate) device: Device,
    /// The subject that the server last asked for; the client id until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) common_name: Option<String>,
    /// The latest time heard from a server: milliseconds since the epoch.
    #[serde(default)]
    pub(crate) server_time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<LastError>,
    /// Why the server lets the device in no more, until it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<LastError>,
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// When it first went wrong that way.
    pub at: Timestamp,
    /// In words.
    pub text: String,
}

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not JSON of the right shape.
    #[error(
        "{} is damaged ({reason}); the keys beside it are untouched: restore the file from a \
         backup, or move the whole folder away and enroll again", path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// Written by a later agent.
    #[error("{} has format {found}; this agent reads {FORMAT}: install a newer agent", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Another device's.
    #[error("{} belongs to {found:?}, the configuration says {wanted:?}: correct one of them", path.display())]
    OtherClient {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        found: ClientId,
        /// Whose it should be.
        wanted: ClientId,
    },
}

impl Document {
    pub(crate) fn enrolled(client_id: ClientId, generation: Generation) -> Self {
        Self {
            format: FORMAT,
            client_id,
            device: Device::holding(generation),
            common_name: None,
            server_time: Timestamp::EPOCH,
            last_error: None,
            refused: None,
        }
    }

    pub(crate) fn parse(text: &str, path: PathBuf) -> Result<Self, DocumentError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        match serde_json::from_str::<Head>(text) {
            Ok(Head { format }) if format > FORMAT => {
                Err(DocumentError::Newer { path, found: format })
            }
            Ok(_) | Err(_) => serde_json::from_str(text)
                .map_err(|error| DocumentError::Damaged { path, reason: error.to_string() }),
        }
    }
}
