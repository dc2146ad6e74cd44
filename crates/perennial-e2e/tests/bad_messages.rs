//! Messages that must not count, sent by `mosquitto_pub`: acks over the outgoing certificate,
//! repeated and unasked CSRs, other clients' topics, other rotations, garbage.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a story's own machinery")]

mod world;

use std::{fs, path::PathBuf, process::Command};

use perennial_core::{
    ids::ThingName,
    rotation::{Ignored, Note, Outcome},
    time::days,
};
use perennial_orchestrator::port::{Fact, HistoryEntry, Stored};
use perennial_server::Candidate;
use world::{World, until};

/// A device that is nothing but a key, a certificate and `mosquitto_pub`.
struct Credential {
    key: PathBuf,
    certificate: PathBuf,
}

struct Bare<'a> {
    world: &'a World,
    thing: ThingName,
}

fn run(command: &mut Command) -> bool {
    let status = command.status();
    status
        .unwrap_or_else(|error| panic!("{command:?}: {error}; `cargo xtask setup` installs it"))
        .success()
}

impl Bare<'_> {
    /// A fresh key and a CSR for it.
    fn csr(&self, name: &str) -> (PathBuf, String) {
        let (key, csr) = (self.world.path(&format!("{name}.key")), self.world.path("csr.pem"));
        let subject = format!("/CN={}", self.thing);
        assert!(run(Command::new("openssl")
            .args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-subj", &subject, "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&csr)
            .stderr(std::process::Stdio::null())));
        (key, fs::read_to_string(csr).unwrap())
    }

    fn credential(&self, name: &str, key: PathBuf, pem: &str) -> Credential {
        let certificate = self.world.path(&format!("{name}.pem"));
        fs::write(&certificate, pem).unwrap();
        Credential { key, certificate }
    }

    /// Publishes as QoS 1; answers whether the broker acknowledged it.
    async fn publish(&self, with: &Credential, topic: &str, payload: &str) -> bool {
        let ca = self.world.path("ca.pem");
        fs::write(&ca, self.world.server.authority().root_pem()).unwrap();
        let mut command = Command::new("mosquitto_pub");
        command
            .args(["-h", "localhost", "-p", &self.world.server.mqtt().port().to_string()])
            .args(["-V", "5", "-q", "1", "-i", self.thing.as_str(), "-t", topic, "-m", payload])
            .arg("--cafile")
            .arg(ca)
            .arg("--cert")
            .arg(&with.certificate)
            .arg("--key")
            .arg(&with.key);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        // A PUBACK that says no is a warning to mosquitto_pub.
        let said = [output.stdout, output.stderr].concat();
        output.status.success() && !String::from_utf8_lossy(&said).contains("failed")
    }

    fn topic(&self, kind: &str) -> String {
        format!("management/topic/{}/{kind}", self.thing)
    }

    async fn latest(&self) -> Option<Stored> {
        self.world.server.store().latest_rotation(self.thing.clone()).await.unwrap()
    }

    async fn reaches(&self, state: &str) -> Stored {
        until(state, async || self.latest().await.filter(|stored| stored.state.name() == state))
            .await
    }

    /// Waits for a line in the history that was ignored for this reason.
    async fn ignored(&self, input: &str, why: Ignored) {
        let stored = self.latest().await.unwrap();
        let fits = |it: &HistoryEntry| it.input == input && it.note == Note::Ignored(why);
        until(&format!("{input} is ignored as {why:?}"), async || {
            let history = self.world.server.store().history(stored.rotation.id).await.unwrap();
            history.iter().any(fits).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_right_certificate_says_in_its_turn_counts() {
    let world = World::begin().await;
    let bare = Bare { world: &world, thing: ThingName::new("pump-1").unwrap() };
    let (key, csr_pem) = bare.csr("outgoing");
    let candidates = vec![Candidate { thing: bare.thing.clone(), csr_pem: csr_pem.clone() }];
    let certified = world.server.certify(candidates, days(7)).await.unwrap();
    let outgoing = bare.credential("outgoing", key, &certified[0].chain_pem);
    let asking = serde_json::json!({ "CSR": csr_pem }).to_string();

    // Nobody asked, and another client's topic.
    assert!(bare.publish(&outgoing, &bare.topic("csr_res"), &asking).await);
    assert!(!bare.publish(&outgoing, "management/topic/pump-2/csr_res", &asking).await);
    assert!(bare.latest().await.is_none());

    // The outgoing key again, then a key of its own, three times over.
    let request =
        Fact::RotationRequested { thing: bare.thing.clone(), certificate_id: None, rekey: true };
    world.server.intake().accept(vec![request]).await.unwrap();
    bare.reaches("AwaitingCsr").await;
    assert!(bare.publish(&outgoing, &bare.topic("csr_res"), "{\"CSR\":").await);
    bare.ignored("csr_resUnreadable", Ignored::OutOfTurn).await;
    assert!(bare.publish(&outgoing, &bare.topic("csr_res"), &asking).await);
    until("the outgoing key is refused", async || {
        let stored = bare.latest().await?;
        let history = world.server.store().history(stored.rotation.id).await.unwrap();
        history.iter().any(|entry| entry.detail.contains("KeyReused")).then_some(())
    })
    .await;
    let (key, csr_pem) = bare.csr("incoming");
    let answer = serde_json::json!({ "CSR": csr_pem }).to_string();
    for _ in 0..3 {
        assert!(bare.publish(&outgoing, &bare.topic("csr_res"), &answer).await);
    }
    let waiting = bare.reaches("AwaitingAck").await;

    // Acks that prove nothing.
    assert!(bare.publish(&outgoing, &bare.topic("crt_ack"), "{}").await);
    bare.ignored("AckReceived", Ignored::NoEvidence).await;
    let other = format!("{{\"rotationId\":\"{}\"}}", "0".repeat(32));
    assert!(bare.publish(&outgoing, &bare.topic("crt_ack"), &other).await);
    bare.ignored("AckReceived", Ignored::OtherRotation).await;
    assert_eq!(bare.latest().await.unwrap().state.name(), "AwaitingAck");

    // The one that does.
    let certificate = world.incoming(&waiting).await;
    let pem = perennial_pki::pem_of_certificate(&certificate.der);
    let chain = format!("{pem}{}", world.server.authority().chain_pem());
    let incoming = bare.credential("incoming", key, &chain);
    assert!(bare.publish(&incoming, &bare.topic("crt_ack"), "{}").await);
    let ended = world.ended(&bare.thing).await;

    assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
    assert_eq!(world.server.store().certificates(None, 10).await.unwrap().len(), 2);
    assert!(!bare.publish(&outgoing, &bare.topic("crt_ack"), "{}").await);
}
