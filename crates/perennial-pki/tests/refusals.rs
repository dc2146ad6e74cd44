//! CSRs that must be refused: one test a rule, on requests as `openssl` writes them.
#![allow(clippy::unwrap_used, reason = "test code outside of #[test]")]

mod common;

use common::{Request, ca, reseal};
use perennial_core::message::{MAX_CSR_LEN, RefusalCode};
use perennial_pki::{
    CsrDer, CsrError, Expectation, KeyAlgorithm, PemError, PublicKeyError, SigningKey, VerifiedCsr,
};

const PUMP: Expectation<'_> = Expectation { common_name: Some("pump-1") };

fn verify(pem: &str) -> Result<VerifiedCsr, CsrError> {
    CsrDer::from_pem(pem)?.verify(&PUMP)
}

fn refused(pem: &str) -> CsrError {
    verify(pem).unwrap_err()
}

fn refused_der(der: &[u8]) -> CsrError {
    CsrDer::from_der(der.to_vec()).unwrap().verify(&PUMP).unwrap_err()
}

fn good_der() -> Vec<u8> {
    CsrDer::from_pem(&Request::new().pem()).unwrap().as_der().to_vec()
}

/// A request by `openssl` that asks for `extension`.
fn asking_for(extension: &str) -> String {
    Request::new().ext(extension).pem()
}

fn forbidden(what: &'static str) -> CsrError {
    CsrError::ForbiddenRequest { what }
}

mod accepted {
    use super::*;

    #[test]
    fn a_request_that_names_the_thing_or_nobody() {
        for subject in ["/CN=pump-1", "/", "/O=Acme/OU=pumps", "/CN=pump-1/CN=pump-1"] {
            let checked = verify(&Request::new().subject(subject).pem());

            assert_eq!(checked.unwrap().key_algorithm(), KeyAlgorithm::EcP256, "{subject}");
        }
    }

    #[test]
    fn a_request_for_what_a_device_may_have() {
        for extension in [
            "basicConstraints=critical,CA:FALSE",
            "keyUsage=critical,digitalSignature,keyEncipherment",
            "extendedKeyUsage=clientAuth",
            "subjectAltName=URI:urn:perennial:thing:pump-1,DNS:pump.example",
            "subjectKeyIdentifier=hash",
        ] {
            assert!(verify(&asking_for(extension)).is_ok(), "{extension}");
        }
    }

    #[test]
    fn every_accepted_key_with_the_hashes_that_go_with_it() {
        for (key, hash, algorithm) in [
            ("ec:P-384", "sha256", KeyAlgorithm::EcP384),
            ("ec:P-384", "sha384", KeyAlgorithm::EcP384),
            ("ec:P-521", "sha512", KeyAlgorithm::EcP521),
            ("rsa:2048", "sha384", KeyAlgorithm::Rsa { bits: 2048 }),
            ("rsa:3072", "sha256", KeyAlgorithm::Rsa { bits: 3072 }),
        ] {
            let checked = verify(&Request::new().key(key).hash(hash).pem());

            assert_eq!(checked.unwrap().key_algorithm(), algorithm, "{key} {hash}");
        }
    }

    #[test]
    fn text_around_the_block_and_the_label_of_old_tools() {
        let pem = Request::new().pem();

        let explained = format!("Certificate Request:\n    Version: 1\n{pem}\n");
        let labelled = pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");

        assert!(verify(&explained).is_ok());
        assert!(verify(&labelled.replace('\n', "\r\n")).is_ok());
    }
}

mod shape {
    use super::*;

    #[test]
    fn what_is_not_pem_is_refused() {
        for text in ["", "hello", "-----BEGIN CERTIFICATE REQUEST-----"] {
            let error = refused(text);

            assert!(matches!(error, CsrError::Pem(_)), "{text:?}: {error:?}");
            assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
        }
    }

    #[test]
    fn a_certificate_in_place_of_a_request_is_refused() {
        let error = refused(&ca().authority.root_pem());

        let found = "CERTIFICATE".to_owned();
        assert_eq!(error, PemError::OtherLabel { wanted: "CERTIFICATE REQUEST", found }.into());
        assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
    }

    #[test]
    fn pem_that_is_cut_short_is_refused() {
        let pem = Request::new().pem();

        let error = refused(&pem[..pem.len() / 2]);

        assert!(matches!(error, CsrError::Pem(PemError::Unended { .. })), "{error:?}");
        assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
    }

    #[test]
    fn der_that_is_cut_short_anywhere_is_refused() {
        let der = good_der();

        for len in 0..der.len() {
            let error = refused_der(&der[..len]);

            assert_eq!(error, CsrError::Malformed { at: "the whole" }, "{len}");
            assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
        }
    }

    #[test]
    fn two_blocks_are_refused() {
        let error = refused(&Request::new().pem().repeat(2));

        assert_eq!(error, PemError::SeveralBlocks { wanted: "CERTIFICATE REQUEST" }.into());
        assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
    }

    #[test]
    fn a_request_over_the_limit_is_refused_in_pem_and_in_der() {
        let pem = asking_for(&format!("subjectAltName=DNS:{}", "a".repeat(MAX_CSR_LEN)));

        let error = refused(&pem);

        assert_eq!(error, CsrError::TooLong { len: pem.len() });
        assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
        assert_eq!(
            CsrDer::from_der(vec![0; MAX_CSR_LEN + 1]),
            Err(CsrError::TooLong { len: MAX_CSR_LEN + 1 })
        );
    }

    #[test]
    fn bytes_after_the_request_are_refused() {
        let mut der = good_der();
        der.push(0);

        let error = refused(&CsrDer::from_der(der).unwrap().to_pem());

        assert_eq!(error, CsrError::Malformed { at: "the whole" });
        assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
    }

    #[test]
    fn another_version_is_refused() {
        let key = SigningKey::generate_p256().unwrap();
        let request = key.certificate_request("pump-1").unwrap();

        let error = refused_der(&reseal(&key, request.as_der(), |info| {
            let version = info.windows(3).position(|octets| octets == [2, 1, 0]).unwrap();
            info[version + 2] = 1;
        }));

        assert_eq!(error, CsrError::Malformed { at: "the version" });
        assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
    }

    #[test]
    fn an_attribute_that_is_not_der_is_refused_though_signed() {
        let key = SigningKey::generate_p256().unwrap();
        let request = key.certificate_request("pump-1").unwrap();

        let error = refused_der(&reseal(&key, request.as_der(), |info| {
            assert!(info.ends_with(&[0xa0, 0]), "no attributes were asked for");
            info.truncate(info.len() - 2);
            info.extend([0xa0, 2, 0x30, 5]);
        }));

        assert_eq!(error, CsrError::Malformed { at: "the attributes" });
        assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
    }
}

mod signature {
    use super::*;

    fn wrong(key: KeyAlgorithm) -> CsrError {
        CsrError::SignatureAlgorithm { key }
    }

    #[test]
    fn one_wrong_bit_in_the_signature_is_refused() {
        let mut der = good_der();
        *der.last_mut().unwrap() ^= 1;

        let error = refused_der(&der);

        assert_eq!(error, CsrError::BadSignature);
        assert_eq!(error.refusal(), RefusalCode::BadCsrSignature);
    }

    #[test]
    fn one_wrong_bit_in_the_subject_is_refused() {
        let mut der = good_der();
        let name = der.windows(6).position(|octets| octets == b"pump-1").unwrap();
        der[name + 5] ^= 1;

        let error = refused_der(&der);

        assert_eq!(error, CsrError::BadSignature);
        assert_eq!(error.refusal(), RefusalCode::BadCsrSignature);
    }

    #[test]
    fn the_signature_of_another_key_is_refused() {
        let (key, other) =
            (SigningKey::generate_p256().unwrap(), SigningKey::generate_p256().unwrap());
        let request = key.certificate_request("pump-1").unwrap();

        let error = refused_der(&reseal(&other, request.as_der(), |_info| {}));

        assert_eq!(error, CsrError::BadSignature);
        assert_eq!(error.refusal(), RefusalCode::BadCsrSignature);
    }

    #[test]
    fn p256_with_sha384_is_refused() {
        let error = refused(&Request::new().hash("sha384").pem());

        assert_eq!(error, wrong(KeyAlgorithm::EcP256));
        assert_eq!(error.refusal(), RefusalCode::BadCsrSignature);
    }

    #[test]
    fn p384_with_sha512_is_refused() {
        let error = refused(&Request::new().key("ec:P-384").hash("sha512").pem());

        assert_eq!(error, wrong(KeyAlgorithm::EcP384));
        assert_eq!(error.refusal(), RefusalCode::BadCsrSignature);
    }

    #[test]
    fn sha1_is_refused_for_every_kind_of_key() {
        let rsa = refused(&Request::new().key("rsa:2048").hash("sha1").pem());
        let ec = refused(&Request::new().hash("sha1").pem());

        assert_eq!(rsa, wrong(KeyAlgorithm::Rsa { bits: 2048 }));
        assert_eq!(ec, wrong(KeyAlgorithm::EcP256));
        assert_eq!(rsa.refusal(), RefusalCode::BadCsrSignature);
    }

    #[test]
    fn rsa_pss_is_refused() {
        let error = refused(&Request::new().key("rsa:2048").sigopt("rsa_padding_mode:pss").pem());

        assert_eq!(error, wrong(KeyAlgorithm::Rsa { bits: 2048 }));
        assert_eq!(error.refusal(), RefusalCode::BadCsrSignature);
    }
}

mod key {
    use super::*;

    #[test]
    fn rsa_of_1024_bits_is_refused() {
        let error = refused(&Request::new().key("rsa:1024").pem());

        assert_eq!(error, PublicKeyError::RsaSize { bits: 1024 }.into());
        assert_eq!(error.refusal(), RefusalCode::WeakKey);
    }

    #[test]
    fn p224_is_refused() {
        let error = refused(&Request::new().key("ec:P-224").pem());

        assert_eq!(error, PublicKeyError::Unsupported.into());
        assert_eq!(error.refusal(), RefusalCode::WeakKey);
    }

    #[test]
    fn secp256k1_is_refused() {
        let error = refused(&Request::new().key("ec:secp256k1").pem());

        assert_eq!(error, PublicKeyError::Unsupported.into());
        assert_eq!(error.refusal(), RefusalCode::WeakKey);
    }

    #[test]
    fn ed25519_is_refused() {
        let error = refused(&Request::new().key("ed25519").pem());

        assert_eq!(error, PublicKeyError::Unsupported.into());
        assert_eq!(error.refusal(), RefusalCode::WeakKey);
    }

    #[test]
    fn a_curve_spelled_out_is_refused() {
        let error = refused(&Request::new().pkeyopt("ec_param_enc:explicit").pem());

        assert_eq!(error, PublicKeyError::Malformed.into());
        assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
    }

    #[test]
    fn a_compressed_point_is_refused() {
        let key = SigningKey::generate_p256().unwrap();
        let request = key.certificate_request("pump-1").unwrap();

        let error = refused_der(&reseal(&key, request.as_der(), |info| {
            let spki = key.public_key().spki();
            let at = info.windows(spki.len()).position(|octets| octets == spki).unwrap();
            let (last, sign) = (spki.len() - 1, spki[spki.len() - 1] & 1);
            // SEC 1 §2.3.3: 02 or 03 and the first coordinate; the second one's 32 octets go.
            let bits = [0x03, 34, 0, 2 | sign];
            let short = [&[0x30, 57], &spki[2..23], &bits, &spki[27..=last - 32]].concat();
            info.splice(at..=at + last, short);
        }));

        assert_eq!(error, PublicKeyError::Malformed.into());
        assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
    }

    #[test]
    fn a_point_that_is_not_on_the_curve_is_refused() {
        let key = SigningKey::generate_p256().unwrap();
        let request = key.certificate_request("pump-1").unwrap();

        let error = refused_der(&reseal(&key, request.as_der(), |info| {
            let point = info.windows(2).position(|octets| octets == [0, 4]).unwrap() + 2;
            info[point..point + 64].fill(7);
        }));

        assert_eq!(error, CsrError::BadSignature);
        assert_eq!(error.refusal(), RefusalCode::BadCsrSignature);
    }
}

mod request {
    use super::*;

    #[test]
    fn being_an_authority_is_refused() {
        for extension in ["basicConstraints=critical,CA:TRUE", "basicConstraints=CA:TRUE,pathlen:3"]
        {
            let error = refused(&asking_for(extension));

            assert_eq!(error, forbidden("being an authority (CA:TRUE)"));
            assert_eq!(error.refusal(), RefusalCode::ForbiddenRequest);
        }
    }

    #[test]
    fn signing_certificates_or_crls_is_refused() {
        for usages in ["keyCertSign", "critical,digitalSignature,keyCertSign", "cRLSign"] {
            let error = refused(&asking_for(&format!("keyUsage={usages}")));

            assert_eq!(error, forbidden("signing certificates or CRLs (key usage)"));
            assert_eq!(error.refusal(), RefusalCode::ForbiddenRequest);
        }
    }

    #[test]
    fn any_purpose_but_client_authentication_is_refused() {
        for purposes in
            ["serverAuth", "clientAuth,serverAuth", "codeSigning", "anyExtendedKeyUsage"]
        {
            let error = refused(&asking_for(&format!("extendedKeyUsage={purposes}")));

            let what = "a purpose other than client authentication (extended key usage)";
            assert_eq!(error, forbidden(what), "{purposes}");
            assert_eq!(error.refusal(), RefusalCode::ForbiddenRequest);
        }
    }

    #[test]
    fn privileges_are_found_behind_harmless_extensions() {
        let request = Request::new().ext("subjectAltName=DNS:pump.example");

        let error = refused(&request.ext("basicConstraints=critical,CA:TRUE").pem());

        assert_eq!(error, forbidden("being an authority (CA:TRUE)"));
    }

    #[test]
    fn another_things_uri_is_refused() {
        let names = "subjectAltName=DNS:a.example,URI:urn:perennial:thing:pump-2";

        let error = refused(&asking_for(names));

        let (found, expected) = ("pump-2".to_owned(), "pump-1".to_owned());
        assert_eq!(error, CsrError::WrongSubject { found, expected });
        assert_eq!(error.refusal(), RefusalCode::WrongSubject);
    }
}

mod subject {
    use super::*;

    #[test]
    fn another_common_name_is_refused() {
        for subject in ["/CN=pump-2", "/CN=PUMP-1", "/CN=pump-1 ", "/CN=pump-1/CN=pump-2"] {
            let error = refused(&Request::new().subject(subject).pem());

            assert!(matches!(error, CsrError::WrongSubject { .. }), "{subject}: {error:?}");
            assert_eq!(error.refusal(), RefusalCode::WrongSubject);
        }
    }

    #[test]
    fn a_name_in_a_string_type_that_cannot_be_compared_is_refused() {
        let key = SigningKey::generate_p256().unwrap();
        let request = key.certificate_request("pump-1").unwrap();

        let error = refused_der(&reseal(&key, request.as_der(), |info| {
            let name = info.windows(6).position(|octets| octets == b"pump-1").unwrap();
            info[name - 2] = 0x1e; // BMPString
        }));

        assert_eq!(error, CsrError::Malformed { at: "the subject" });
        assert_eq!(error.refusal(), RefusalCode::MalformedCsr);
    }

    #[test]
    fn a_long_foreign_name_is_shown_in_part() {
        let request = SigningKey::generate_p256().unwrap();
        let request = request.certificate_request(&"x".repeat(1000)).unwrap();

        let error = request.verify(&PUMP).unwrap_err();

        let (found, expected) = ("x".repeat(128), "pump-1".to_owned());
        assert_eq!(error, CsrError::WrongSubject { found, expected });
    }
}
