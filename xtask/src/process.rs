//! Running other programs: shown before they run, without a stdin, never silently failing.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, bail};

/// The cargo that runs this xtask, in `folder`.
pub(crate) fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    command
}

/// Whether `program` starts with `arguments` and says it is well.
pub(crate) fn works(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs `command` with its output on ours.
///
/// # Errors
/// When it does not start, or ends with anything but 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("starting {}", named(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", named(command));
    }
    Ok(())
}

/// Runs `command`, shows its output as it comes, and keeps it: whether it ended well, and its
/// lines (of stdout first, then of stderr).
///
/// # Errors
/// When it does not start.
pub(crate) fn run_and_keep(command: &mut Command) -> Result<(bool, Vec<String>)> {
    announce(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", named(command)))?;
    let errors = child.stderr.take();
    let reader = thread::spawn(move || errors.map(show_and_keep).unwrap_or_default());
    let mut lines = child.stdout.take().map(show_and_keep).unwrap_or_default();
    lines.extend(reader.join().unwrap_or_default());
    Ok((child.wait()?.success(), lines))
}

fn show_and_keep(output: impl Read) -> Vec<String> {
    let mut kept = Vec::new();
    let mut reader = BufReader::new(output);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        println!("{line}");
        kept.push(line);
        bytes.clear();
    }
    kept
}

fn announce(command: &Command) {
    println!("$ {}", named(command));
    // Not line-buffered into a pipe: the child's output must come after this line.
    let _ = std::io::stdout().flush();
}

fn named(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
