//! Printing: one JSON object a line, or words: a table for a list, lines of a name and a value for
//! one thing. Nothing that is printed here makes a terminal do anything but show it.

use std::{
    io::{self, ErrorKind, Write as _},
    iter,
};

use perennial_core::printable::{printable, printable_json, printable_lines};
use serde_json::{Value, json};

/// Where and how to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

/// One column of a table.
pub(crate) struct Column {
    pub(crate) title: &'static str,
    /// How wide it is at least; the last one is as wide as it gets.
    pub(crate) width: usize,
    pub(crate) text: fn(&Value) -> String,
}

/// One line of what is shown of one thing.
pub(crate) struct Detail(pub(crate) &'static str, pub(crate) String);

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints one thing: the object, or its details; those without a value are left out.
    pub(crate) fn one(self, object: &Value, details: &[Detail]) -> io::Result<()> {
        if self.json {
            return print(&printable_json(&object.to_string()));
        }
        let told = || details.iter().filter(|Detail(_, value)| !value.is_empty());
        let width = told().map(|Detail(name, _)| name.len()).max().unwrap_or_default();
        for Detail(name, value) in told() {
            for (line, name) in value.lines().zip(iter::once(*name).chain(iter::repeat(""))) {
                print(&format!("{name:width$}  {}", printable(line)))?;
            }
        }
        Ok(())
    }

    /// Prints a table's head, where people read it.
    pub(crate) fn head(self, columns: &[Column]) -> io::Result<()> {
        let title = |column: &Column| column.title.to_owned();
        if self.json { Ok(()) } else { line(columns, columns.iter().map(title)) }
    }

    /// Prints rows of a table, or their objects.
    pub(crate) fn rows(self, columns: &[Column], rows: &[Value]) -> io::Result<()> {
        for row in rows {
            if self.json {
                print(&printable_json(&row.to_string()))?;
            } else {
                line(columns, columns.iter().map(|column| (column.text)(row)))?;
            }
        }
        Ok(())
    }

    /// Says that there is more behind what was listed, and how to see it.
    pub(crate) fn more(self, token: &str) -> io::Result<()> {
        if self.json {
            return print(&printable_json(&json!({ "nextToken": token }).to_string()));
        }
        writeln!(io::stderr(), "there is more: --after {}", printable(token))
    }

    /// Says something to people; with `--json` nothing.
    pub(crate) fn say(self, words: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { print(&printable_lines(words)) }
    }
}

/// Whoever reads what is printed has enough of it: nothing is wrong.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads what is printed")]
pub(crate) struct ReaderGone;

/// Prints a line.
pub(crate) fn print(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}").map_err(|error| {
        if error.kind() == ErrorKind::BrokenPipe { io::Error::other(ReaderGone) } else { error }
    })
}

fn line(columns: &[Column], texts: impl Iterator<Item = String>) -> io::Result<()> {
    let mut line = String::new();
    for (column, text) in columns.iter().zip(texts) {
        let width = column.width;
        line.push_str(&format!("{text:width$}  "));
    }
    print(&printable(line.trim_end()))
}
