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
