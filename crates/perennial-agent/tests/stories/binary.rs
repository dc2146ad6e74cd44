//! The binary as an operator meets it.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use perennial_core::{certificate::CertificateStatus, message::ErrorCode};

use crate::world::{Outcome, World};

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

#[tokio::test]
async fn a_device_that_the_server_refuses_says_so_until_it_is_let_in() {
    // Regression: the status said no more than the state, which was steady.
    let world = World::start();
    let (config, data) = (world.data().with_extension("toml"), world.data());
    std::fs::write(&config, configuration(&world, &data)).unwrap();
    let status = || status_of(&config);
    world.set(world.first, CertificateStatus::Inactive);

    let mut running = agent().args(["run", "--config"]).arg(&config).spawn().unwrap();
    until("it is refused", || status().1["refused"]["text"].is_string()).await;
    let (words, refused) = status();
    world.set(world.first, CertificateStatus::Active);
    until("it is let in", || status().1["refused"].is_null()).await;
    running.kill().unwrap();
    running.wait().unwrap();

    assert!(words.starts_with("pump-1: Steady, but the server refuses it\n"), "{words}");
    let why = refused["refused"]["text"].as_str().unwrap();
    assert!(why.contains("the server refused this certificate: it is not ACTIVE"), "{why}");
}

#[tokio::test]
async fn a_device_on_a_disk_that_is_full_says_so_and_rotates_once_there_is_room() {
    let mut world = World::start();
    let config = world.data().with_extension("toml");
    let disk = FullDisk::of(&world.data());
    std::fs::write(&config, configuration(&world, &disk.folder)).unwrap();
    let mut presence = world.handle.presence();
    let mut running = disk.holds(agent().args(["run", "--config"]).arg(&config)).spawn().unwrap();
    presence.recv().await.unwrap();

    disk.fill(running.id());
    let full = world.rotate().await;
    disk.make_room(running.id());
    let with_room = world.rotate().await;

    let Outcome::GaveUp(error) = full else { panic!("acknowledged") };
    assert_eq!(error.code, ErrorCode::StorageFailed);
    assert!(error.error.contains("make room"), "{}", error.error);
    assert!(matches!(with_room, Outcome::Acknowledged { .. }));
    assert!(running.try_wait().unwrap().is_none());
    running.kill().unwrap();
    running.wait().unwrap();
}

/// A disk that takes nothing more: a small file system of the agent's own where one may be mounted,
/// otherwise the file that everything is written to, on the device that is always full.
struct FullDisk {
    folder: PathBuf,
    enrolled: PathBuf,
    is_mounted: bool,
}

impl FullDisk {
    fn of(enrolled: &Path) -> Self {
        let mut mount = Command::new("unshare");
        mount.args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).stderr(Stdio::null());
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        let own = enrolled.with_extension("disk");
        let folder = if is_mounted { own } else { enrolled.to_owned() };
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, enrolled: enrolled.to_owned(), is_mounted }
    }

    /// The same command, with the device's folder on the disk.
    fn holds(&self, command: &Command) -> Command {
        let script = "mount -t tmpfs -o size=256k none \"$0\" && cp -a \"$1/.\" \"$0\" && shift && \
                      exec \"$@\"";
        let mut on_disk = Command::new("sh");
        if self.is_mounted {
            on_disk = Command::new("unshare");
            on_disk.args(["-rm", "sh", "-c", script]).arg(&self.folder).arg(&self.enrolled);
        } else {
            on_disk.args(["-c", "exec \"$@\"", "sh"]);
        }
        on_disk.arg(command.get_program()).args(command.get_args());
        on_disk
    }

    /// The folder as the process has it.
    fn seen_by(&self, process: u32) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{process}/root"));
        root.join(self.folder.strip_prefix("/").unwrap())
    }

    fn fill(&self, process: u32) {
        if !self.is_mounted {
            let written = self.folder.join(".device.json.new");
            return std::os::unix::fs::symlink("/dev/full", written).unwrap();
        }
        let mut filler = std::fs::File::create(self.seen_by(process).join("filler")).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self, process: u32) {
        let name = if self.is_mounted { "filler" } else { ".device.json.new" };
        std::fs::remove_file(self.seen_by(process).join(name)).unwrap();
    }
}

fn configuration(world: &World, data: &Path) -> String {
    format!(
        "client_id = \"pump-1\"\nserver = \"{}\"\nserver_name = \"localhost\"\ndata = {data:?}\n",
        world.address
    )
}

/// The status in words, and as data.
fn status_of(config: &Path) -> (String, serde_json::Value) {
    let said = |json: &[&str]| {
        let output = agent().arg("status").args(json).arg("--config").arg(config).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    (said(&[]), serde_json::from_str(&said(&["--json"])).unwrap())
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_ok(), "never came true: {what}");
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
