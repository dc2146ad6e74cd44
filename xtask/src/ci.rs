//! `cargo xtask ci`: every check in turn, each shown and timed, the count of tests last.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{deps, process, setup, sizes, workspace::Workspace};

/// At least one step failed; the table that was printed says which.
#[derive(Debug)]
pub(crate) struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a step failed: see the table above")
    }
}

impl std::error::Error for Failed {}

/// What became of a step.
enum Outcome {
    Passed,
    Skipped(&'static str),
    Tests(Tally),
}

type Step = (&'static str, fn(&Workspace) -> Result<Outcome>);

/// Cheap checks first, so that a slip shows early; all run, so that one run shows all slips.
const STEPS: [Step; 9] = [
    ("set-up", |workspace| passed(setup::run(workspace))),
    ("format", |workspace| cargo(workspace, &["fmt", "--all", "--check"])),
    ("sizes", |workspace| passed(sizes::run(workspace, false))),
    ("deps", |workspace| passed(deps::run(workspace))),
    ("deny", deny),
    ("clippy", clippy),
    ("doc", doc),
    ("doc tests", doc_tests),
    ("tests", tests),
];

/// Runs every step.
///
/// # Errors
/// [`Failed`] when a step failed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut table = Vec::new();
    let mut total = Tally::default();
    let mut all_well = true;
    for (name, step) in STEPS {
        println!("\n=== {name}");
        let began_at = Instant::now();
        let outcome = step(workspace);
        all_well &= outcome.as_ref().is_ok_and(Outcome::is_well);
        if let Ok(Outcome::Tests(tally)) = &outcome {
            total.add(tally);
        }
        table.push(row(name, began_at.elapsed(), &outcome));
    }
    println!("\n=== summary\n{}\n{total}", table.join("\n"));
    if all_well { Ok(()) } else { Err(Failed.into()) }
}

fn row(name: &str, took: Duration, outcome: &Result<Outcome>) -> String {
    let said = match outcome {
        Ok(Outcome::Passed) => "passed".to_owned(),
        Ok(Outcome::Skipped(why)) => format!("skipped: {why}"),
        Ok(Outcome::Tests(tally)) => tally.to_string(),
        Err(error) => format!("FAILED: {error:#}"),
    };
    println!("--- {name}: {said}");
    format!("{name:<10} {:>6.1} s  {said}", took.as_secs_f64())
}

impl Outcome {
    fn is_well(&self) -> bool {
        match self {
            Self::Passed | Self::Skipped(_) => true,
            Self::Tests(tally) => tally.failed == 0,
        }
    }
}

fn passed(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<Outcome> {
    passed(process::run(process::cargo(workspace.root()).args(arguments)))
}

fn clippy(workspace: &Workspace) -> Result<Outcome> {
    let arguments = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    cargo(workspace, &arguments)
}

fn deny(workspace: &Workspace) -> Result<Outcome> {
    if !process::works("cargo-deny", &["--version"]) {
        return Ok(Outcome::Skipped("cargo-deny is not installed: cargo install cargo-deny"));
    }
    // Not `advisories`: their database needs a network, and the gate must not.
    cargo(workspace, &["deny", "--offline", "check", "bans", "licenses", "sources"])
}

fn doc(workspace: &Workspace) -> Result<Outcome> {
    let mut doc = process::cargo(workspace.root());
    doc.args(["doc", "--locked", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    passed(process::run(&mut doc))
}

fn doc_tests(workspace: &Workspace) -> Result<Outcome> {
    counted(workspace, &["test", "--locked", "--workspace", "--doc"])
}

fn tests(workspace: &Workspace) -> Result<Outcome> {
    if process::works("cargo-nextest", &["--version"]) {
        counted(workspace, &["nextest", "run", "--locked", "--workspace"])
    } else {
        let kinds = ["--lib", "--bins", "--tests"];
        counted(
            workspace,
            &[&["test", "--locked", "--workspace", "--no-fail-fast"], &kinds[..]].concat(),
        )
    }
}

fn counted(workspace: &Workspace, arguments: &[&str]) -> Result<Outcome> {
    let mut command = process::cargo(workspace.root());
    let (went_well, lines) = process::run_and_keep(command.args(arguments))?;
    let tally = Tally::of(&lines);
    if !went_well && tally.failed == 0 {
        bail!("cargo {} did not get to an end", arguments.join(" "));
    }
    Ok(Outcome::Tests(tally))
}

/// How many tests did what.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    /// Adds up the closing lines of cargo test (`test result: ok. 3 passed; 0 failed; 1 ignored;
    /// …`, one a binary) or nextest (`Summary [ 0.1s] 4 tests run: 3 passed, 1 failed, …`, one).
    fn of(lines: &[String]) -> Self {
        let closing = |line: &&String| {
            let line = line.trim_start();
            line.starts_with("test result: ") || line.starts_with("Summary [")
        };
        let mut tally = Self::default();
        lines.iter().filter(closing).for_each(|line| tally.read(line));
        tally
    }

    fn read(&mut self, line: &str) {
        let words: Vec<&str> = line.split([' ', ',', ';', '.']).filter(|w| !w.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<usize>() else { continue };
            match pair[1] {
                "passed" => self.passed += count,
                "failed" | "timed" => self.failed += count,
                "skipped" | "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(output: &str) -> Tally {
        Tally::of(&output.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn nextests_closing_line_is_counted() {
        let output = "  PASS [ 0.1s] a 7 passed\n     Summary [   0.125s] 14 tests run: \
                      12 passed (1 slow), 1 failed, 1 timed out, 3 skipped";

        assert_eq!(tally_of(output), Tally { passed: 12, failed: 2, skipped: 3 });
    }

    #[test]
    fn cargo_tests_closing_lines_are_added_up() {
        let output = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; \
                      finished in 0.00s\ntest result: FAILED. 2 passed; 1 failed; 0 ignored";

        assert_eq!(tally_of(output), Tally { passed: 5, failed: 1, skipped: 1 });
    }

    #[test]
    fn the_last_line_is_the_plain_count() {
        assert_eq!(Tally { passed: 5, failed: 0, skipped: 0 }.to_string(), "5 passed, 0 failed");
        assert_eq!(
            Tally { passed: 5, failed: 1, skipped: 2 }.to_string(),
            "5 passed, 1 failed, 2 skipped"
        );
    }
}
