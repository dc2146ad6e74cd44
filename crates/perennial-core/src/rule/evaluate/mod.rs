//! The evaluation: what the expressions of a statement are for one message.
//!
//! It is total: what does not fit is Undefined. The one thing that ends it early is the cost,
//! which is counted in steps and bounded.

mod expression;
mod operator;
mod selection;

use std::{cell::Cell, sync::Arc};

use super::{
    context::{Incoming, Message, Surroundings},
    error::RunError,
    limits::MAX_STEPS,
    statement::{Expression, Selection},
    value::Value,
};

/// One run of one rule, or of one template, over one message.
pub(super) struct Run<'r> {
    incoming: &'r Incoming<'r>,
    steps: Cell<usize>,
}

/// What names mean where an expression stands.
struct Scope<'s> {
    /// What has the members: the payload, or the entry at hand of a nested SELECT.
    root: &'s Value,
    /// The entry's name.
    alias: Option<&'s str>,
    /// The scope around a nested SELECT.
    outer: Option<&'s Self>,
}

impl<'r> Run<'r> {
    pub(super) const fn new(incoming: &'r Incoming<'r>) -> Self {
        Self { incoming, steps: Cell::new(MAX_STEPS) }
    }

    pub(super) const fn message(&self) -> &Message<'r> {
        &self.incoming.message
    }

    pub(super) const fn surroundings(&self) -> &Surroundings<'r> {
        &self.incoming.surroundings
    }

    /// The value of `expression` for the whole message.
    pub(super) fn value(&self, expression: &Expression) -> Result<Value, RunError> {
        self.evaluate(expression, &self.whole_message())
    }

    /// What a statement's SELECT gives.
    pub(super) fn selected(&self, selection: &Selection) -> Result<Value, RunError> {
        self.select(selection, &self.whole_message())
    }

    fn whole_message(&self) -> Scope<'_> {
        Scope { root: self.incoming.payload(), alias: None, outer: None }
    }

    /// Counts `steps`.
    pub(super) fn spend(&self, steps: usize) -> Result<(), RunError> {
        let left = self.steps.get().checked_sub(steps).ok_or(RunError::TooMuchWork)?;
        self.steps.set(left);
        Ok(())
    }

    /// Counts the steps of making `bytes` of text.
    pub(super) fn spend_bytes(&self, bytes: usize) -> Result<(), RunError> {
        self.spend(bytes / 8)
    }

    /// `value` as a text; what had to be written for it counts.
    pub(super) fn text(&self, value: &Value) -> Result<Option<Arc<str>>, RunError> {
        let text = value.to_text()?;
        if !matches!(value, Value::Text(_)) {
            self.spend_bytes(text.as_ref().map_or(0, |text| text.len()))?;
        }
        Ok(text)
    }
}

impl Scope<'_> {
    /// What `name` means: the nearest entry of that name, else a member of the entry at hand. A
    /// nested SELECT does not see the members around it.
    fn lookup(&self, name: &str) -> Value {
        let mut scope = Some(self);
        while let Some(Self { root, alias, outer }) = scope {
            if *alias == Some(name) {
                return (*root).clone();
            }
            scope = *outer;
        }
        self.root.member(name)
    }
}
