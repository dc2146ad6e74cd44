//! X.509: CSRs, certificates with their chains, key files, and proofs.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use perennial_core::{
    ids::{Digest, RotationId, ThingName},
    message::{Proof, ProofKind},
    time::Timestamp,
};
use perennial_pki::{
    CsrDer, Expectation, PublicKey, certificates_from_pem, check_device_certificate, facts, notes,
    public_key, read_crl, verify_proof,
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A CSR in DER, or in PEM.
pub(crate) fn csr(input: &[u8]) {
    let pem = str::from_utf8(input).ok().and_then(|text| CsrDer::from_pem(text).ok());
    let der = CsrDer::from_der(input.to_vec()).ok();
    for csr in pem.into_iter().chain(der) {
        let again = CsrDer::from_pem(&csr.to_pem());
        // PEM is a third longer: what fits in DER may not fit in it.
        assert!(again.is_err() || again.as_ref() == Ok(&csr));
        let anybody = csr.clone().verify(&Expectation { common_name: None });
        let pump = csr.verify(&Expectation { common_name: Some("pump-1") });
        if pump.is_ok() {
            assert!(anybody.is_ok());
        }
    }
}

/// A certificate in DER; or in PEM, with its chain behind it. The chain's last is the anchor, and
/// the key is the certificate's own: what damage there is is behind those checks.
pub(crate) fn certificate(input: &[u8]) {
    // All must come back; that they may refuse is the point of them.
    let (_, _, _) = (facts(input), public_key(input), notes(input));
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(all) = certificates_from_pem(text) else { return };
    let (Some(leaf), Some(anchor)) = (all.first(), all.last()) else { return };
    let (Ok(key), Ok(thing)) = (public_key(leaf), ThingName::new("pump-1")) else { return };
    let (leaf_pem, chain_pem) = match text.match_indices("-----BEGIN").nth(1) {
        Some((at, _)) => text.split_at(at),
        None => (text, ""),
    };

    let anchors = [anchor.clone()];
    let checked = check_device_certificate(leaf_pem, chain_pem, &anchors, &key, &thing, NOW);

    if let Ok(checked) = checked {
        assert!(checked.validity.contains(NOW));
        assert_eq!(Ok(checked.certificate_id), facts(leaf).map(|facts| facts.certificate_id));
    }
}

/// What a key file holds.
pub(crate) fn key_file(input: &[u8]) {
    let Ok(key) = perennial_pki::fuzzing::read_key(input) else { return };
    let public = key.public_key();
    assert_eq!(PublicKey::from_spki(public.spki()).as_ref(), Ok(public));
}

/// An authority's certificate, its length in front in two octets, and a revocation list.
pub(crate) fn crl(input: &[u8]) {
    let Some((authority, list)) = cut_at_length(input) else { return };
    // Without an authority that is known nobody is believed.
    assert!(read_crl(list, &[]).is_err());
    let believed = read_crl(list, &[authority]);
    assert_eq!(believed.is_ok(), read_crl(list, &[&[], authority]).is_ok());
}

/// A SubjectPublicKeyInfo, its length in front in two octets, and a proof: as text, or as the
/// octets of the signature.
pub(crate) fn proof(input: &[u8]) {
    let Some((spki, signature)) = cut_at_length(input) else { return };
    let Ok(key) = PublicKey::from_spki(spki) else { return };
    let text = str::from_utf8(signature).ok().map(str::to_owned);
    for proof in text.into_iter().chain([STANDARD.encode(signature)]).map(Proof) {
        for kind in [ProofKind::Continuity, ProofKind::Possession] {
            let (rotation, subject) =
                (RotationId::from_bytes([1; 16]), Digest::from_bytes([2; 32]));
            // Only the seeds' own signature is good, and only for possession.
            let good = verify_proof(&key, &proof, kind, &rotation, &subject).is_ok();
            assert!(!(good && kind == ProofKind::Continuity));
        }
    }
}

/// Two parts, the first one's length in front in two octets.
fn cut_at_length(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk::<2>()?;
    Some(rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len())))
}
