//! `cargo xtask setup`: what the tests need beside Rust, by name, and only if it is missing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{process, workspace::Workspace};

/// What the tests run: how to tell that it is there, and Debian's package for it.
const NEEDS: [(Probe, &str); 10] = [
    (Probe::Program("mosquitto"), "mosquitto"),
    (Probe::Program("mosquitto_pub"), "mosquitto-clients"),
    (Probe::Program("node"), "nodejs"),
    (Probe::Program("npm"), "npm"),
    (Probe::Program("openssl"), "openssl"),
    (Probe::Program("python3"), "python3"),
    (Probe::PythonModules("venv, ensurepip"), "python3-venv"),
    (Probe::Program("sqlite3"), "sqlite3"),
    (Probe::Program("ps"), "procps"),
    (Probe::Program("setpriv"), "util-linux"),
];

/// Where programs may be although a plain user's PATH lacks it (Debian's mosquitto).
const EXTRA_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// The Python of the tests and what it needs, relative to the root.
const PYTHON_FOLDER: &str = "target/python";
const REQUIREMENTS: [&str; 2] =
    ["examples/bare-device/requirements.txt", "crates/perennial-e2e/tests/aws/requirements.txt"];

/// The Node of the tests, and what it needs.
const NODE_FOLDER: &str = "target/node";
const NODE_PACKAGES: &str = "crates/perennial-e2e/tests/aws/node-packages.txt";

enum Probe {
    Program(&'static str),
    PythonModules(&'static str),
}

/// Installs what is missing; says nothing when all is there.
///
/// # Errors
/// When something is missing that cannot be installed: the error names the packages.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let missing = missing_packages();
    if !missing.is_empty() {
        install(&missing)?;
    }
    make_python(workspace)?;
    make_node(workspace)
}

fn missing_packages() -> Vec<&'static str> {
    NEEDS.iter().filter(|(probe, _)| !probe.is_there()).map(|(_, package)| *package).collect()
}

impl Probe {
    fn is_there(&self) -> bool {
        match self {
            Self::Program(name) => on_path(name),
            Self::PythonModules(names) => {
                process::works("python3", &["-c", &format!("import {names}")])
            }
        }
    }
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(EXTRA_FOLDERS.map(PathBuf::from));
    folders.any(|folder| folder.join(program).is_file())
}

fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if !on_path("apt-get") {
        bail!("install what Debian calls {names}, then run this again: there is no apt-get here");
    }
    let by_hand = || format!("install by hand: apt-get install {names}");
    process::run(as_root("apt-get")?.args(["update", "-qq"])).with_context(by_hand)?;
    let mut apt = as_root("env")?;
    apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq"]);
    process::run(apt.arg("--no-install-recommends").args(packages)).with_context(by_hand)?;
    if packages.contains(&"mosquitto") {
        keep_mosquitto_down()?;
    }
    match missing_packages().as_slice() {
        [] => Ok(()),
        still => bail!("apt-get went well, but {} cannot be used", still.join(" ")),
    }
}

/// Debian starts a broker on port 1883 where systemd runs; nobody asked for one here.
fn keep_mosquitto_down() -> Result<()> {
    if !Path::new("/run/systemd/system").is_dir() {
        return Ok(());
    }
    process::run(as_root("systemctl")?.args(["disable", "--now", "mosquitto.service"]))
}

fn as_root(program: &str) -> Result<Command> {
    if fs::metadata("/proc/self").is_ok_and(|own| is_roots(&own)) {
        return Ok(Command::new(program));
    }
    if !process::works("sudo", &["-n", "true"]) {
        bail!("{program} needs root, and sudo without a password does not work here");
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", program]);
    Ok(sudo)
}

#[cfg(unix)]
fn is_roots(file: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(file) == 0
}

#[cfg(not(unix))]
fn is_roots(_: &fs::Metadata) -> bool {
    false
}

/// A virtual environment with the pinned libraries, made anew when the pins change.
fn make_python(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path(PYTHON_FOLDER);
    let installed = folder.join("requirements.txt");
    let mut wanted = String::new();
    for pins in REQUIREMENTS {
        let read = fs::read_to_string(workspace.path(pins));
        wanted.push_str(&read.with_context(|| format!("reading {pins}"))?);
    }
    if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]);
    for pins in REQUIREMENTS {
        pip.arg("--requirement").arg(workspace.path(pins));
    }
    process::run(&mut pip)?;
    fs::write(&installed, wanted).with_context(|| format!("writing {}", installed.display()))
}

/// A folder with the pinned packages, made anew when the pins change.
fn make_node(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path(NODE_FOLDER);
    let installed = folder.join("packages.txt");
    let read = fs::read_to_string(workspace.path(NODE_PACKAGES));
    let wanted = read.with_context(|| format!("reading {NODE_PACKAGES}"))?;
    if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
    process::run(npm.arg(&folder).args(wanted.split_whitespace()))?;
    fs::write(&installed, wanted).with_context(|| format!("writing {}", installed.display()))
}
