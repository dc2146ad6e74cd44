//! Certificates that no thing has yet, and keys made to be handed out, judged by `openssl`.

mod common;

use common::{ca, now, openssl};
use perennial_pki::{CsrDer, Expectation, HandedOutKey, Issued, Profile, Serial, SigningKey};

#[expect(clippy::unwrap_used, reason = "a test's own set-up")]
fn issue(ca: &common::Ca, csr: CsrDer) -> Issued {
    let verified = csr.verify(&Expectation::default()).unwrap();
    let serial = Serial::random().unwrap();
    ca.authority.issue_unattached(verified, &Profile::default(), serial, now()).unwrap()
}

#[test]
fn an_unattached_certificate_has_the_csrs_name_if_a_thing_may_have_it_and_no_uri() {
    let ca = ca();
    let path = ca.folder.path().join("leaf.pem");
    let key = SigningKey::generate_p256().unwrap();

    for (asked, given) in [("pump-1", "pump-1"), ("a b*", "Perennial IoT Certificate")] {
        let issued = issue(&ca, key.certificate_request(asked).unwrap());

        assert!(ca.openssl_verifies(&issued.pem(), "sslclient").contains("OK"));
        std::fs::write(&path, issued.pem()).unwrap();
        let text = openssl(&format!("x509 -noout -text -in {}", path.display()));
        assert!(text.contains(&format!("Subject: CN = {given}\n")), "{text}");
        assert!(text.contains("TLS Web Client Authentication"), "{text}");
        assert!(!text.contains("Alternative Name"), "{text}");
    }
}

#[test]
fn a_handed_out_key_is_an_rsa_key_that_openssl_reads_and_its_certificate_is_its_own() {
    let ca = ca();
    let key = HandedOutKey::generate().unwrap();
    let issued = issue(&ca, key.certificate_request().unwrap());
    let (private, leaf) = (ca.folder.path().join("key.pem"), ca.folder.path().join("leaf.pem"));

    let public = key.public_pem();
    std::fs::write(&private, &*key.into_private_pem()).unwrap();
    std::fs::write(&leaf, issued.pem()).unwrap();

    assert_eq!(openssl(&format!("rsa -pubout -in {}", private.display())), public);
    assert_eq!(openssl(&format!("x509 -noout -pubkey -in {}", leaf.display())), public);
    let text = openssl(&format!("rsa -noout -text -in {}", private.display()));
    assert!(text.starts_with("Private-Key: (2048 bit"), "{text}");
}
