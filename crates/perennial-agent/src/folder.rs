//! The data folder: where everything lies, who holds it, and what is in it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use perennial_core::device::Generation;

use crate::{
    disk::{Disk, DiskError, read_text},
    document::{Document, DocumentError},
    keystore::KEY,
};

/// The credential that a device is enrolled with.
pub(crate) const FIRST: Generation = Generation(1);

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file or folder cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The document cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Another agent runs on it.
    #[error("{} is in use by another agent: stop that one, or give this one a folder of its own", .0.display())]
    InUse(PathBuf),
    /// A key was made, and its certificate has not been brought.
    #[error("{} holds a key whose certificate is not there yet: have its CSR signed, then run `perennial-agent enroll` with --certificate and --ca", .0.display())]
    AwaitsCertificate(PathBuf),
    /// Nothing was enrolled.
    #[error("{} holds no device: run `perennial-agent enroll` first", .0.display())]
    NotEnrolled(PathBuf),
}

/// One device's data folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
    pub(crate) disk: Disk,
}

/// Held as long as an agent uses the folder.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "open as long as it is locked")] File);

impl Folder {
    pub(crate) fn new(root: &Path, disk: Disk) -> Self {
        Self { root: root.to_owned(), disk }
    }

    /// Makes the folder and the one for credentials.
    pub(crate) fn make(&self) -> Result<(), DiskError> {
        if let Some(parent) = self.root.parent() {
            fs::create_dir_all(parent).map_err(DiskError::io("make the folder", parent))?;
        }
        self.disk.make_folder(&self.root)?;
        self.disk.make_folder(&self.credentials())
    }

    /// Locks the folder for this process; warns when others may read it.
    pub(crate) fn lock(&self) -> Result<Lock, FolderError> {
        let path = self.root.join("lock");
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FolderError::NotEnrolled(self.root.clone()));
            }
            opened => opened.map_err(DiskError::io("open", &path))?,
        };
        self.warn_when_readable();
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse(self.root.clone())),
            Err(TryLockError::Error(error)) => Err(DiskError::io("lock", &path)(error).into()),
        }
    }

    fn warn_when_readable(&self) {
        let mode = fs::metadata(&self.root).map(|data| data.permissions().mode() & 0o777);
        if let Ok(mode) = mode
            && mode & 0o077 != 0
        {
            tracing::warn!(folder = %self.root.display(), mode = format!("{mode:o}"),
                "others may look into the data folder: chmod 700 it");
        }
    }

    pub(crate) fn document_path(&self) -> PathBuf {
        self.root.join("device.json")
    }

    pub(crate) fn read_document(&self) -> Result<Document, FolderError> {
        let path = self.document_path();
        let text = read_text(&path)?.ok_or_else(|| self.without_document())?;
        Ok(Document::parse(&text, path)?)
    }

    /// Why there is no document.
    fn without_document(&self) -> FolderError {
        let has_key = self.credential(FIRST).join(KEY).exists();
        let why = if has_key { FolderError::AwaitsCertificate } else { FolderError::NotEnrolled };
        why(self.root.clone())
    }

    pub(crate) fn write_document(&self, document: &Document) -> Result<(), DiskError> {
        let text = serde_json::to_vec_pretty(document).map_err(io::Error::other);
        let text = text.map_err(DiskError::io("write", &self.document_path()))?;
        self.disk.replace(&self.root, &[("device.json", &text)])
    }

    fn credentials(&self) -> PathBuf {
        self.root.join("credentials")
    }

    /// The folder of one credential.
    pub(crate) fn credential(&self, generation: Generation) -> PathBuf {
        self.credentials().join(generation.0.to_string())
    }

    /// A file of one credential; `None` when there is none.
    pub(crate) fn read(
        &self,
        generation: Generation,
        name: &str,
    ) -> Result<Option<String>, DiskError> {
        read_text(&self.credential(generation).join(name))
    }

    pub(crate) fn write(
        &self,
        generation: Generation,
        files: &[(&str, &[u8])],
    ) -> Result<(), DiskError> {
        let folder = self.credential(generation);
        if !folder.is_dir() {
            self.disk.make_folder(&folder)?;
        }
        self.disk.replace(&folder, files)
    }

    /// Every credential on the disk.
    pub(crate) fn generations(&self) -> Result<Vec<Generation>, DiskError> {
        let folder = self.credentials();
        let entries = fs::read_dir(&folder).map_err(DiskError::io("list", &folder))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.filter_map(|name| name.parse().ok()).map(Generation).collect())
    }
}
