//! Exposed: files of the data folder that others may read, closed to everybody at start.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tracing::warn;

/// What nobody but the server's user may read; the folder itself first.
const SECRET: [&str; 11] = [
    "",
    "ca",
    "ca/root.key",
    "ca/issuing.key",
    "perennial.db",
    "perennial.db-wal",
    "perennial.db-shm",
    "admin",
    "admin/credentials",
    "sns/signing-key.pem",
    "notice-links.key",
];
const EVERYBODY: u32 = 0o007;
const GROUP: u32 = 0o070;

/// Takes from everybody what is the server's alone. What a group may do is told and left: that is
/// how containers share a volume, and somebody gave it.
pub(crate) fn close_exposed(data: &Path) {
    for (path, mode) in exposed(data) {
        let shown = path.display();
        if mode & EVERYBODY != 0 {
            match close(&path, mode) {
                Ok(()) => warn!(path = %shown, "everybody could read this: closed to others now"),
                Err(error) => warn!(
                    path = %shown, %error,
                    "everybody may read this, and this user cannot change that: `chmod o= {shown}`"
                ),
            }
        }
        if mode & GROUP != 0 {
            warn!(path = %shown, "its group may read this: `chmod g= {shown}` unless that is meant");
        }
    }
}

fn close(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode & !EVERYBODY & 0o7777))
}

fn exposed(data: &Path) -> Vec<(PathBuf, u32)> {
    let paths =
        SECRET.iter().map(|name| if name.is_empty() { data.to_owned() } else { data.join(name) });
    let with_mode = |path: PathBuf| {
        // A link's own target may be anything: it is not ours to change.
        let found = fs::symlink_metadata(&path).ok().filter(|found| !found.is_symlink())?;
        Some((path, found.permissions().mode()))
    };
    paths.filter_map(with_mode).filter(|(_, mode)| mode & (EVERYBODY | GROUP) != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_may_read_is_closed_and_what_a_group_may_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        fs::create_dir(data.join("ca")).unwrap();
        let files = [
            ("ca/issuing.key", 0o644, 0o640),
            ("perennial.db", 0o660, 0o660),
            ("ca", 0o700, 0o700),
            ("", 0o755, 0o750),
        ];
        for (name, mode, _) in files {
            let path = data.join(name);
            if !path.exists() {
                fs::write(&path, "").unwrap();
            }
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }

        let found: Vec<PathBuf> = exposed(data).into_iter().map(|(path, _)| path).collect();
        close_exposed(data);

        assert_eq!(found, [data.join(""), data.join("ca/issuing.key"), data.join("perennial.db")]);
        for (name, _, wanted) in files {
            let mode = fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, wanted, "{name}");
        }
    }
}
