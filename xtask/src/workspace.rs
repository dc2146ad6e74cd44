//! Where the repository is, and its Rust files.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The folders that hold Rust of ours, relative to the root.
const SOURCE_FOLDERS: [&str; 5] = ["crates", "sim", "bench", "fuzz", "xtask"];

/// The repository's root folder.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace this xtask was built in.
    pub(crate) fn here() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .context("CARGO_MANIFEST_DIR is not set: run this as `cargo xtask …`")?;
        let root = Path::new(&manifest).parent().context("xtask has no folder above it")?;
        Ok(Self { root: root.to_path_buf() })
    }

    /// A path in the repository.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `path` as it is called inside the repository.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// Every Rust file of ours, sorted by path.
    pub(crate) fn rust_files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for folder in SOURCE_FOLDERS.map(|name| self.path(name)) {
            if folder.is_dir() {
                files.extend(rust_files_under(&folder)?);
            }
        }
        files.sort();
        Ok(files)
    }
}

/// Every `.rs` file below `folder`, build output left out.
///
/// # Errors
/// When a folder cannot be read.
pub(crate) fn rust_files_under(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![folder.to_path_buf()];
    while let Some(folder) = pending.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    Ok(files)
}
