//! Writing a file whole or not at all, for good, and never over another.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteNewError {
    /// There is a file already.
    #[error("{path} exists already and is not overwritten; move it away first")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{path} cannot be written: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

/// Writes `contents` to the new file `path` with `mode`, durable when this returns.
///
/// A crash leaves either the whole file or none, at worst with a `.new` file
/// beside it that the next attempt or [`remove_leftover`] removes.
pub(crate) fn write_new(path: &Path, contents: &[u8], mode: u32) -> Result<(), WriteNewError> {
    let temporary = temporary(path);
    let written = write_durably(&temporary, contents, mode).and_then(|()| place(&temporary, path));
    // Placing links the file a second time, so the first name goes in any case.
    let _gone = fs::remove_file(&temporary);
    written.and_then(|()| sync_folder(path)).map_err(|source| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::AlreadyExists {
            WriteNewError::Exists { path }
        } else {
            WriteNewError::Io { path, source }
        }
    })
}

/// Removes what a crash during [`write_new`] left beside `path`: a torn file, or a second name of
/// the whole one, under which a key would stay when its file is moved away.
pub(crate) fn remove_leftover(path: &Path) -> io::Result<()> {
    match fs::remove_file(temporary(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Err(_) | Ok(()) => Ok(()),
    }
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn write_durably(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let _stale = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// Gives the file its name, failing when the name is taken.
///
/// A hard link does so in one step; where the file system has none (FAT), look and rename.
fn place(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if path.try_exists()? => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(temporary, path),
        Ok(()) => Ok(()),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
