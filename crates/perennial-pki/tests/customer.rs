//! The customer's own CA, as `openssl` makes it: what is registered and what is refused, and why.
#![allow(clippy::unwrap_used, reason = "test code outside of #[test]")]

mod common;

use common::{now, openssl_words};
use perennial_core::{
    ids::RegistrationCode,
    time::{Timestamp, days},
};
use perennial_pki::{
    RegistrationRefused, certificates_from_pem, check_alone, check_ca, check_of_ca,
    check_possession, issuer_digest,
};
use tempfile::TempDir;

const CODE: RegistrationCode = RegistrationCode::from_bytes([0xab; 32]);

const P256: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P521: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
const RSA: [&str; 2] = ["-newkey", "rsa:2048"];
const PSS: [&str; 4] = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];

/// CAs and devices of a customer, in files.
struct Customer(TempDir);

impl Customer {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Makes a key and a certificate, self-signed or by `issuer`; answers with its DER.
    fn make(&self, name: &str, common_name: &str, issuer: Option<&str>, ext: &[&str]) -> Vec<u8> {
        self.make_by(&P256, name, common_name, issuer, ext)
    }

    /// The same, with a key and a signature that `openssl req` is told of.
    fn make_by(
        &self,
        by: &[&str],
        name: &str,
        common_name: &str,
        issuer: Option<&str>,
        ext: &[&str],
    ) -> Vec<u8> {
        let (key, out) = (self.at(&format!("{name}.key")), self.at(&format!("{name}.pem")));
        let subject = format!("/CN={common_name}");
        let mut words = vec!["req", "-x509", "-nodes", "-days", "30", "-subj", &subject];
        words.extend(by);
        words.extend(["-keyout", &key, "-out", &out]);
        let files = issuer.map(|it| (self.at(&format!("{it}.pem")), self.at(&format!("{it}.key"))));
        if let Some((certificate, key)) = &files {
            words.extend(["-CA", certificate, "-CAkey", key]);
        }
        for ext in ext {
            words.extend(["-addext", ext]);
        }
        openssl_words(&words);
        let pem = std::fs::read_to_string(out).unwrap();
        certificates_from_pem(&pem).unwrap()[0].to_vec()
    }

    fn ca(&self, name: &str) -> Vec<u8> {
        self.make(name, "Acme CA", None, &["keyUsage=critical,keyCertSign,cRLSign"])
    }

    fn device(&self, ca: &str, ext: &[&str]) -> Vec<u8> {
        let leaf = "basicConstraints=critical,CA:FALSE";
        self.make("device", "pump-1", Some(ca), &[&[leaf], ext].concat())
    }
}

/// In the middle of what [`Customer::make`] makes.
fn soon() -> Timestamp {
    now() + days(1)
}

#[test]
fn a_ca_is_one_that_says_so_and_is_in_its_time() {
    let acme = Customer::new();
    let ca = acme.ca("ca");
    let device = acme.device("ca", &[]);
    let usage = ["keyUsage=critical,digitalSignature"];
    let no_signer = acme.make("other", "Acme CA", None, &usage);

    let checked = check_ca(&ca, soon()).unwrap();

    assert_eq!(issuer_digest(&device).unwrap(), checked.subject_digest);
    assert_eq!(check_ca(&device, soon()), Err(RegistrationRefused::NotAnAuthority));
    assert_eq!(check_ca(&no_signer, soon()), Err(RegistrationRefused::NotAnAuthority));
    let (early, late) = (now() - days(1), now() + days(31));
    assert!(matches!(check_ca(&ca, early), Err(RegistrationRefused::NotYetValid(_))));
    assert!(matches!(check_ca(&ca, late), Err(RegistrationRefused::Expired(_))));
    assert!(matches!(check_ca(b"no", soon()), Err(RegistrationRefused::Format(_))));
}

#[test]
fn possession_is_a_signature_over_the_registration_code() {
    let acme = Customer::new();
    let (ca, namesake) = (acme.ca("ca"), acme.ca("namesake"));
    let verification = acme.make("v", &CODE.to_string(), Some("ca"), &[]);
    let other_code = acme.make("w", "0123", Some("ca"), &[]);
    let stranger = acme.make("s", "Other CA", None, &[]);

    let check = |ca: &[u8], verification: &[u8]| check_possession(ca, verification, &CODE);

    assert_eq!(check(&ca, &verification), Ok(()));
    assert_eq!(check(&ca, &other_code), Err(RegistrationRefused::OtherCode));
    assert_eq!(check(&namesake, &verification), Err(RegistrationRefused::BadSignature));
    assert_eq!(check(&stranger, &verification), Err(RegistrationRefused::OtherIssuer));
}

#[test]
fn a_ca_may_have_any_accepted_key_and_sign_by_whatever_a_handshake_knows() {
    let acme = Customer::new();
    let signer = ["keyUsage=critical,keyCertSign"];
    let leaf = ["basicConstraints=critical,CA:FALSE"];

    for (key, by) in [
        (&P521[..], &["-sha256"][..]),
        (&P521, &["-sha512"]),
        (&P256, &["-sha512"]),
        (&RSA, &["-sha384"]),
        (&RSA, &PSS),
    ] {
        let ca = acme.make_by(key, "ca", "Acme CA", None, &signer);
        let by = [key, by].concat();
        let proof = acme.make_by(&by, "v", &CODE.to_string(), Some("ca"), &leaf);
        let device = acme.make_by(&by, "d", "pump-1", Some("ca"), &leaf);

        assert_eq!(check_possession(&ca, &proof, &CODE), Ok(()), "{by:?}");
        assert!(check_of_ca(&device, &ca, soon()).is_ok(), "{by:?}");
    }
}

#[test]
fn a_signature_that_no_handshake_accepts_proves_nothing_and_is_named() {
    let acme = Customer::new();
    let ca = acme.make_by(&RSA, "ca", "Acme CA", None, &["keyUsage=critical,keyCertSign"]);
    let by = [&RSA[..], &["-sha1"]].concat();
    let proof = acme.make_by(&by, "v", &CODE.to_string(), Some("ca"), &[]);
    let any = acme.make("alone", "Acme CA", None, &["keyUsage=critical,keyCertSign"]);
    let usage = ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=anyExtendedKeyUsage"];
    let device = acme.make("d", "pump-1", Some("alone"), &usage);

    let refused = check_possession(&ca, &proof, &CODE).unwrap_err();
    let unusable = check_of_ca(&device, &any, soon()).unwrap_err();

    let sha1_with_rsa = "1.2.840.113549.1.1.5".to_owned();
    assert_eq!(refused, RegistrationRefused::SignatureAlgorithm(sha1_with_rsa));
    assert!(unusable.to_string().ends_with("does not have clientAuth"), "{unusable}");
}

#[test]
fn a_device_of_a_ca_is_signed_by_it_and_can_connect() {
    let acme = Customer::new();
    let (ca, namesake) = (acme.ca("ca"), acme.ca("namesake"));
    let device = acme.device("ca", &["extendedKeyUsage=clientAuth"]);

    let checked = check_of_ca(&device, &ca, soon()).unwrap();

    assert_eq!(checked.issuer_digest, check_ca(&ca, soon()).unwrap().subject_digest);
    assert_eq!(check_of_ca(&device, &namesake, soon()), Err(RegistrationRefused::BadSignature));
    let late = check_of_ca(&device, &ca, now() + days(31));
    assert!(matches!(late, Err(RegistrationRefused::Expired(_))));
    let server = acme.device("ca", &["extendedKeyUsage=serverAuth"]);
    assert!(matches!(check_of_ca(&server, &ca, soon()), Err(RegistrationRefused::Unusable(_))));
    let agreeing = acme.device("ca", &["keyUsage=critical,keyAgreement"]);
    assert!(matches!(check_of_ca(&agreeing, &ca, soon()), Err(RegistrationRefused::Unusable(_))));
    let second = acme.make("sub", "Acme sub", Some("ca"), &[]);
    assert_eq!(check_of_ca(&second, &ca, soon()), Err(RegistrationRefused::AnAuthority));
}

#[test]
fn a_certificate_that_the_registry_alone_vouches_for_may_be_self_signed_but_not_any() {
    let acme = Customer::new();
    let alone = acme.make("alone", "pump-1", None, &[]);
    let key = acme.at("small.key");
    let out = acme.at("small.pem");
    openssl_words(&[
        "req", "-x509", "-nodes", "-newkey", "rsa:1024", "-subj", "/CN=x", "-keyout", &key, "-out",
        &out,
    ]);
    let small = certificates_from_pem(&std::fs::read_to_string(out).unwrap()).unwrap();
    let server = acme.make("server", "x", None, &["extendedKeyUsage=serverAuth"]);

    assert!(check_alone(&alone, soon()).is_ok());
    assert!(matches!(check_alone(&small[0], soon()), Err(RegistrationRefused::Key(_))));
    assert!(matches!(check_alone(&server, soon()), Err(RegistrationRefused::Unusable(_))));
    let late = check_alone(&alone, now() + days(31));
    assert!(matches!(late, Err(RegistrationRefused::Expired(_))));
}
