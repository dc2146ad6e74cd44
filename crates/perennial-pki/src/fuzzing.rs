//! Fuzzing: the way to the key file's reader for octets that no file would hold.

use std::path::Path;

use crate::{LoadKeyError, SigningKey, key_file};

/// Reads a private key as if `octets` were a file's.
///
/// # Errors
/// [`LoadKeyError`] when there is no usable key in them.
pub fn read_key(octets: &[u8]) -> Result<SigningKey, LoadKeyError> {
    key_file::read(octets, Path::new("fuzzed.pem"))
}
