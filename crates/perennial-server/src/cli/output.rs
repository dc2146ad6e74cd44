//! Printing: one JSON object a line, or words: a table for a list, lines of a name and a value for
//! one thing.

use std::io::{self, Write as _};

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
            return writeln!(io::stdout(), "{object}");
        }
        let told = || details.iter().filter(|Detail(_, value)| !value.is_empty());
        let width = told().map(|Detail(name, _)| name.len()).max().unwrap_or_default();
        let mut out = io::stdout().lock();
        for Detail(name, value) in told() {
            let mut lines = value.lines();
            writeln!(out, "{name:width$}  {}", lines.next().unwrap_or_default())?;
            for line in lines {
                writeln!(out, "{:width$}  {line}", "")?;
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
                writeln!(io::stdout(), "{row}")?;
            } else {
                line(columns, columns.iter().map(|column| (column.text)(row)))?;
            }
        }
        Ok(())
    }

    /// Says that there is more behind what was listed, and how to see it.
    pub(crate) fn more(self, token: &str) -> io::Result<()> {
        if self.json {
            return writeln!(io::stdout(), "{}", json!({ "nextToken": token }));
        }
        writeln!(io::stderr(), "there is more: --after {token}")
    }

    /// Says something to people; with `--json` nothing.
    pub(crate) fn say(self, words: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(io::stdout(), "{words}") }
    }
}

fn line(columns: &[Column], texts: impl Iterator<Item = String>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut line = String::new();
    for (column, text) in columns.iter().zip(texts) {
        let width = column.width;
        line.push_str(&format!("{text:width$}  "));
    }
    writeln!(out, "{}", line.trim_end())
}
