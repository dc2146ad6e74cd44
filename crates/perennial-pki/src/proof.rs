//! Proofs inside messages: a device shows which key speaks (design §5, core `message::Proof`).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use perennial_core::{
    ids::{Digest, RotationId},
    message::{Proof, ProofKind, proof_input},
};

use crate::{PublicKey, SignError, SigningKey};

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not base64.
    #[error("the proof is not base64 (RFC 4648 section 4, with padding)")]
    NotBase64,
    /// Not this key's signature over this rotation and subject.
    #[error("the proof is not a signature of the expected key over this rotation and subject")]
    WrongSignature,
}

/// Signs for `rotation_id` what `subject` is the SHA-256 of: the CSR's DER or the certificate's.
///
/// # Errors
/// [`SignError`] when the provider fails.
pub fn sign_proof(
    key: &SigningKey,
    kind: ProofKind,
    rotation_id: &RotationId,
    subject: &Digest,
) -> Result<Proof, SignError> {
    let octets = key.sign(&proof_input(kind, rotation_id, subject))?;
    Ok(Proof(STANDARD.encode(octets)))
}

/// Checks that `proof` was signed by `key`, with that key's own hash.
///
/// # Errors
/// [`ProofError`] says what is wrong with it.
pub fn verify_proof(
    key: &PublicKey,
    proof: &Proof,
    kind: ProofKind,
    rotation_id: &RotationId,
    subject: &Digest,
) -> Result<(), ProofError> {
    let octets = STANDARD.decode(&proof.0).map_err(|_| ProofError::NotBase64)?;
    let input = proof_input(kind, rotation_id, subject);
    match key.verifies(key.natural_hash(), &input, &octets) {
        Some(true) => Ok(()),
        Some(false) | None => Err(ProofError::WrongSignature),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROTATION: RotationId = RotationId::from_bytes([1; 16]);
    const SUBJECT: Digest = Digest::from_bytes([2; 32]);

    #[test]
    fn a_proof_is_good_for_its_key_kind_rotation_and_subject_only() {
        for key in [SigningKey::generate_p256().unwrap(), SigningKey::generate_p384().unwrap()] {
            let (kind, other) = (ProofKind::Possession, SigningKey::generate_p256().unwrap());

            let proof = sign_proof(&key, kind, &ROTATION, &SUBJECT).unwrap();

            let check = |key: &SigningKey, kind, rotation: [u8; 16], subject: [u8; 32]| {
                let (rotation, subject) =
                    (RotationId::from_bytes(rotation), Digest::from_bytes(subject));
                verify_proof(key.public_key(), &proof, kind, &rotation, &subject)
            };
            assert_eq!(check(&key, kind, [1; 16], [2; 32]), Ok(()));
            let wrong = Err(ProofError::WrongSignature);
            assert_eq!(check(&key, ProofKind::Continuity, [1; 16], [2; 32]), wrong);
            assert_eq!(check(&key, kind, [3; 16], [2; 32]), wrong);
            assert_eq!(check(&key, kind, [1; 16], [3; 32]), wrong);
            assert_eq!(check(&other, kind, [1; 16], [2; 32]), wrong);
        }
    }

    #[test]
    fn a_proof_that_is_not_base64_says_so() {
        let key = SigningKey::generate_p256().unwrap();

        let proof = Proof("*".to_owned());

        let checked =
            verify_proof(key.public_key(), &proof, ProofKind::Possession, &ROTATION, &SUBJECT);
        assert_eq!(checked, Err(ProofError::NotBase64));
    }
}
