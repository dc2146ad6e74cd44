//! A full disk, told with its folder: SQLite and the system only say that there is no room.

use std::{io, path::Path};

use perennial_store::{OpenError, StoreError};

/// The error that kept a server from starting, with what to do if the disk is full.
pub(crate) fn explained(error: anyhow::Error, data: &Path) -> anyhow::Error {
    if !error.chain().any(is_full) {
        return error;
    }
    let folder = data.display();
    error.context(format!(
        "the data folder {folder} cannot be used: its disk is full; make room there and start again"
    ))
}

fn is_full(cause: &(dyn std::error::Error + 'static)) -> bool {
    let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    cause.downcast_ref::<StoreError>().is_some_and(StoreError::is_disk_full)
        || cause.downcast_ref::<OpenError>().is_some_and(OpenError::is_disk_full)
        || io == Some(io::ErrorKind::StorageFull)
}
