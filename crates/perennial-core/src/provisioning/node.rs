//! Nodes: a template's JSON, each with the way to it.

use serde_json::{Map, Value};

use super::TemplateError;

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    at: String,
    pub(super) value: &'a Value,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { at: "template".to_owned(), value }
    }

    pub(super) fn wrong(&self, why: impl Into<String>) -> TemplateError {
        TemplateError { at: self.at.clone(), why: why.into() }
    }

    fn below(&self, name: &str, value: &'a Value) -> Self {
        Self { at: format!("{}.{name}", self.at), value }
    }

    pub(super) fn object(&self) -> Result<&'a Map<String, Value>, TemplateError> {
        self.value.as_object().ok_or_else(|| self.wrong("an object is expected"))
    }

    /// A member, if it is there.
    pub(super) fn member(&self, name: &str) -> Result<Option<Self>, TemplateError> {
        Ok(self.object()?.get(name).map(|value| self.below(name, value)))
    }

    /// A member that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<Self, TemplateError> {
        self.member(name)?.ok_or_else(|| self.wrong(format!("{name} is missing")))
    }

    /// Every member.
    pub(super) fn members(&self) -> Result<Vec<(&'a str, Self)>, TemplateError> {
        let members = self.object()?.iter();
        Ok(members.map(|(name, value)| (name.as_str(), self.below(name, value))).collect())
    }

    /// Refuses members of other names.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), TemplateError> {
        match self.object()?.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(other) => {
                let names = names.join(", ");
                Err(self.wrong(format!("{other} is not known here: there may be {names}")))
            }
        }
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, TemplateError> {
        let items = self.value.as_array().ok_or_else(|| self.wrong("a list is expected"))?;
        let number = |(number, value): (usize, &'a Value)| self.below(&number.to_string(), value);
        Ok(items.iter().enumerate().map(number).collect())
    }

    /// A list of just so many.
    pub(super) fn exactly<const N: usize>(&self) -> Result<[Self; N], TemplateError> {
        let wrong = |_| self.wrong(format!("a list of {N} is expected"));
        self.items()?.try_into().map_err(wrong)
    }

    /// A text that is written as it is.
    pub(super) fn text(&self) -> Result<&'a str, TemplateError> {
        self.value.as_str().ok_or_else(|| self.wrong("a text is expected"))
    }
}
