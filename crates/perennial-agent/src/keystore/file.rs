//! Keys in files of mode 0600, one folder a generation, each read once.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use perennial_core::{
    device::Generation,
    ids::{Digest, RotationId},
    message::{Proof, ProofKind},
};
use perennial_pki::{CsrDer, PublicKey, SigningKey, sign_proof};

use super::{KeyError, KeyStore};
use crate::folder::Folder;

pub(crate) const KEY: &str = "key.pem";
pub(crate) const CSR: &str = "csr.pem";

/// The key store that needs nothing but a file system.
#[derive(Debug)]
pub(crate) struct FileKeyStore {
    folder: Folder,
    /// What was read or written: a rotation needs each of its keys several times.
    loaded: Mutex<BTreeMap<Generation, SigningKey>>,
}

impl FileKeyStore {
    pub(crate) fn new(folder: Folder) -> Self {
        Self { folder, loaded: Mutex::default() }
    }

    fn path(&self, generation: Generation) -> PathBuf {
        self.folder.credential(generation).join(KEY)
    }

    fn load(&self, generation: Generation) -> Result<SigningKey, KeyError> {
        if let Some(key) = self.loaded().get(&generation) {
            return Ok(key.clone());
        }
        let key = SigningKey::load(&self.path(generation))?;
        self.loaded().insert(generation, key.clone());
        Ok(key)
    }

    fn loaded(&self) -> MutexGuard<'_, BTreeMap<Generation, SigningKey>> {
        // A panic elsewhere leaves the map whole: each change of it is one call.
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyStore for FileKeyStore {
    fn ensure_key(
        &self,
        generation: Generation,
        copy_of: Option<Generation>,
    ) -> Result<(), KeyError> {
        let path = self.path(generation);
        if path.exists() {
            return self.load(generation).map(|_| ());
        }
        let key = match copy_of {
            Some(original) => self.load(original)?,
            None => SigningKey::generate_p256()?,
        };
        self.folder.disk.make_folder(&self.folder.credential(generation))?;
        key.write_new(&path)?;
        self.loaded().insert(generation, key);
        Ok(())
    }

    fn csr(&self, generation: Generation, common_name: &str) -> Result<String, KeyError> {
        let kept = self.folder.read(generation, CSR)?;
        if let Some(kept) = kept.filter(|kept| CsrDer::from_pem(kept).is_ok()) {
            return Ok(kept);
        }
        let csr = self.load(generation)?.certificate_request(common_name)?.to_pem();
        self.folder.write(generation, &[(CSR, csr.as_bytes())])?;
        Ok(csr)
    }

    fn csr_digest(&self, generation: Generation) -> Option<Digest> {
        let pem = self.folder.read(generation, CSR).ok().flatten()?;
        let mut digest = [0; 32];
        digest.copy_from_slice(
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, pem.as_bytes()).as_ref(),
        );
        Some(Digest::from_bytes(digest))
    }

    fn public_key(&self, generation: Generation) -> Result<PublicKey, KeyError> {
        Ok(self.load(generation)?.public_key().clone())
    }

    fn tls_key(
        &self,
        generation: Generation,
    ) -> Result<Arc<dyn rustls::sign::SigningKey>, KeyError> {
        Ok(self.load(generation)?.to_rustls())
    }

    fn prove(
        &self,
        generation: Generation,
        kind: ProofKind,
        rotation_id: &RotationId,
        subject: &Digest,
    ) -> Result<Proof, KeyError> {
        Ok(sign_proof(&self.load(generation)?, kind, rotation_id, subject)?)
    }

    fn forget(&self, generation: Generation) -> Result<(), KeyError> {
        self.loaded().remove(&generation);
        Ok(self.folder.disk.remove_folder(&self.folder.credential(generation))?)
    }

    fn generations(&self) -> Result<Vec<Generation>, KeyError> {
        Ok(self.folder.generations()?)
    }
}
