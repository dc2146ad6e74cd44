//! Signatures by others, on certificates and revocation lists: verified by the algorithms that a
//! handshake knows, so that what is registered is what can connect.

use webpki::ALL_VERIFICATION_ALGS;
use x509_parser::{
    asn1_rs::{BitString, ToDer as _},
    x509::{AlgorithmIdentifier, SubjectPublicKeyInfo},
};

use crate::der;

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SignatureProblem {
    /// Made by an algorithm that is not accepted, or that does not go with the key.
    Algorithm(String),
    /// Made by another key, or over something else.
    Invalid,
}

/// Verifies what `key` signed.
pub(crate) fn verify(
    message: &[u8],
    (algorithm, signature): (&AlgorithmIdentifier<'_>, &BitString<'_>),
    key: &SubjectPublicKeyInfo<'_>,
) -> Result<(), SignatureProblem> {
    let unknown = || SignatureProblem::Algorithm(algorithm.algorithm.to_id_string());
    let signed_by = identifier(algorithm).ok_or_else(unknown)?;
    let key_of = key_identifier(key.raw).ok_or_else(unknown)?;
    let known = ALL_VERIFICATION_ALGS.iter().find(|known| {
        known.signature_alg_id().as_ref() == signed_by
            && known.public_key_alg_id().as_ref() == key_of
    });
    let verified = known.ok_or_else(unknown)?.verify_signature(
        &key.subject_public_key.data,
        message,
        &signature.data,
    );
    verified.map_err(|_| SignatureProblem::Invalid)
}

/// What is inside of an AlgorithmIdentifier, in DER.
fn identifier(algorithm: &AlgorithmIdentifier<'_>) -> Option<Vec<u8>> {
    let mut inside = algorithm.algorithm.to_der_vec().ok()?;
    if let Some(parameters) = &algorithm.parameters {
        inside.extend(parameters.to_der_vec().ok()?);
    }
    Some(inside)
}

/// The same of a key's.
fn key_identifier(spki: &[u8]) -> Option<&[u8]> {
    let mut parts = der::only(spki, der::SEQUENCE).ok()?.inside();
    parts.expect(der::SEQUENCE).ok().map(|algorithm| algorithm.content)
}
