//! Where private keys live: a store makes them, signs with them and never shows them.

mod file;

use std::{fmt, sync::Arc};

use perennial_core::{
    device::Generation,
    ids::{Digest, RotationId},
    message::{ErrorCode, Proof, ProofKind},
};
use perennial_pki::{LoadKeyError, PublicKey, SignError, WriteNewError};

use crate::disk::DiskError;

pub(crate) use file::{FileKeyStore, KEY};

/// Why a key store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key's file or folder cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The key cannot be read.
    #[error(transparent)]
    Load(#[from] LoadKeyError),
    /// The key cannot be stored.
    #[error(transparent)]
    Write(#[from] WriteNewError),
    /// The key cannot sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl KeyError {
    /// What the server is told: whether it is the storage, which may have room again later, or
    /// the key.
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::Disk(_) | Self::Write(WriteNewError::Io { .. }) => ErrorCode::StorageFailed,
            Self::Load(_) | Self::Write(WriteNewError::Exists { .. }) | Self::Sign(_) => {
                ErrorCode::KeyFailed
            }
        }
    }
}

/// Private keys by generation. A hardware store may take long to sign: its TLS handshakes must
/// then be kept off the async workers; the file store signs in some 30 µs.
pub trait KeyStore: Send + Sync + fmt::Debug {
    /// Makes sure that `generation` has a durable key: a fresh one, or `copy_of`'s.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be made or stored; a key that was there stays.
    fn ensure_key(
        &self,
        generation: Generation,
        copy_of: Option<Generation>,
    ) -> Result<(), KeyError>;

    /// The generation's CSR in PEM (RFC 2986), the same one each time for the same name.
    ///
    /// # Errors
    /// [`KeyError`] when there is no key or it cannot sign.
    fn csr(&self, generation: Generation, common_name: &str) -> Result<String, KeyError>;

    /// SHA-256 of the CSR's PEM text, by which the server names it; `None` when there is no CSR.
    fn csr_digest(&self, generation: Generation) -> Option<Digest>;

    /// The generation's public key.
    ///
    /// # Errors
    /// [`KeyError`] when there is no key.
    fn public_key(&self, generation: Generation) -> Result<PublicKey, KeyError>;

    /// The key as rustls wants it.
    ///
    /// # Errors
    /// [`KeyError`] when there is no key.
    fn tls_key(
        &self,
        generation: Generation,
    ) -> Result<Arc<dyn rustls::sign::SigningKey>, KeyError>;

    /// A proof by the generation's key (docs/protocol.md).
    ///
    /// # Errors
    /// [`KeyError`] when there is no key or it cannot sign.
    fn prove(
        &self,
        generation: Generation,
        kind: ProofKind,
        rotation_id: &RotationId,
        subject: &Digest,
    ) -> Result<Proof, KeyError>;

    /// Deletes the generation, key, certificate and all.
    ///
    /// # Errors
    /// [`KeyError`] when it is still there afterwards.
    fn forget(&self, generation: Generation) -> Result<(), KeyError>;

    /// Every generation that the store has anything of.
    ///
    /// # Errors
    /// [`KeyError`] when the store cannot be listed.
    fn generations(&self) -> Result<Vec<Generation>, KeyError>;
}
