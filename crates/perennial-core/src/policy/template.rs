//! A text with wildcards and variables, as resources and condition values have them.

use super::{error::Problem, pattern::Glob, subject::Subject, variable::Variable};

/// How the characters `*`, `?` and `${…}` of a text are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// Whether `*` and `?` are wildcards.
    pub wildcards: bool,
    /// Whether `${…}` is a variable: from version 2012-10-17 on.
    pub variables: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Fixed(Glob),
    Variable(Variable),
}

/// A text that becomes a [`Glob`] once the connection is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

impl Template {
    pub(super) fn parse(text: &str, reading: Reading) -> Result<Self, Problem> {
        let mut parts = Vec::new();
        let mut fixed = Glob::default();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${").filter(|_| reading.variables) {
            push(&mut fixed, before, reading);
            let (name, behind) = after.split_once('}').ok_or(Problem::OpenVariable)?;
            if matches!(name, "*" | "?" | "$") {
                fixed.push_literal(name);
            } else {
                parts.push(Part::Fixed(std::mem::take(&mut fixed)));
                parts.push(Part::Variable(single(name)?));
            }
            rest = behind;
        }
        push(&mut fixed, rest, reading);
        parts.push(Part::Fixed(fixed));
        Ok(Self(parts))
    }

    /// The variables in it.
    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter().filter_map(|part| match part {
            Part::Fixed(_) => None,
            Part::Variable(variable) => Some(variable),
        })
    }

    /// The pattern for `subject`; `None` when a variable has no value that may stand in it.
    pub(super) fn resolve(&self, subject: &Subject) -> Option<Glob> {
        let mut glob = Glob::default();
        for part in &self.0 {
            match part {
                Part::Fixed(text) => glob.append(text),
                Part::Variable(variable) => glob.push_literal(&variable.substitute(subject)?),
            }
        }
        Some(glob)
    }
}

fn push(glob: &mut Glob, text: &str, reading: Reading) {
    if reading.wildcards { glob.push_wildcards(text) } else { glob.push_literal(text) }
}

fn single(name: &str) -> Result<Variable, Problem> {
    let variable = Variable::parse(name).ok_or_else(|| Problem::UnknownKey(name.to_owned()))?;
    if variable.is_many_valued() {
        return Err(Problem::ManyValued(name.to_owned()));
    }
    Ok(variable)
}
