//! The core's purity in its own source: no clock, file, socket, thread or environment from `std`.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace::{Workspace, rust_files_under};

/// Written like a socket, but only the name of a peer.
const ADDRESS: &str = "std::net::IpAddr";

/// What reaches outside the program, as it is written in source.
const OUTSIDE: [&str; 10] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
    "async fn",
];

/// One line for each place under `crates/perennial-core/src` that reaches outside.
///
/// # Errors
/// When a source file cannot be read.
pub(crate) fn faults(workspace: &Workspace) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for path in rust_files_under(&workspace.path("crates/perennial-core/src"))? {
        let source = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let shown = workspace.relative(&path).display();
        let found = reaches(&source).into_iter();
        faults.extend(
            found.map(|(line, word)| format!("{shown}:{line} uses {word}: the core is pure")),
        );
    }
    Ok(faults)
}

/// Line numbers, from 1, and what is reached for there; comments do not count.
fn reaches(source: &str) -> Vec<(usize, &'static str)> {
    let code = source.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut found = Vec::new();
    for (index, line) in code.enumerate() {
        let line = line.replace(ADDRESS, "");
        let words = OUTSIDE.into_iter().filter(|word| has_word(&line, word));
        found.extend(words.map(|word| (index + 1, word)));
    }
    found
}

fn has_word(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        !before.ends_with(part_of_name) && !after.starts_with(part_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_code_is_found_by_line() {
        let source = "//! SystemTime in a comment.\nlet now = std::time::SystemTime::now();\n";

        assert_eq!(reaches(source), [(2, "SystemTime")]);
    }

    #[test]
    fn an_address_is_let_be_and_a_socket_is_not() {
        assert_eq!(reaches("use std::net::IpAddr;"), []);
        assert_eq!(reaches("use std::net::TcpStream;"), [(1, "std::net")]);
    }

    #[test]
    fn a_name_that_only_begins_alike_is_let_be() {
        assert_eq!(reaches("let x = Instantaneous; use my_std::envelope;"), []);
    }
}
