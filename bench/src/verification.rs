//! V: one ECDSA P-256 verification, measured on as many keys as the work it is compared with has.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::Result;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
        Signature, UnparsedPublicKey,
    },
};

/// Different keys: a processor learns to foresee the branches of one that is repeated.
const KEYS: usize = 64;
/// Verifications that one figure stands for.
const ROUNDS: usize = 4_000;

/// One signature to be verified.
pub struct Verification {
    key: Vec<u8>,
    message: [u8; 256],
    signature: Signature,
}

impl Verification {
    /// A signature by a key of its own.
    ///
    /// # Errors
    /// When the library cannot make a key.
    pub fn begin() -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
        let message = [7; 256];
        let signature = pair.sign(&SystemRandom::new(), &message)?;
        Ok(Self { key: pair.public_key().as_ref().to_vec(), message, signature })
    }

    /// Verifies once, and tells how long that took.
    ///
    /// # Errors
    /// When the signature does not verify.
    pub fn run(&self) -> Result<Duration> {
        let begun = Instant::now();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.key);
        key.verify(black_box(&self.message), self.signature.as_ref())?;
        Ok(begun.elapsed())
    }

    /// V as the fastest and the median of many, in microseconds of one thread.
    ///
    /// # Errors
    /// When the library fails.
    pub fn floor_and_median() -> Result<(f64, f64)> {
        let keys = (0..KEYS).map(|_| Self::begin()).collect::<Result<Vec<_>>>()?;
        let mut times = Vec::with_capacity(ROUNDS);
        for round in 0..ROUNDS {
            times.push(keys[round % KEYS].run()?.as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        Ok((times[0], times[ROUNDS / 2]))
    }
}
