//! What may be a device's first credential, and what is refused with its reason.

use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use perennial_agent::{Identity, IssuedBy, complete, install, request, status};
use perennial_core::ids::{ClientId, ThingName};
use perennial_pki::{Authority, Expectation, Profile, Serial, SigningKey};

use crate::world::now;

fn authority(folder: &Path) -> Authority {
    Authority::open_or_create(folder, now(), &SystemRandom::new()).unwrap()
}

fn client(name: &str) -> ClientId {
    ClientId::new(name).unwrap()
}

/// A key in `folder` and a certificate for it that names `name`.
fn certified(authority: &Authority, name: &str, folder: &Path) -> (PathBuf, String) {
    let (key, path) = (SigningKey::generate_p256().unwrap(), folder.join(format!("{name}.key")));
    key.write_new(&path).unwrap();
    let csr = key.certificate_request(name).unwrap();
    let csr = csr.verify(&Expectation { common_name: Some(name) }).unwrap();
    let (thing, serial) = (ThingName::new(name).unwrap(), Serial::random().unwrap());
    let prepared = authority.prepare(csr, &Profile::default(), &thing, serial, now()).unwrap();
    let issued = authority.sign(prepared).unwrap();
    (path, issued.pem() + &authority.chain_pem())
}

#[test]
fn a_credential_that_could_not_be_gone_on_with_is_refused_with_its_reason() {
    // Regression: another device's certificate, a CA's own and foreign anchors were "enrolled".
    let folder = tempfile::tempdir().unwrap();
    let (ours, ca, foreign) = (
        authority(&folder.path().join("ca")),
        folder.path().join("ca"),
        folder.path().join("other"),
    );
    let foreign = authority(&foreign).root_pem();
    let (victim_key, victim) = certified(&ours, "victim", folder.path());
    let (key, good) = certified(&ours, "pump-1", folder.path());
    let data = folder.path().join("device");
    let enrol = |key: &PathBuf, certificate_pem: &str, anchors_pem: &str| {
        let (key, issued_by) = (key.clone(), IssuedBy::Server);
        let (certificate_pem, anchors_pem) = (certificate_pem.to_owned(), anchors_pem.to_owned());
        let identity = Identity { key, certificate_pem, anchors_pem, issued_by };
        install(&client("pump-1"), &identity, &data)
    };
    let root = ours.root_pem();

    let refused = [
        (enrol(&victim_key, &victim, &root), "victim"),
        (enrol(&key, &victim, &root), "does not go with the key"),
        (enrol(&ca.join("root.key"), &root, &root), "names"),
        (enrol(&key, &good, &foreign), "--ca is the server's ca.pem"),
    ];
    let nothing = status(&data).is_err();
    let accepted = enrol(&key, &good, &root);

    for (refused, reason) in refused {
        let told = refused.unwrap_err().to_string();
        assert!(told.contains(reason), "{told}");
    }
    assert!(nothing, "a refused one leaves no device behind");
    accepted.unwrap();
    assert_eq!(status(&data).unwrap().client_id, client("pump-1"));
}

#[test]
fn a_certificate_of_the_operators_own_ca_needs_to_be_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let (server, own) =
        (authority(&folder.path().join("ca")).root_pem(), authority(&folder.path().join("own")));
    let (key, certificate_pem) = certified(&own, "SN-4711", folder.path());
    let data = folder.path().join("device");
    let enrol = |issued_by| {
        let (key, certificate_pem) = (key.clone(), certificate_pem.clone());
        let identity = Identity { key, certificate_pem, anchors_pem: server.clone(), issued_by };
        install(&client("pump-1"), &identity, &data)
    };

    let unsaid = enrol(IssuedBy::Server);
    let said = enrol(IssuedBy::OwnCa);

    assert!(unsaid.is_err());
    said.unwrap();
}

#[test]
fn a_name_that_no_thing_can_have_and_a_certificate_before_its_key_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("device");
    let root = authority(&folder.path().join("ca")).root_pem();

    let name = request(&client("a b"), &data).unwrap_err().to_string();
    let early = complete(&client("pump-1"), &root, &root, IssuedBy::Server, &data);
    let early = early.unwrap_err().to_string();

    assert!(name.contains("cannot be the name of a thing") && name.contains("' '"), "{name}");
    assert!(early.contains("enroll --csr"), "{early}");
}
