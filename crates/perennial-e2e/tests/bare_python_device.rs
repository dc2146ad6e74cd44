//! A device that speaks only the bare payloads, written in Python with paho-mqtt, rotates.

#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use std::{fs, path::Path, process::Command, time::Duration};

use perennial_core::{
    ids::ThingName,
    rotation::{Cause, Outcome},
    time::days,
};
use perennial_orchestrator::port::Stored;
use perennial_server::Candidate;
use world::{World, root};

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn openssl_key_and_csr(key: &Path, csr: &Path) {
    run(Command::new("openssl")
        .args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=pump-py"])
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(csr));
}

/// Enrols the device, waits for `begins`, runs it until it has rotated, and answers how that was.
async fn rotates(life: Duration, begins: impl AsyncFnOnce(&World)) -> Stored {
    let python = root().join("target/python/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask setup`", python.display());
    let world = World::begin().await;
    world.is_audited().await;
    let (key, csr, pem, ca) =
        (world.path("key.pem"), world.path("csr.pem"), world.path("crt.pem"), world.path("ca.pem"));
    openssl_key_and_csr(&key, &csr);
    let thing = ThingName::new("pump-py").unwrap();
    let csr_pem = fs::read_to_string(&csr).unwrap();
    let candidates = vec![Candidate { thing: thing.clone(), csr_pem }];
    let certified = world.server.certify(candidates, life).await.unwrap();
    fs::write(&pem, &certified[0].chain_pem).unwrap();
    fs::write(&ca, world.server.authority().root_pem()).unwrap();

    begins(&world).await;
    let mut device = tokio::task::spawn_blocking({
        let port = world.server.mqtt().port().to_string();
        move || {
            Command::new(python)
                .arg(root().join("examples/bare-device/device.py"))
                .args(["--host", "localhost", "--port", &port, "--client-id", "pump-py", "--once"])
                .arg("--ca")
                .arg(ca)
                .arg("--cert")
                .arg(pem)
                .arg("--key")
                .arg(key)
                .output()
                .unwrap()
        }
    });
    let ended = world.ended(&thing).await;
    let output = (&mut device).await.unwrap();

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_device_rotates() {
    let begins = async |world: &World| {
        world.server.audit_now().await.unwrap();
    };

    let ended = rotates(days(7), begins).await;

    assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
}

#[test]
fn a_bare_device_whose_broker_went_away_gives_up_in_words() {
    // Regression: a server killed between connecting and `crt_ack` ended it with a traceback.
    let script = "
import sys; sys.argv = ['x', '--ca', 'x', '--cert', 'x', '--key', 'x', '--client-id', 'pump-py']
import device
device.WAIT_SECONDS = 0.2
lost = device.Device(device.arguments())
lost.session = device.mqtt.Client(device.mqtt.CallbackAPIVersion.VERSION2)
try:
    lost.publish('crt_ack', {})
except device.Refused as error:
    print(error)
";

    let output = Command::new(root().join("target/python/bin/python"))
        .current_dir(root().join("examples/bare-device"))
        .args(["-B", "-c", script])
        .output()
        .unwrap();

    let (said, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("did not take the crt_ack"), "{said}{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_device_that_was_away_past_its_certificates_end_rotates() {
    let thing = ThingName::new("pump-py").unwrap();
    let begins = async |world: &World| {
        let ends_at = world.certificate_of(&thing).await.certificate.validity.not_after;
        world::passed(ends_at).await;
    };

    let ended = rotates(Duration::from_secs(2), begins).await;

    assert_eq!(ended.rotation.cause, Cause::Recovery);
    assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
}
