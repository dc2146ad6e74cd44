//! The real program: a server of its own, and the nouns that ask it.
#![allow(dead_code, reason = "each story uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a story's own machinery")]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use perennial_agent::IssuedBy;
use perennial_core::ids::ClientId;
use serde_json::Value;

/// How long anything in a story may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A running `perennial serve`, killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) announced: Value,
}

impl Server {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_on(data, "127.0.0.1:0")
    }

    pub(crate) fn start_on(data: &Path, mqtt: &str) -> Self {
        Self::start_with(data, &["--mqtt", mqtt])
    }

    /// One rotation is all that these stories are about: none follows upon it.
    pub(crate) fn start_with(data: &Path, arguments: &[&str]) -> Self {
        let config = data.with_file_name("perennial.toml");
        std::fs::write(&config, "[rotation]\nmax_attempts = 0\n").unwrap();
        let mut child = command()
            .args(["serve", "--json", "--log", "off"])
            .args(if arguments.contains(&"--mqtt") { &[][..] } else { &["--mqtt", "127.0.0.1:0"] })
            .args(arguments)
            .args(["--http", "127.0.0.1:0", "--data"])
            .arg(data)
            .arg("--config")
            .arg(config)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announced = serde_json::from_str(&line).unwrap();
        Self { child, announced }
    }

    pub(crate) fn mqtt(&self) -> String {
        self.announced["mqtt"].as_str().unwrap().to_owned()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as an init system does.
    pub(crate) fn stop(mut self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success() && self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, without what the developer's environment says of servers.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perennial"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("AWS_") || text.starts_with("PERENNIAL_") {
            command.env_remove(name);
        }
    }
    command
}

/// Words of a command line.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

/// A noun that asks the server of `data`.
pub(crate) fn noun(line: &str, data: &Path) -> Output {
    command().args(words(line)).arg("--data").arg(data).output().unwrap()
}

/// A noun that nobody waits for yet.
pub(crate) fn asking(line: &str, data: &Path) -> Child {
    let mut command = command();
    command.args(words(line)).arg("--data").arg(data);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The same, with what it tells people meanwhile to be read.
pub(crate) fn asking_aloud(line: &str, data: &Path) -> Child {
    let mut command = command();
    command.args(words(line)).arg("--data").arg(data);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What a command says when it is done.
pub(crate) fn said(line: &str, data: &Path) -> String {
    let output = noun(line, data);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// The objects that a command prints with `--json`.
pub(crate) fn objects(line: &str, data: &Path) -> Vec<Value> {
    let said = said(&format!("{line} --json"), data);
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The one object that a command prints with `--json`.
pub(crate) fn object(line: &str, data: &Path) -> Value {
    let mut objects = objects(line, data);
    assert_eq!(objects.len(), 1, "{line}: {objects:?}");
    objects.remove(0)
}

/// What a command that must fail says, and its exit code.
pub(crate) fn refused(line: &str, data: &Path) -> (i32, String) {
    let output = noun(line, data);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{line} was done");
    assert!(!error.contains("panicked"), "{error}");
    (output.status.code().unwrap(), error)
}

/// Waits until `look` finds what it looks for.
pub(crate) fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Makes a device's key and CSR in `device`; answers the CSR's file.
pub(crate) fn csr(name: &str, device: &Path) -> PathBuf {
    let pem = perennial_agent::request(&ClientId::new(name).unwrap(), device).unwrap();
    let path = device.join("request.csr");
    std::fs::write(&path, pem).unwrap();
    path
}

/// Enrols a device by the nouns.
pub(crate) fn enroll(name: &str, data: &Path, device: &Path) -> ClientId {
    let csr = csr(name, device);
    let made = object(&format!("thing create {name} --csr {}", csr.display()), data);
    let text = |member: &str| made[member].as_str().unwrap();
    let chain = format!("{}{}", text("certificatePem"), text("chainPem"));
    let client_id = ClientId::new(name).unwrap();
    perennial_agent::complete(&client_id, &chain, text("caPem"), IssuedBy::Server, device).unwrap();
    client_id
}
