//! `cargo xtask fuzz`: every target for a while, with what cargo-fuzz needs installed first.
//!
//! libFuzzer grows its corpus under `target/fuzz-corpus`; the seeds in `fuzz/corpus` stay as small
//! as they are. What breaks a target is put into `fuzz/found`, for the test that runs it for ever.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{process, workspace::Workspace};

/// Runs `target`, or each target in turn, for `seconds`.
///
/// # Errors
/// When a target was broken, or cargo-fuzz cannot be installed.
pub(crate) fn run(workspace: &Workspace, target: Option<&str>, seconds: u32) -> Result<()> {
    let all = targets(workspace)?;
    let chosen: Vec<&str> = match target {
        Some(name) if all.iter().any(|known| known == name) => vec![name],
        Some(name) => bail!("there is no target {name}; there are {}", all.join(", ")),
        None => all.iter().map(String::as_str).collect(),
    };
    set_up(workspace)?;
    let mut broken = Vec::new();
    for name in chosen {
        println!("\n=== {name}");
        let passed = process::run(&mut command(workspace, name, seconds)?).is_ok();
        let found = keep_found(workspace, name)?;
        if !passed && found.is_empty() {
            bail!("{name} did not run");
        }
        broken.extend(found);
    }
    if broken.is_empty() {
        return Ok(());
    }
    bail!("broken; fix it and commit the input with the fix: {}", broken.join(", "))
}

/// Names of the targets: their programs'.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.path("fuzz/fuzz_targets");
    let stem = |path: &PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let mut names: Vec<_> = files(&folder)?.iter().filter_map(stem).collect();
    names.sort();
    Ok(names)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn set_up(workspace: &Workspace) -> Result<()> {
    if !process::works("cargo-fuzz", &["--version"]) {
        let mut install = process::cargo(workspace.root());
        process::run(install.args(["install", "--locked", "cargo-fuzz"]))?;
    }
    // The same versions as in what ships.
    fs::copy(workspace.path("Cargo.lock"), workspace.path("fuzz/Cargo.lock"))?;
    Ok(())
}

fn command(workspace: &Workspace, name: &str, seconds: u32) -> Result<Command> {
    let grown = workspace.path("target/fuzz-corpus").join(name);
    fs::create_dir_all(&grown)?;
    let kept = ["corpus", "found"].map(|folder| workspace.path("fuzz").join(folder).join(name));
    let mut command = process::cargo(workspace.root());
    // cargo-fuzz passes flags that only a nightly takes without being told that it is all right.
    command.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", name]).arg(grown);
    command.args(kept.iter().filter(|folder| folder.is_dir()));
    command.arg("--").arg(format!("-max_total_time={seconds}"));
    command.args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=16384", "-print_final_stats=1"]);
    Ok(command)
}

/// Moves what broke the target to where the test finds it; answers where.
fn keep_found(workspace: &Workspace, name: &str) -> Result<Vec<String>> {
    let artifacts = workspace.path("fuzz/artifacts").join(name);
    if !artifacts.is_dir() {
        return Ok(Vec::new());
    }
    let found = workspace.path("fuzz/found").join(name);
    let mut kept = Vec::new();
    for file in files(&artifacts)? {
        fs::create_dir_all(&found)?;
        let to = found.join(file.file_name().unwrap_or_default());
        fs::rename(&file, &to)?;
        kept.push(workspace.relative(&to).display().to_string());
    }
    Ok(kept)
}
