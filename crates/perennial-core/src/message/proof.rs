//! Proofs: what a device signs to show, inside a message, which key speaks.

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, RotationId};

/// A signature in base64 (RFC 4648 §4): ECDSA as ASN.1 DER (RFC 3279 §2.2.3), RSA as PKCS#1 v1.5.
///
/// The hash follows the key: SHA-384 for P-384, SHA-512 for P-521, SHA-256 for every other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proof(pub String);

/// What a proof proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofKind {
    /// In `csr_res`, by the outgoing key over the CSR: the same device goes on.
    Continuity,
    /// In `crt_ack`, by the incoming key over the certificate: the device has its key.
    Possession,
}

impl ProofKind {
    const fn label(self) -> &'static str {
        match self {
            Self::Continuity => "csr_res",
            Self::Possession => "crt_ack",
        }
    }
}

/// The octets to sign: `"perennial/v1/" ‖ kind ‖ rotationId ‖ SHA-256(CSR or certificate DER)`,
/// with the kind as its topic's last level, the rotation id as its 16 octets and the digest as
/// its 32 octets.
pub fn proof_input(kind: ProofKind, rotation_id: &RotationId, subject: &Digest) -> Vec<u8> {
    let mut input = b"perennial/v1/".to_vec();
    input.extend_from_slice(kind.label().as_bytes());
    input.extend_from_slice(rotation_id.as_bytes());
    input.extend_from_slice(subject.as_bytes());
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_octets_are_the_protocols() {
        let rotation = RotationId::from_bytes([1; 16]);
        let digest = Digest::from_bytes([2; 32]);

        let input = proof_input(ProofKind::Possession, &rotation, &digest);

        let wanted = [&b"perennial/v1/crt_ack"[..], &[1; 16], &[2; 32]].concat();
        assert_eq!(input, wanted);
    }
}
