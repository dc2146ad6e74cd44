//! A bare device: a key, a certificate, `openssl` and the `mosquitto` clients; no agent.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::Duration,
};

use perennial_core::{
    ids::ThingName,
    rotation::{Ignored, Note},
    time::days,
};
use perennial_orchestrator::port::{Fact, HistoryEntry, Stored};
use perennial_server::Candidate;

use super::{World, until};

/// A key and its certificate chain, in files.
pub(crate) struct Credential {
    pub(crate) key: PathBuf,
    pub(crate) certificate: PathBuf,
}

/// A client that listens.
pub(crate) struct Listening {
    client: Child,
    /// What it prints; taken while it is read.
    output: Option<BufReader<ChildStdout>>,
}

impl Listening {
    /// The next message's payload, which may have several lines.
    pub(crate) async fn next(&mut self) -> serde_json::Value {
        let mut output = self.output.take().unwrap();
        let read = move || {
            let mut text = String::new();
            loop {
                let ended = output.read_line(&mut text)? == 0;
                if ended || serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                    return std::io::Result::Ok((text, output));
                }
            }
        };
        let (text, output) = tokio::task::spawn_blocking(read).await.unwrap().unwrap();
        self.output = Some(output);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // One that has ended by itself has ended too.
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// The device of one thing.
pub(crate) struct Bare<'a> {
    pub(crate) world: &'a World,
    pub(crate) thing: ThingName,
}

fn run(command: &mut Command) -> bool {
    let status = command.status();
    status
        .unwrap_or_else(|error| panic!("{command:?}: {error}; `cargo xtask setup` installs it"))
        .success()
}

async fn succeeds(mut command: Command) -> bool {
    succeeded(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap())
}

/// A refusal in a PUBACK or SUBACK is only a warning to a client.
fn succeeded(output: Output) -> bool {
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    output.status.success() && !said.contains("failed") && !said.contains("denied")
}

impl<'a> Bare<'a> {
    pub(crate) fn named(world: &'a World, name: &str) -> Self {
        Self { world, thing: ThingName::new(name).unwrap() }
    }

    /// A fresh key on P-256 and a CSR for it.
    pub(crate) fn csr(&self, name: &str) -> (PathBuf, String) {
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        self.csr_with(name, &[&curve[..], &["-subj", &format!("/CN={}", self.thing)]].concat())
    }

    /// A fresh key and a CSR for it, made by `openssl req -new` with `arguments`.
    pub(crate) fn csr_with(&self, name: &str, arguments: &[&str]) -> (PathBuf, String) {
        let (key, csr) = (self.file(name, "key"), self.file(name, "csr"));
        let mut command = Command::new("openssl");
        command.args(["req", "-new", "-nodes"]).args(arguments).arg("-keyout").arg(&key);
        assert!(run(command.arg("-out").arg(&csr).stderr(Stdio::null())));
        (key, fs::read_to_string(csr).unwrap())
    }

    /// A CSR for a key that is there.
    pub(crate) fn csr_of(&self, key: &Path) -> String {
        let csr = self.file("again", "csr");
        let mut command = Command::new("openssl");
        command.args(["req", "-new", "-subj", &format!("/CN={}", self.thing), "-key"]);
        assert!(run(command.arg(key).arg("-out").arg(&csr)));
        fs::read_to_string(csr).unwrap()
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.world.path(&format!("{}-{name}.{kind}", self.thing))
    }

    /// Its first certificate.
    pub(crate) async fn enrolled(&self) -> Credential {
        self.enrolled_for(days(7)).await
    }

    /// Its first certificate, which lives for `life`.
    pub(crate) async fn enrolled_for(&self, life: Duration) -> Credential {
        let (key, csr_pem) = self.csr("outgoing");
        let candidates = vec![Candidate { thing: self.thing.clone(), csr_pem }];
        let certified = self.world.server.certify(candidates, life).await.unwrap();
        self.credential("outgoing", key, &certified[0].chain_pem)
    }

    /// Has the server rotate it, and waits until it is asked for a CSR.
    pub(crate) async fn rotation_begins(&self) {
        let thing = self.thing.clone();
        let request =
            Fact::RotationRequested { rotation_id: None, thing, certificate_id: None, rekey: true };
        self.world.server.intake().accept(vec![request]).await.unwrap();
        self.reaches("AwaitingCsr").await;
    }

    /// The incoming credential, once the certificate for `key` is issued.
    pub(crate) async fn issued(&self, key: PathBuf) -> Credential {
        let waiting = self.reaches("AwaitingAck").await;
        let certificate = self.world.incoming(&waiting).await;
        let pem = perennial_pki::pem_of_certificate(&certificate.der);
        let chain = format!("{pem}{}", self.world.server.authority().chain_pem());
        self.credential("incoming", key, &chain)
    }

    pub(crate) fn credential(&self, name: &str, key: PathBuf, pem: &str) -> Credential {
        let certificate = self.file(name, "pem");
        fs::write(&certificate, pem).unwrap();
        Credential { key, certificate }
    }

    /// Publishes as QoS 1; answers whether the broker acknowledged it.
    pub(crate) async fn publish(&self, with: &Credential, topic: &str, payload: &str) -> bool {
        self.publish_by("5", with, topic, payload).await
    }

    /// Publishes by a version of MQTT. By 3.1.1 nobody tells the client what is too large.
    pub(crate) async fn publish_by(
        &self,
        version: &str,
        with: &Credential,
        topic: &str,
        payload: &str,
    ) -> bool {
        let mut command = self.client("mosquitto_pub", with);
        command.args(["-V", version, "-q", "1", "-t", topic, "-s"]).stdin(Stdio::piped());
        let payload = payload.to_owned();
        let publish = move || {
            let mut client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            client.stdin.take().unwrap().write_all(payload.as_bytes())?;
            client.wait_with_output()
        };
        succeeded(tokio::task::spawn_blocking(publish).await.unwrap().unwrap())
    }

    /// Publishes the same `times` over, on one connection; answers how many the broker refused.
    pub(crate) async fn floods(
        &self,
        with: &Credential,
        topic: &str,
        payload: &str,
        times: usize,
    ) -> usize {
        let mut command = self.client("mosquitto_pub", with);
        command.args(["-V", "5", "-q", "1", "-t", topic, "-l"]).stdin(Stdio::piped());
        let lines = format!("{payload}\n").repeat(times);
        let publish = move || {
            let mut client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            client.stdin.take().unwrap().write_all(lines.as_bytes())?;
            client.wait_with_output()
        };
        let Output { stdout, stderr, .. } =
            tokio::task::spawn_blocking(publish).await.unwrap().unwrap();
        let said = [stdout, stderr].concat();
        String::from_utf8_lossy(&said).matches("Quota exceeded").count()
    }

    /// Publishes with RETAIN; answers whether the broker acknowledged it.
    pub(crate) async fn retains(&self, with: &Credential, topic: &str, payload: &str) -> bool {
        let mut command = self.client("mosquitto_pub", with);
        command.args(["-V", "5", "-q", "1", "-r", "-t", topic, "-m", payload]);
        succeeds(command).await
    }

    /// Subscribes, and leaves once the broker has answered; whether it granted it.
    pub(crate) async fn may_subscribe(&self, with: &Credential, filter: &str) -> bool {
        let mut command = self.client("mosquitto_sub", with);
        command.args(["-V", "5", "-q", "1", "-E", "-t", filter]);
        succeeds(command).await
    }

    /// Whether the broker lets it in under another client id.
    pub(crate) async fn connects_as(&self, with: &Credential, client_id: &str) -> bool {
        let mut command = self.client("mosquitto_sub", with);
        command.args(["-V", "5", "-q", "1", "-E", "-t", &self.topic("crt"), "-i", client_id]);
        succeeds(command).await
    }

    /// Answers with a CSR.
    pub(crate) async fn send_csr(&self, with: &Credential, csr_pem: &str) {
        let payload = serde_json::json!({ "CSR": csr_pem }).to_string();
        assert!(self.publish(with, &self.topic("csr_res"), &payload).await);
    }

    /// Sends a CSR for a fresh key, and answers what is delivered for it.
    pub(crate) async fn certified(&self, with: &Credential, name: &str) -> serde_json::Value {
        let (_, csr_pem) = self.csr(name);
        self.send_csr(with, &csr_pem).await;
        self.reaches("AwaitingAck").await;
        self.hears(with, "crt").await
    }

    /// Subscribes and answers the first message of this kind.
    pub(crate) async fn hears(&self, with: &Credential, kind: &str) -> serde_json::Value {
        let mut command = self.client("mosquitto_sub", with);
        let topic = self.topic(kind);
        command.args(["-V", "5", "-q", "1", "-C", "1", "-W", "60", "-t", &topic]);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{kind}: {error}: {output:?}"))
    }

    /// Subscribes and stays, until the answer is dropped.
    pub(crate) fn listens(&self, with: &Credential, filter: &str) -> Listening {
        let mut command = self.client("mosquitto_sub", with);
        command.args(["-V", "5", "-q", "1", "-t", filter]);
        let quiet = command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut client = quiet.spawn().unwrap();
        let output = client.stdout.take().map(BufReader::new);
        Listening { client, output }
    }

    fn client(&self, program: &str, with: &Credential) -> Command {
        let ca = self.world.path("ca.pem");
        fs::write(&ca, self.world.server.authority().root_pem()).unwrap();
        let port = self.world.server.mqtt().port().to_string();
        let mut command = Command::new(program);
        command
            .args(["-h", "localhost", "-p", &port, "-i", self.thing.as_str()])
            .arg("--cafile")
            .arg(ca)
            .arg("--cert")
            .arg(&with.certificate)
            .arg("--key")
            .arg(&with.key);
        command
    }

    pub(crate) fn topic(&self, kind: &str) -> String {
        format!("management/topic/{}/{kind}", self.thing)
    }

    pub(crate) async fn latest(&self) -> Option<Stored> {
        self.world.server.store().latest_rotation(self.thing.clone()).await.unwrap()
    }

    pub(crate) async fn reaches(&self, state: &str) -> Stored {
        until(state, async || self.latest().await.filter(|stored| stored.state.name() == state))
            .await
    }

    /// Waits for a line in the history that says `detail`.
    pub(crate) async fn recorded(&self, detail: &str) {
        let stored = self.latest().await.unwrap();
        until(&format!("the history says {detail}"), async || {
            let history = self.world.server.store().history(stored.rotation.id).await.unwrap();
            history.iter().any(|entry| entry.detail.contains(detail)).then_some(())
        })
        .await;
    }

    /// Waits for a line in the history that was ignored for this reason.
    pub(crate) async fn ignored(&self, input: &str, why: Ignored) {
        let stored = self.latest().await.unwrap();
        let fits = |it: &HistoryEntry| it.input == input && it.note == Note::Ignored(why);
        until(&format!("{input} is ignored as {why:?}"), async || {
            let history = self.world.server.store().history(stored.rotation.id).await.unwrap();
            history.iter().any(fits).then_some(())
        })
        .await;
    }
}
