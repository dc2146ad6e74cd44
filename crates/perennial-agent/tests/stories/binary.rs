//! The binary as an operator meets it.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use crate::world::World;

/// The binary under test; `PERENNIAL_AGENT_BIN` names another one, to measure what ships.
fn agent() -> Command {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_perennial-agent"));
    Command::new(std::env::var_os("PERENNIAL_AGENT_BIN").map_or(built, PathBuf::from))
}

#[tokio::test]
async fn the_binary_connects_says_how_it_stands_and_ends_on_sigterm() {
    let world = World::start();
    let (config, data) = (world.data().with_extension("toml"), world.data());
    let text = format!(
        "client_id = \"pump-1\"\nserver = \"{}\"\nserver_name = \"localhost\"\ndata = {data:?}\n",
        world.address
    );
    std::fs::write(&config, text).unwrap();

    let mut presence = world.handle.presence();
    let mut running =
        agent().args(["run", "--log", "warn", "--config"]).arg(&config).spawn().unwrap();
    presence.recv().await.unwrap();
    let pid = running.id().to_string();
    let shown = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    println!("{:?}", shown.lines().find(|line| line.starts_with("VmRSS")));
    let status = agent().args(["status", "--json", "--config"]).arg(&config).output().unwrap();
    Command::new("kill").arg(&pid).status().unwrap();
    let ended = tokio::task::spawn_blocking(move || running.wait().unwrap());
    let ended = tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap().unwrap();
    presence.recv().await.unwrap();

    assert_eq!(ended.code(), Some(0));
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["state"], "Steady");
    assert_eq!(status["slots"][0]["certificate_id"], world.first.to_string());
}

#[tokio::test]
async fn a_hook_that_fails_is_in_the_log_with_what_it_printed() {
    let mut world = World::start();
    let (config, data) = (world.data().with_extension("toml"), world.data());
    let text = format!(
        "client_id = \"pump-1\"\nserver = \"{}\"\nserver_name = \"localhost\"\ndata = {data:?}\n\
         [hook]\ncommand = [\"sh\", \"-c\", \"echo the nginx is gone; exit 7\"]\n",
        world.address
    );
    std::fs::write(&config, text).unwrap();
    let log = std::fs::File::create(world.data().with_extension("log")).unwrap();
    let mut running = agent().args(["run", "--config"]).arg(&config).stderr(log).spawn().unwrap();

    world.rotate().await;
    world.rotate().await;
    running.kill().unwrap();
    running.wait().unwrap();

    let log = std::fs::read_to_string(world.data().with_extension("log")).unwrap();
    assert!(log.contains("the nginx is gone"), "{log}");
    assert!(log.contains("the hook failed: exit status: 7"), "{log}");
}

#[test]
fn usage_errors_end_with_2_and_a_wrong_configuration_with_1() {
    let folder = tempfile::TempDir::new().unwrap();
    let config = folder.path().join("agent.toml");
    std::fs::write(&config, "client_id = \"pump-1\"\nsever = 1\n").unwrap();

    let usage = agent().arg("fly").stderr(Stdio::null()).status().unwrap();
    let wrong = agent().args(["run", "--config"]).arg(&config).output().unwrap();

    assert_eq!(usage.code(), Some(2));
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("sever"));
}

fn config_of(folder: &std::path::Path) -> (PathBuf, PathBuf) {
    let (config, data) = (folder.join("agent.toml"), folder.join("data"));
    let text = format!("client_id = \"pump-1\"\nserver = \"localhost:1\"\ndata = {data:?}\n");
    std::fs::write(&config, text).unwrap();
    (config, data)
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn between_its_csr_and_its_certificate_a_device_says_what_it_waits_for() {
    let folder = tempfile::TempDir::new().unwrap();
    let (config, _) = config_of(folder.path());
    let status = || agent().args(["status", "--config"]).arg(&config).output().unwrap();

    let before = status();
    let csr = agent().args(["enroll", "--csr", "--config"]).arg(&config).output().unwrap();
    let between = status();

    assert!(csr.status.success() && csr.stdout.starts_with(b"-----BEGIN CERTIFICATE REQUEST"));
    assert!(said(&before).contains("holds no device"), "{}", said(&before));
    assert!(said(&between).contains("enroll` with --certificate"), "{}", said(&between));
}

#[tokio::test]
async fn a_damaged_key_shows_in_the_status_and_is_told_once() {
    let world = World::start();
    let (config, data) = (world.data().with_extension("toml"), world.data());
    let text = format!("client_id = \"pump-1\"\nserver = \"localhost:1\"\ndata = {data:?}\n");
    std::fs::write(&config, text).unwrap();
    std::fs::write(data.join("credentials/1/key.pem"), "not a key").unwrap();

    let status = agent().args(["status", "--json", "--config"]).arg(&config).output().unwrap();
    let words = agent().args(["status", "--config"]).arg(&config).output().unwrap();

    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let problem = status["slots"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("key.pem"), "{problem}");
    assert_eq!(status["server_time"], serde_json::Value::Null);
    assert!(String::from_utf8(words.stdout).unwrap().contains(problem));
}
