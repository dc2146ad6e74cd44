//! Exposed: files of the data folder that others may read, told at start.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use tracing::warn;

/// What nobody but the server's user may read.
const SECRET: [&str; 6] =
    ["", "ca", "ca/root.key", "ca/issuing.key", "perennial.db", "admin/credentials"];

/// Warns of what others may read. Nothing is changed: who opened it may have had a reason.
pub(crate) fn warn_of_exposed(data: &Path) {
    for path in exposed(data) {
        warn!(path = %path.display(), "others may read this: `chmod go= {}`", path.display());
    }
}

fn exposed(data: &Path) -> Vec<std::path::PathBuf> {
    let paths =
        SECRET.iter().map(|name| if name.is_empty() { data.to_owned() } else { data.join(name) });
    let is_open = |path: &std::path::PathBuf| {
        fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
    };
    paths.filter(is_open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_may_read_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        fs::create_dir(data.join("ca")).unwrap();
        fs::write(data.join("ca/issuing.key"), "").unwrap();
        fs::write(data.join("perennial.db"), "").unwrap();
        let set = |name: &str, mode| {
            fs::set_permissions(data.join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        for (name, mode) in [("ca", 0o700), ("ca/issuing.key", 0o644), ("perennial.db", 0o600)] {
            set(name, mode);
        }
        fs::set_permissions(data, fs::Permissions::from_mode(0o755)).unwrap();

        let found = exposed(data);

        assert_eq!(found, [data.to_owned(), data.join("ca/issuing.key")]);
    }
}
