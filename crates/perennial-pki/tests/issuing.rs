//! Certificates as issued, judged by `openssl` and by the device's own checks.

mod common;

use common::{ca, now, openssl, openssl_words, thing};
use perennial_core::{message::ErrorCode, time::days};
use perennial_pki::{
    CsrDer, Expectation, Intent, IssueError, Profile, Serial, ServerNames, ServerProfile,
    SigningKey, certificates_from_pem, check_device_certificate, facts,
};

#[test]
fn openssl_verifies_a_device_certificate_strictly() {
    let (ca, key) = (ca(), SigningKey::generate_p256().unwrap());

    let issued = ca.issue_for(&key, "pump-1");

    assert!(ca.openssl_verifies(&issued.pem(), "sslclient").contains("OK"));
    let path = ca.folder.path().join("leaf.pem");
    let text = openssl(&format!("x509 -noout -text -in {}", path.display()));
    for part in [
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
        "URI:urn:perennial:thing:pump-1",
        "Subject: CN = pump-1\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
}

#[test]
fn a_device_certificate_is_no_server_certificate() {
    let (ca, key) = (ca(), SigningKey::generate_p256().unwrap());
    let issued = ca.issue_for(&key, "pump-1");
    let file = ca.folder.path().join("leaf.pem");
    std::fs::write(&file, issued.pem()).unwrap();

    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["verify", "-purpose", "sslserver", "-CAfile"]);
    openssl.arg(ca.folder.path().join("root.pem")).arg("-untrusted");
    let done = openssl.arg(ca.folder.path().join("issuing.pem")).arg(&file).output().unwrap();

    assert!(!done.status.success());
    assert!(String::from_utf8_lossy(&done.stderr).contains("unsuitable certificate purpose"));
}

#[test]
fn every_accepted_kind_of_key_gets_a_certificate_from_a_csr_of_openssl() {
    let ca = ca();
    let key = ca.folder.path().join("device.key").display().to_string();
    for generate in [
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
        "ecparam -genkey -name prime256v1",
        "ecparam -genkey -name secp521r1",
        "genrsa -traditional",
    ] {
        let size = if generate.starts_with("genrsa") { "2048" } else { "" };
        openssl(&format!("{generate} -out {key} {size}"));
        let csr = openssl_words(&["req", "-new", "-key", &key, "-subj", "/CN=pump-1/O=Acme"]);

        let issued = ca.issue(CsrDer::from_pem(&csr).unwrap(), "pump-1");

        assert!(ca.openssl_verifies(&issued.pem(), "sslclient").contains("OK"), "{generate}");
        let loaded = SigningKey::load(key.as_ref()).unwrap();
        assert_eq!(loaded.public_key().digest(), issued.spki_digest, "{generate}");
        let again = ca.issue_for(&loaded, "pump-1");
        assert!(ca.openssl_verifies(&again.pem(), "sslclient").contains("OK"), "{generate}");
        loaded.certified(vec![again.der.clone()]).unwrap();
        std::fs::remove_file(&key).unwrap();
    }
}

#[test]
fn a_name_of_128_characters_and_one_with_colons_pass_the_strict_check() {
    let (ca, key) = (ca(), SigningKey::generate_p256().unwrap());
    for name in ["x".repeat(128), "a:b_c-1".to_owned()] {
        let issued = ca.issue_for(&key, &name);

        assert!(ca.openssl_verifies(&issued.pem(), "sslclient").contains("OK"));
    }
}

#[test]
fn a_server_certificate_is_verified_by_name_and_address() {
    let (ca, key) = (ca(), SigningKey::generate_p256().unwrap());
    let names =
        ServerNames { dns: vec!["localhost".to_owned()], ip: vec!["127.0.0.1".parse().unwrap()] };

    let (serial, profile) = (Serial::random().unwrap(), ServerProfile::default());
    let issued =
        ca.authority.issue_server(&names, key.public_key(), &profile, serial, now()).unwrap();

    assert!(ca.openssl_verifies(&issued.pem(), "sslserver").contains("OK"));
    let facts = facts(&issued.der).unwrap();
    assert_eq!(facts.subject_alternative_name["DNSName"], ["localhost"]);
    assert_eq!(facts.subject_alternative_name["IPAddress"], ["127.0.0.1"]);
}

#[test]
fn a_server_certificate_for_nobody_is_refused() {
    let (ca, key) = (ca(), SigningKey::generate_p256().unwrap());
    let issue = |dns: Vec<String>| {
        let names = ServerNames { dns, ip: vec![] };
        let (serial, profile) = (Serial::random().unwrap(), ServerProfile::default());
        ca.authority.issue_server(&names, key.public_key(), &profile, serial, now())
    };

    assert_eq!(issue(vec![]), Err(IssueError::NoServerName));
    assert!(matches!(issue(vec!["grün.example".into()]), Err(IssueError::ServerName { .. })));
}

#[test]
fn what_was_resumed_is_what_was_prepared() {
    let (ca, key) = (ca(), SigningKey::generate_p256().unwrap());
    let csr = key.certificate_request("pump-1").unwrap();
    let csr = csr.verify(&Expectation::default()).unwrap();
    let serial = Serial::random().unwrap();
    let prepared =
        ca.authority.prepare(csr, &Profile::default(), &thing("pump-1"), serial, now()).unwrap();

    let reopened = common::open(ca.folder.path());
    let resumed = reopened.resume(prepared.intent()).unwrap();

    assert_eq!(resumed, prepared);
    let (first, second) = (ca.authority.sign(prepared).unwrap(), reopened.sign(resumed).unwrap());
    let (first_facts, second_facts) = (facts(&first.der).unwrap(), facts(&second.der).unwrap());
    assert_eq!(first_facts.serial_number, serial.to_string());
    assert_eq!(first_facts.validity, first.validity);
    assert_eq!((first.serial, first.validity), (second.serial, second.validity));
    assert_eq!(first_facts.spki_digest, second_facts.spki_digest);
}

#[test]
fn an_intent_that_is_damaged_or_of_another_issuer_is_refused() {
    let (ca, key) = (ca(), SigningKey::generate_p256().unwrap());
    let issuer = ca.authority.issuing_validity();
    let intent = Intent {
        thing: thing("pump-1"),
        serial: Serial::random().unwrap(),
        validity: issuer,
        spki: key.public_key().spki().to_vec(),
    };

    let damaged = ca.authority.resume(Intent { spki: vec![0x30, 0], ..intent.clone() });
    let mut beyond = intent.clone();
    beyond.validity.not_after = issuer.not_after + days(1);

    assert!(ca.authority.resume(intent).is_ok());
    assert!(matches!(damaged, Err(IssueError::Key(_))));
    assert_eq!(ca.authority.resume(beyond), Err(IssueError::OutlivesIssuer));
}

#[test]
fn a_certificate_never_outlives_its_issuer() {
    let (ca, key) = (ca(), SigningKey::generate_p256().unwrap());
    let issuer = ca.authority.issuing_validity();
    let csr = key.certificate_request("pump-1").unwrap();
    let csr = csr.verify(&Expectation::default()).unwrap();
    let late = issuer.not_after - days(1);

    let prepare = |now| {
        let (serial, profile) = (Serial::random().unwrap(), Profile::default());
        ca.authority.prepare(csr.clone(), &profile, &thing("pump-1"), serial, now)
    };

    assert_eq!(prepare(late).unwrap().validity().not_after, issuer.not_after);
    assert!(matches!(prepare(issuer.not_after + days(1)), Err(IssueError::IssuerNotValid { .. })));
}

#[test]
fn a_device_accepts_its_certificate_with_the_root_or_the_issuing_ca_as_anchor() {
    let (ca, key) = (ca(), SigningKey::generate_p256().unwrap());
    let issued = ca.issue_for(&key, "pump-1");
    let (root, issuing) = (ca.authority.root_pem(), ca.authority.chain_pem());

    for (chain, anchor) in [(issuing.as_str(), &root), ("", &issuing)] {
        let anchors = certificates_from_pem(anchor).unwrap();
        let checked = check_device_certificate(
            &issued.pem(),
            chain,
            &anchors,
            key.public_key(),
            &thing("pump-1"),
            now(),
        )
        .unwrap();

        assert_eq!(checked.certificate_id, issued.certificate_id);
        assert_eq!(checked.der, issued.der);
        assert_eq!(checked.validity, issued.validity);
        assert_eq!(checked.chain_der.len(), usize::from(!chain.is_empty()));
    }
}

#[test]
fn a_device_refuses_what_is_not_its_certificate() {
    let (ca, other_ca) = (ca(), common::ca());
    let (key, other_key) =
        (SigningKey::generate_p256().unwrap(), SigningKey::generate_p256().unwrap());
    let issued = ca.issue_for(&key, "pump-1");
    let names = ServerNames { dns: vec!["pump-1".to_owned()], ip: vec![] };
    let (serial, profile) = (Serial::random().unwrap(), ServerProfile::default());
    let server =
        ca.authority.issue_server(&names, key.public_key(), &profile, serial, now()).unwrap();
    let (ours, theirs) =
        (vec![ca.authority.root().clone()], vec![other_ca.authority.root().clone()]);

    let chain = ca.authority.chain_pem();
    let check = |pem: &str, anchors: &[_], key: &SigningKey, name, at| {
        let thing = thing(name);
        let checked = check_device_certificate(pem, &chain, anchors, key.public_key(), &thing, at);
        checked.unwrap_err().code()
    };
    let (pem, now) = (issued.pem(), now());

    assert_eq!(check("hello", &ours, &key, "pump-1", now), ErrorCode::Malformed);
    assert_eq!(check(&pem[..300], &ours, &key, "pump-1", now), ErrorCode::Malformed);
    assert_eq!(check(&pem.repeat(2), &ours, &key, "pump-1", now), ErrorCode::Malformed);
    assert_eq!(check(&pem, &ours, &other_key, "pump-1", now), ErrorCode::KeyMismatch);
    assert_eq!(check(&pem, &ours, &key, "pump-2", now), ErrorCode::WrongName);
    assert_eq!(check(&pem, &theirs, &key, "pump-1", now), ErrorCode::UntrustedChain);
    assert_eq!(check(&pem, &[], &key, "pump-1", now), ErrorCode::UntrustedChain);
    assert_eq!(check(&server.pem(), &ours, &key, "pump-1", now), ErrorCode::UntrustedChain);
    assert_eq!(check(&pem, &ours, &key, "pump-1", now - days(1)), ErrorCode::NotYetValid);
    assert_eq!(check(&pem, &ours, &key, "pump-1", now + days(91)), ErrorCode::Expired);
}

#[test]
fn the_facts_of_a_certificate_have_aws_iots_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let subject = "/C=DE/ST=BY/L=Ulm/O=Acme/OU=a/OU=b/CN=pump-1/serialNumber=77";
    let names = "subjectAltName=DNS:pump.example,email:a@b.example,IP:::1,URI:urn:x:1";
    #[rustfmt::skip]
    openssl_words(&["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", &at("key"), "-out", &at("pem"), "-subj", subject, "-addext", names,
        "-set_serial", "0x0abc"]);
    let pem = std::fs::read_to_string(at("pem")).unwrap();

    let facts = facts(&certificates_from_pem(&pem).unwrap()[0]).unwrap();

    assert_eq!(facts.subject["CommonName"], ["pump-1"]);
    assert_eq!(facts.subject["OrganizationalUnit"], ["a", "b"]);
    assert_eq!(facts.subject["Country"], ["DE"]);
    assert_eq!(facts.subject["SerialNumber"], ["77"]);
    assert_eq!(facts.issuer, facts.subject);
    assert_eq!(facts.subject_alternative_name["DNSName"], ["pump.example"]);
    assert_eq!(facts.subject_alternative_name["RFC822Name"], ["a@b.example"]);
    assert_eq!(facts.subject_alternative_name["IPAddress"], ["::1"]);
    assert_eq!(facts.subject_alternative_name["UniformResourceIdentifier"], ["urn:x:1"]);
    assert_eq!(facts.serial_number, "abc");
}
