//! What audits read of certificates and revocation lists, on what rcgen and openssl write.
#![expect(clippy::unwrap_used, reason = "a test's own helpers fail the test")]

use std::process::Command;

use perennial_core::{
    audit::{Blocklist, ReasonCode, revocation::SerialNumber},
    certificate::CertificateStatus,
    time::Timestamp,
};
use perennial_pki::{CrlError, authority_facts, notes, read_crl};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber as Serial,
    date_time_ymd,
};

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(Serial::from(vec![0, 0x81, 7]));
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn list(issuer: &CertifiedIssuer<'static, KeyPair>) -> rcgen::CertificateRevocationList {
    let revoked = RevokedCertParams {
        serial_number: Serial::from(vec![0x81, 7]),
        revocation_time: date_time_ymd(2026, 1, 2),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 3),
        next_update: date_time_ymd(2026, 2, 3),
        crl_number: Serial::from(1u64),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap()
}

#[test]
fn a_signed_list_is_read_in_der_and_pem_and_names_certificates_as_notes_do() {
    let issuer = authority("Ours");
    let list = list(&issuer);

    let from_der = read_crl(list.der(), &[issuer.der()]).unwrap();
    let from_pem = read_crl(list.pem().unwrap().as_bytes(), &[issuer.der()]).unwrap();

    let facts = authority_facts(issuer.der(), CertificateStatus::Active, None).unwrap();
    let notes = notes(issuer.der()).unwrap();
    assert_eq!(from_der, from_pem);
    assert_eq!(from_der.issuer, facts.subject_digest);
    assert_eq!(from_der.entries[0].serial, SerialNumber::new(&[0x81, 7]));
    assert_eq!(
        (facts.serial, notes.serial.clone()),
        (notes.serial, from_der.entries[0].serial.clone())
    );
    assert_eq!(from_der.entries[0].revoked_at, Timestamp::from_secs(1_767_312_000));
}

#[test]
fn a_list_that_nobody_known_signed_is_not_believed() {
    let (ours, namesake, other) = (authority("Ours"), authority("Ours"), authority("Other"));
    let list = list(&ours);
    let mut broken = list.der().to_vec();
    let middle = broken.len() - 20;
    broken[middle] ^= 1;

    for (octets, authorities) in [
        (list.der().to_vec(), vec![namesake.der().as_ref(), other.der()]),
        (broken, vec![ours.der().as_ref()]),
        (list.der().to_vec(), vec![]),
    ] {
        let refused = read_crl(&octets, &authorities);

        assert!(matches!(refused, Err(CrlError::Unsigned { .. })), "{refused:?}");
    }
    assert!(matches!(read_crl(b"no list", &[]), Err(CrlError::Malformed { .. })));
}

fn openssl(arguments: &[&str], folder: &std::path::Path) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_rsa_key_has_the_print_that_openssl_blacklists_would_know_it_by() {
    let folder = tempfile::tempdir().unwrap();
    let request = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "c", "-subj",
        "/CN=rsa", "-days", "1",
    ];
    openssl(&request, folder.path());
    openssl(&["x509", "-in", "c", "-noout", "-modulus", "-out", "modulus"], folder.path());
    let digest = openssl(&["dgst", "-sha1", "-r", "modulus"], folder.path());
    let der = openssl(&["x509", "-in", "c"], folder.path());
    let der = perennial_pki::certificates_from_pem(&der).unwrap().remove(0);

    let quality = notes(&der).unwrap().key;

    let mut listed = Blocklist::default();
    listed.add(&digest[20..40]).unwrap();
    assert_eq!(quality.weakness(&listed), Some(ReasonCode::KeyVulnerabilityDebian));
    assert_eq!(quality.weakness(&Blocklist::default()), None);
}

#[test]
fn an_ec_key_has_no_print() {
    let key = notes(authority("Ours").der()).unwrap().key;

    assert_eq!((key.roca, key.print), (false, None));
}
