//! A registry that is gone: a server that starts with an empty one lets no device in.

use std::path::{Path, PathBuf};

use tracing::warn;

use crate::credentials_path;

/// A data folder without its database.
#[derive(Debug, thiserror::Error)]
#[error(
    "the data folder {} is that of a server, since it has admin/credentials, but perennial.db is gone: \
     bring it back from a backup. To begin with an empty registry, in which no device is known, \
     start once with --empty-registry", .0.display()
)]
pub struct LostRegistry(PathBuf);

/// Refuses a folder in which a server ran and whose database is gone.
///
/// # Errors
/// [`LostRegistry`]. A folder with nothing but a CA may be a first start with a CA that was brought:
/// that is only told.
pub fn check_registry(data: &Path) -> Result<(), LostRegistry> {
    if data.join("perennial.db").exists() {
        return Ok(());
    }
    if credentials_path(data).exists() {
        return Err(LostRegistry(data.to_owned()));
    }
    if data.join("ca").join("issuing.pem").exists() {
        warn!("there is a CA and no registry: what this CA issued before is not known here");
    }
    Ok(())
}
