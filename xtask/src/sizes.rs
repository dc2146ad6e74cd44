//! `cargo xtask sizes`: files are rooms, functions are short, the agent fits a device.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{process, workspace::Workspace};

/// Lines of a file from which it should be thought over.
const THINK_AT: usize = 400;
/// Lines of a file that it may not exceed, tests included.
const NEVER_OVER: usize = 800;
/// Lines that half of the files, and functions, should not exceed.
const MEDIAN_FILE: usize = 150;
const MEDIAN_FUNCTION: usize = 10;
/// Bytes of the agent's executable as a device gets it: 8 MB.
const AGENT_BYTES: u64 = 8_000_000;

/// Measures every Rust file of ours, and with `binary` the agent's executable.
///
/// # Errors
/// When a file is too long or does not begin by saying what it is for, or the agent is too large.
pub(crate) fn run(workspace: &Workspace, binary: bool) -> Result<()> {
    let faults = measure_sources(workspace)?;
    for fault in &faults {
        println!("  {fault}");
    }
    if !faults.is_empty() {
        bail!("{} files break the rules of size (CONTRIBUTING.md)", faults.len());
    }
    if binary { weigh_agent(workspace) } else { Ok(()) }
}

fn measure_sources(workspace: &Workspace) -> Result<Vec<String>> {
    let (mut files, mut functions, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for path in workspace.rust_files()? {
        let source = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let shown = workspace.relative(&path);
        let lines = source.lines().count();
        faults.extend(file_fault(shown, &source, lines));
        if (THINK_AT + 1..=NEVER_OVER).contains(&lines) {
            println!("  warning: {} has {lines} lines: is it one idea?", shown.display());
        }
        files.push(lines);
        functions.extend(function_lengths(&source));
    }
    report("files", &mut files, MEDIAN_FILE);
    report("functions", &mut functions, MEDIAN_FUNCTION);
    Ok(faults)
}

fn file_fault(path: &Path, source: &str, lines: usize) -> Option<String> {
    if lines > NEVER_OVER {
        return Some(format!("{} has {lines} lines, over {NEVER_OVER}", path.display()));
    }
    let says = source.starts_with("//! ");
    (!says).then(|| format!("{}: the first line must be `//! ` and its one idea", path.display()))
}

fn report(what: &str, lengths: &mut [usize], wanted_median: usize) {
    lengths.sort_unstable();
    let middle = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
    let ninth = lengths.get(lengths.len() * 9 / 10).copied().unwrap_or_default();
    let longest = lengths.last().copied().unwrap_or_default();
    let verdict = if middle > wanted_median { ": LONGER THAN WANTED" } else { "" };
    println!(
        "{what}: {} with {} lines; median {middle} (wanted ≤ {wanted_median}{verdict}), \
         90 % ≤ {ninth}, longest {longest}",
        lengths.len(),
        lengths.iter().sum::<usize>(),
    );
}

/// Lines inside the braces of each function, tests included. An estimate: it trusts rustfmt to
/// close a function with a brace in the column it began in.
fn function_lengths(source: &str) -> Vec<usize> {
    let lines: Vec<&str> = source.lines().collect();
    let starts = (0..lines.len()).filter(|index| begins_function(lines[*index]));
    starts.filter_map(|index| body_length(&lines[index..])).collect()
}

fn begins_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let qualifier = |word: &str| {
        ["const", "async", "extern", "default"].contains(&word) || word.starts_with("pub")
    };
    words.find(|word| !qualifier(word)) == Some("fn")
}

/// `None` for a declaration without a body; `lines` begin with the function's first.
fn body_length(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?;
    let indent = &first[..first.len() - first.trim_start().len()];
    let opening =
        lines.iter().position(|line| line.ends_with('{') || line.ends_with(['}', ';']))?;
    match lines[opening].chars().last()? {
        ';' => None,
        '}' => Some(1),
        _ => {
            let closing = format!("{indent}}}");
            lines[opening + 1..].iter().position(|line| *line == closing)
        }
    }
}

fn weigh_agent(workspace: &Workspace) -> Result<()> {
    let target = workspace.path("target");
    let mut build = process::cargo(workspace.root());
    build.args(["build", "--locked", "--profile", "agent", "--package", "perennial-agent"]);
    process::run(build.arg("--target-dir").arg(&target))?;
    let bytes = fs::metadata(target.join("agent/perennial-agent"))?.len();
    println!("perennial-agent: {bytes} bytes of {AGENT_BYTES}");
    if bytes > AGENT_BYTES {
        bail!("perennial-agent is {} bytes too large for a device", bytes - AGENT_BYTES);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_functions_length_is_what_stands_between_its_braces() {
        let source = "\
fn three(
    a: u8,
) {
    let b = a;
    if b > 0 {
    }
}

trait T {
    fn declared(&self);
    pub(crate) async fn one(&self) -> u8 { 1 }
    fn empty() {
    }
}
";

        assert_eq!(function_lengths(source), [3, 1, 0]);
    }

    #[test]
    fn a_file_says_its_idea_first_and_stays_under_the_limit() {
        let path = Path::new("x.rs");

        assert_eq!(file_fault(path, "//! One idea.\n", 1), None);
        assert!(file_fault(path, "use std::fs;\n", 1).is_some());
        assert!(file_fault(path, "//! One idea.\n", NEVER_OVER + 1).is_some());
    }
}
