//! The customer's own CA: registered with proof, its devices introduce themselves, wait for
//! their activation, and connect; and certificates for which the registry alone vouches.
#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use std::{fs, path::Path, process::Command};

use perennial_core::{
    audit::CheckName,
    certificate::CertificateStatus,
    ids::{CertificateId, PolicyName},
    policy::Document,
    registry::{
        AutoRegistration, CaStatus, CertificateMode, NewThing, PolicyTarget, PrincipalType, Tags,
    },
    time::Timestamp,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_server::DEVICE_POLICY;
use perennial_store::{CaUpdate, FindingFilter, NewCa, NewCertificate};
use world::{Bare, Credential, World};

fn now() -> Timestamp {
    SystemClock.now()
}

/// A key and a certificate in files, self-signed or by the CA in files of that name.
fn make(world: &World, name: &str, common_name: &str, issuer: Option<&str>) -> Credential {
    let at = |name: &str, kind: &str| world.path(&format!("{name}.{kind}"));
    let (key, certificate) = (at(name, "key"), at(name, "pem"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-nodes", "-days", "30", "-newkey", "ec"]);
    command.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", &format!("/CN={common_name}")]);
    command.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    if let Some(issuer) = issuer {
        command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        command.arg("-CA").arg(at(issuer, "pem")).arg("-CAkey").arg(at(issuer, "key"));
    }
    assert!(command.output().unwrap().status.success());
    Credential { key, certificate }
}

fn der(certificate: &Path) -> Vec<u8> {
    let pem = fs::read_to_string(certificate).unwrap();
    perennial_pki::certificates_from_pem(&pem).unwrap()[0].to_vec()
}

/// Registers the CA in the files `acme`, with the proof that AWS IoT asks for.
async fn register(world: &World) -> CertificateId {
    make(world, "acme", "Acme CA", None);
    register_made(world).await
}

/// Registers the CA that is in the files `acme` already.
async fn register_made(world: &World) -> CertificateId {
    let store = world.server.store();
    let ca = der(&world.path("acme.pem"));
    let code = store.registration_code(now()).await.unwrap();
    let proof = der(&make(world, "proof", &code.to_string(), Some("acme")).certificate);
    let checked = perennial_pki::check_ca(&ca, now()).unwrap();
    perennial_pki::check_possession(&ca, &proof, &code).unwrap();
    let new = NewCa {
        certificate_id: checked.certificate_id,
        der: ca,
        subject_digest: checked.subject_digest,
        validity: checked.validity,
        status: CaStatus::Active,
        auto_registration: AutoRegistration::Enable,
        mode: CertificateMode::Default,
        registration_config: None,
        tags: Tags::default(),
    };
    store.register_ca(new, now()).await.unwrap();
    world.server.registry().cas_changed().await.unwrap();
    checked.certificate_id
}

/// Makes a registered certificate a device's: activated, with the device policy and its thing.
async fn activate(world: &World, id: CertificateId, device: &Bare<'_>) {
    let store = world.server.store();
    let name = PolicyName::new(DEVICE_POLICY).unwrap();
    store.create_thing(NewThing::named(device.thing.clone()), now()).await.unwrap();
    let exclusive = PrincipalType::ExclusiveThing;
    store.attach_principal(device.thing.clone(), id, exclusive, now()).await.unwrap();
    store.attach_policy(name, PolicyTarget::Certificate(id), now()).await.unwrap();
    let active = CertificateStatus::Active;
    world.server.update_certificate_status(id, active).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_of_a_registered_ca_introduces_itself_and_is_activated() {
    let world = World::begin().await;
    let watcher = Bare::named(&world, "watcher");
    let watching = watcher.enrolled().await;
    let everything =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let (name, document) = (PolicyName::new("all").unwrap(), Document::parse(everything).unwrap());
    let store = world.server.store();
    store.create_policy(name.clone(), &document, Tags::default(), now()).await.unwrap();
    let (_, certificates) = store.thing(watcher.thing.clone()).await.unwrap();
    let target = PolicyTarget::Certificate(certificates[0].certificate_id);
    store.attach_policy(name, target, now()).await.unwrap();
    world.server.registry().changed(&[certificates[0].certificate_id]);
    let mut heard = watcher.listens(&watching, "$aws/events/certificates/registered/#");
    world::until("the watcher listens", async || {
        let client_id = watcher.thing.as_str().parse().unwrap();
        world.server.broker().session(&client_id).map(drop)
    })
    .await;

    let ca = register(&world).await;
    let pump = Bare::named(&world, "pump-1");
    let credential = make(&world, "pump", "pump-1", Some("acme"));
    let topic = "devices/pump-1/x";
    let first = pump.publish(&credential, topic, "{}").await;
    let told = heard.next().await;
    let id: CertificateId = told["certificateId"].as_str().unwrap().parse().unwrap();
    let pending = store.certificate(id).await.unwrap();
    let second = pump.publish(&credential, topic, "{}").await;
    activate(&world, id, &pump).await;
    let third = pump.publish(&credential, topic, "{}").await;

    assert_eq!((first, second, third), (false, false, true));
    assert_eq!(told["caCertificateId"], ca.to_string());
    assert_eq!(told["certificateStatus"], "PENDING_ACTIVATION");
    assert_eq!(told["awsAccountId"], "000000000000");
    assert_eq!(pending.certificate.status, CertificateStatus::PendingActivation);
    assert_eq!(pending.ca_certificate_id, Some(ca));

    let inactive = CaUpdate { status: Some(CaStatus::Inactive), ..CaUpdate::default() };
    store.update_ca(ca, inactive, now()).await.unwrap();
    world.server.registry().cas_changed().await.unwrap();
    let other = Bare::named(&world, "pump-2");
    let newcomer = make(&world, "newcomer", "pump-2", Some("acme"));
    assert!(!other.publish(&newcomer, "devices/pump-2/x", "{}").await);
    assert!(pump.publish(&credential, topic, "{}").await);
    store.delete_ca(ca, now()).await.unwrap();
    world.server.registry().cas_changed().await.unwrap();
    assert!(pump.publish(&credential, topic, "{}").await);
}

/// A revocation list of the CA in the files `acme` with the certificate in the files `name`.
fn revoke(world: &World, name: &str, list: &Path) {
    let at = |name: &str| world.path(name).display().to_string();
    let settings = format!(
        "[ca]\ndefault_ca=own\n[own]\ndatabase={}\ndefault_md=sha256\ndefault_crl_days=1\n",
        at("index")
    );
    fs::write(world.path("ca.cnf"), settings).unwrap();
    fs::write(world.path("index"), "").unwrap();
    let ca = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(["ca", "-config", &at("ca.cnf"), "-cert", &at("acme.pem")]);
        let output = command.args(["-keyfile", &at("acme.key")]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    ca(&["-revoke", &at(&format!("{name}.pem"))]);
    ca(&["-gencrl", "-out", &list.display().to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registered_ca_has_revoked_is_found_by_audits() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("acme.crl");
    let mut config = world::config();
    config.audit.revocation_lists = vec![list.clone()];
    let world = World::begin_with(config).await;
    world.is_audited().await;

    make(&world, "acme", "Acme CA", None);
    let own = der(&make(&world, "pump", "pump-1", Some("acme")).certificate);
    revoke(&world, "pump", &list);
    let ca = register_made(&world).await;
    let checked = perennial_pki::check_alone(&own, now()).unwrap();
    let certificate = NewCertificate {
        certificate_id: checked.certificate_id,
        der: own,
        spki_digest: checked.spki_digest,
        validity: checked.validity,
        status: CertificateStatus::Active,
        issuer: Some(ca),
        mode: CertificateMode::Default,
        thing: None,
        policies: Vec::new(),
    };
    world.server.store().register(vec![certificate], now()).await.unwrap();

    world::until("the audit finds the revoked certificate", async || {
        let task = world.server.audit_now().await.unwrap().task_id;
        let check = Some(CheckName::RevokedDeviceCertificateStillActive);
        let filter = FindingFilter { task: Some(task), check, ..FindingFilter::default() };
        let (found, _) = world.server.store().findings(filter, None, 9, now()).await.unwrap();
        let resource = &found.first()?.resource.resource_identifier;
        (resource.device_certificate() == Some(checked.certificate_id)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_a_ca_connects_on_the_registrys_word_and_rotates() {
    let world = World::begin().await;
    let pump = Bare::named(&world, "pump-1");
    let credential = make(&world, "pump", "pump-1", None);
    let own = der(&credential.certificate);
    let checked = perennial_pki::check_alone(&own, now()).unwrap();
    let topic = "devices/pump-1/x";

    let unknown = pump.publish(&credential, topic, "{}").await;
    let new = NewCertificate {
        certificate_id: checked.certificate_id,
        der: own,
        spki_digest: checked.spki_digest,
        validity: checked.validity,
        status: CertificateStatus::Inactive,
        issuer: None,
        mode: CertificateMode::SniOnly,
        thing: None,
        policies: Vec::new(),
    };
    world.server.store().register(vec![new], now()).await.unwrap();
    activate(&world, checked.certificate_id, &pump).await;
    let registered = pump.publish(&credential, topic, "{}").await;

    assert_eq!((unknown, registered), (false, true));
    pump.rotation_begins().await;
    let (key, csr) = pump.csr("incoming");
    pump.send_csr(&credential, &csr).await;
    let incoming = pump.issued(key).await;
    let waiting = pump.latest().await.unwrap();
    let issued = world.incoming(&waiting).await;
    let things = world.server.store();
    let id = issued.certificate.certificate_id;
    let things = things.things_of_principal(id, None, None, 9).await.unwrap().items;
    assert_eq!(things, [(pump.thing.clone(), PrincipalType::ExclusiveThing)]);
    assert!(pump.publish(&incoming, &pump.topic("crt_ack"), "{}").await);
    pump.reaches("Rotated").await;
}
