//! Signatures that verified before: a device meets the same few authorities in every handshake.
//!
//! Whether a signature verifies never changes, so one that did is known again by the SHA-256 of
//! algorithm, key, message and signature. Everything else about a path (times, names, usages,
//! trust) is judged anew each time.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use webpki::aws_lc_rs as algorithms;

/// How many signatures are remembered: the paths of a few servers and of the device itself.
const REMEMBERED: usize = 16;

/// The algorithms of certificate paths, with memory. For paths alone: a handshake's own signatures
/// never come again.
pub static PATH_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    &EC[0], &EC[1], &EC[2], &EC[3], &EC[4], &EC[5], &EC[6], &EC[7], &EC[8], &EC[9], &RSA[0],
    &RSA[1], &RSA[2], &RSA[3], &RSA[4], &RSA[5], &RSA[6], &RSA[7], &RSA[8], &ML_DSA[0], &ML_DSA[1],
    &ML_DSA[2],
];

static EC: [Remembering; 10] = [
    Remembering::new(algorithms::ECDSA_P256_SHA256),
    Remembering::new(algorithms::ECDSA_P256_SHA384),
    Remembering::new(algorithms::ECDSA_P256_SHA512),
    Remembering::new(algorithms::ECDSA_P384_SHA256),
    Remembering::new(algorithms::ECDSA_P384_SHA384),
    Remembering::new(algorithms::ECDSA_P384_SHA512),
    Remembering::new(algorithms::ECDSA_P521_SHA256),
    Remembering::new(algorithms::ECDSA_P521_SHA384),
    Remembering::new(algorithms::ECDSA_P521_SHA512),
    Remembering::new(algorithms::ED25519),
];

static RSA: [Remembering; 9] = [
    Remembering::new(algorithms::RSA_PKCS1_2048_8192_SHA256),
    Remembering::new(algorithms::RSA_PKCS1_2048_8192_SHA384),
    Remembering::new(algorithms::RSA_PKCS1_2048_8192_SHA512),
    Remembering::new(algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS),
    Remembering::new(algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS),
    Remembering::new(algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS),
    Remembering::new(algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
    Remembering::new(algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY),
    Remembering::new(algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY),
];

static ML_DSA: [Remembering; 3] = [
    Remembering::new(algorithms::ML_DSA_44),
    Remembering::new(algorithms::ML_DSA_65),
    Remembering::new(algorithms::ML_DSA_87),
];

static MEMORY: Memory = Memory::new();

/// An algorithm that remembers what verified.
struct Remembering {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    memory: &'static Memory,
}

impl Remembering {
    const fn new(algorithm: &'static dyn SignatureVerificationAlgorithm) -> Self {
        Self { algorithm, memory: &MEMORY }
    }
}

impl fmt::Debug for Remembering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.algorithm.fmt(f)
    }
}

impl SignatureVerificationAlgorithm for Remembering {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }

    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let (key_id, signature_id) = (self.public_key_alg_id(), self.signature_alg_id());
        let digest =
            digest_of(&[key_id.as_ref(), signature_id.as_ref(), public_key, message, signature]);
        if self.memory.holds(&digest) {
            return Ok(());
        }
        self.algorithm.verify_signature(public_key, message, signature)?;
        self.memory.keep(digest);
        Ok(())
    }

    fn fips(&self) -> bool {
        self.algorithm.fips()
    }
}

type Digest = [u8; 32];

/// SHA-256 over the parts, each behind its length, so that no two lists of parts run together.
fn digest_of(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// The latest used first.
struct Memory(Mutex<Vec<Digest>>);

impl Memory {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn holds(&self, digest: &Digest) -> bool {
        // A panic elsewhere leaves the list whole: each change of it is one call.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = known.iter().position(|it| it == digest);
        if let Some(used) = place.and_then(|place| known.get_mut(..=place)) {
            used.rotate_right(1);
        }
        place.is_some()
    }

    fn keep(&self, digest: Digest) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.truncate(REMEMBERED - 1);
        known.insert(0, digest);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Counting(AtomicUsize);

    impl SignatureVerificationAlgorithm for Counting {
        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            algorithms::ECDSA_P256_SHA256.public_key_alg_id()
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            algorithms::ECDSA_P256_SHA256.signature_alg_id()
        }

        fn verify_signature(&self, _: &[u8], _: &[u8], sig: &[u8]) -> Result<(), InvalidSignature> {
            self.0.fetch_add(1, Ordering::SeqCst);
            if sig.starts_with(b"bad") { Err(InvalidSignature) } else { Ok(()) }
        }
    }

    #[test]
    fn only_what_verified_is_not_verified_again() {
        static INNER: Counting = Counting(AtomicUsize::new(0));
        static OWN: Memory = Memory::new();
        let algorithm = Remembering { algorithm: &INNER, memory: &OWN };

        let answers = [b"good", b"good", b"bad.", b"bad.", b"good"]
            .map(|signature| algorithm.verify_signature(b"key", b"message", signature).is_ok());
        let other_key = algorithm.verify_signature(b"keym", b"essage", b"good");

        assert_eq!(answers, [true, true, false, false, true]);
        assert!(other_key.is_ok());
        assert_eq!(INNER.0.load(Ordering::SeqCst), 1 + 2 + 1);
    }

    #[test]
    fn what_is_used_again_and_again_outlives_what_is_met_once() {
        let memory = Memory::new();
        memory.keep([255; 32]);

        for met_once in 0..100 {
            memory.keep([met_once; 32]);
            assert!(memory.holds(&[255; 32]));
        }

        assert!(!memory.holds(&[0; 32]));
        assert_eq!(memory.0.lock().unwrap().len(), REMEMBERED);
    }

    #[test]
    fn every_algorithm_that_tls_takes_for_paths_is_there() {
        let ids = |list: &[&dyn SignatureVerificationAlgorithm]| -> Vec<_> {
            list.iter().map(|it| (it.public_key_alg_id(), it.signature_alg_id())).collect()
        };
        let tls = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;

        let ours = ids(PATH_ALGORITHMS);

        let missing: Vec<_> = ids(tls.all).into_iter().filter(|it| !ours.contains(it)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
