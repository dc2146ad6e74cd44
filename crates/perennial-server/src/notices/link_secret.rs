//! The secret that signs links: made at the first start, and kept in the data folder.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Context as _;

/// The file with it, as hexadecimal digits.
const FILE: &str = "notice-links.key";

/// The data folder's secret; made if there is none.
///
/// # Errors
/// When the file cannot be written, read or used.
pub(crate) fn link_secret(data: &Path) -> anyhow::Result<[u8; 32]> {
    let path = data.join(FILE);
    let mut secret = [0; 32];
    if path.try_exists().with_context(|| format!("{} cannot be looked for", path.display()))? {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        return match hex::decode_to_slice(text.trim_end(), &mut secret) {
            Ok(()) => Ok(secret),
            Err(_) => anyhow::bail!(
                "{} does not have 64 hexadecimal digits: delete it, and the next start makes \
                 another; links that were sent are void then",
                path.display()
            ),
        };
    }
    aws_lc_rs::rand::fill(&mut secret)
        .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    write(&path, &hex::encode(secret))
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(secret)
}

/// Writes the file whole or not at all; nobody else may read it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_stays_and_nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();

        let made = link_secret(folder.path()).unwrap();

        assert_eq!(link_secret(folder.path()).unwrap(), made);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(link_secret(other.path()).unwrap(), made);
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_torn_file_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "00ff").unwrap();

        let refused = link_secret(folder.path()).unwrap_err().to_string();

        assert!(refused.contains("delete it"), "{refused}");
    }
}
