//! Asking: one request to the server that has a data folder open.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
};

use super::{Answer, Request, SOCKET};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens.
    #[error(
        "no server answers in {folder}: {source}; start one with `perennial serve --data {folder}`"
    )]
    NoServer {
        /// The data folder.
        folder: String,
        /// Why.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the server went away before it answered: {0}")]
    Broken(#[from] io::Error),
    /// An answer this version does not know.
    #[error("the server's answer cannot be read: {0}; do both have the same version?")]
    Unreadable(#[from] serde_json::Error),
}

/// Asks the server of the data folder `data`.
///
/// # Errors
/// [`ControlError`] when no answer came; a refusal is an answer.
pub fn ask(request: &Request, data: &Path) -> Result<Answer, ControlError> {
    let folder = data.display().to_string();
    let mut stream = UnixStream::connect(data.join(SOCKET))
        .map_err(|source| ControlError::NoServer { folder, source })?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
