//! Durable writing: temporary file, fsync, rename, fsync of the folder; never in place.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::faults::Faults;

/// A file or folder that could not be used as wanted.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The file system refused.
    #[error("cannot {doing} {}: {source}{}", path.display(), hint(source))]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A fault that a test asked for.
    #[error("the process crashed, as a test asked it to")]
    Crashed,
}

fn hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        "; make it readable and writable for the user that the agent runs as"
    } else if error.kind() == io::ErrorKind::StorageFull {
        "; make room there"
    } else {
        ""
    }
}

impl DiskError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// The file system, with each change of it a step that a test may crash before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    faults: Faults,
}

impl Disk {
    pub(crate) fn new(faults: Faults) -> Self {
        Self { faults }
    }

    fn step(&self) -> Result<(), DiskError> {
        if self.faults.crashes_on_disk() { Err(DiskError::Crashed) } else { Ok(()) }
    }

    /// A step that needs room.
    fn step_for(&self, doing: &'static str, path: &Path) -> Result<(), DiskError> {
        self.step()?;
        if self.faults.disk_is_full() {
            return Err(DiskError::io(doing, path)(io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }

    /// Makes `folder` (mode 0700) in a folder that exists, durably; one that is there is fine.
    pub(crate) fn make_folder(&self, folder: &Path) -> Result<(), DiskError> {
        self.step_for("make the folder", folder)?;
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(DiskError::io("make the folder", folder)(error)),
        }
        self.sync_folder(folder.parent().unwrap_or(Path::new("/")))
    }

    /// Replaces files of `folder` (mode 0600). Each is whole before or after a crash, and all are
    /// durable when this returns.
    pub(crate) fn replace(&self, folder: &Path, files: &[(&str, &[u8])]) -> Result<(), DiskError> {
        for (name, contents) in files {
            let temporary = folder.join(format!(".{name}.new"));
            self.step_for("write", &temporary)?;
            write_synced(&temporary, contents).map_err(DiskError::io("write", &temporary))?;
            self.step()?;
            let path = folder.join(name);
            fs::rename(&temporary, &path).map_err(DiskError::io("replace", &path))?;
        }
        self.sync_folder(folder)
    }

    /// Deletes `folder` and all in it; one that is gone is fine.
    pub(crate) fn remove_folder(&self, folder: &Path) -> Result<(), DiskError> {
        self.step()?;
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DiskError::io("delete the folder", folder)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn sync_folder(&self, folder: &Path) -> Result<(), DiskError> {
        self.step()?;
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(DiskError::io("make durable the folder", folder))
    }
}

fn write_synced(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// A file's text; `None` when there is no such file.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>, DiskError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiskError::io("read", path)(error)),
    }
}
