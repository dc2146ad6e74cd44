//! What a SELECT gives, for the message or for each entry of a nested one.

use std::sync::Arc;

use super::{
    super::{
        error::RunError,
        statement::{Expression, Item, Query, Selection},
        value::{Members, Value},
    },
    Run, Scope,
};

impl Run<'_> {
    pub(super) fn select(
        &self,
        selection: &Selection,
        scope: &Scope<'_>,
    ) -> Result<Value, RunError> {
        match selection {
            Selection::Value(value) => self.evaluate(value, scope),
            Selection::Items(items) => match items.as_slice() {
                [item] if item.is_everything() => Ok(scope.root.clone()),
                items => self.object(items, scope),
            },
        }
    }

    /// The object that the items make. Names given with AS win over members that have their own
    /// name, and those over what `*` brings, wherever each stands in the list: a payload must not
    /// say who its sender is. A name that was given and is Undefined still wins.
    fn object(&self, items: &[Item], scope: &Scope<'_>) -> Result<Value, RunError> {
        let mut members = Members::new();
        for rank in [Rank::Everything, Rank::OwnName, Rank::Alias] {
            for item in items.iter().filter(|item| Rank::of(item) == rank) {
                if rank == Rank::Everything {
                    self.everything(scope, &mut members)?;
                } else {
                    let value = self.evaluate(&item.expression, scope)?;
                    self.put(&mut members, item.names(), value)?;
                }
            }
        }
        Ok(Value::Object(Arc::new(members)))
    }

    fn everything(&self, scope: &Scope<'_>, members: &mut Members) -> Result<(), RunError> {
        let Value::Object(all) = scope.root else {
            return if scope.outer.is_none() { Err(RunError::NotAnObject) } else { Ok(()) };
        };
        self.spend(all.len())?;
        members.extend(all.iter().map(|(name, value)| (Arc::clone(name), value.clone())));
        Ok(())
    }

    /// Puts `value` where `names` lead, making the objects on the way; Undefined takes away what
    /// is there.
    fn put(&self, members: &mut Members, names: &[Box<str>], value: Value) -> Result<(), RunError> {
        let Some((name, deeper)) = names.split_first() else { return Ok(()) };
        if value.is_undefined() && (deeper.is_empty() || !members.contains_key(&**name)) {
            members.remove(&**name);
        } else if deeper.is_empty() {
            members.insert(name.as_ref().into(), value);
        } else {
            let mut inner = match members.get(&**name) {
                Some(Value::Object(inner)) => Members::clone(inner),
                _ => Members::new(),
            };
            self.spend(inner.len())?;
            self.put(&mut inner, deeper, value)?;
            members.insert(name.as_ref().into(), Value::Object(Arc::new(inner)));
        }
        Ok(())
    }

    /// Of an array, what is selected of each entry that counts; of an object, what is selected
    /// of it; Undefined of anything else.
    pub(super) fn query(&self, query: &Query, scope: &Scope<'_>) -> Result<Value, RunError> {
        let source = self.evaluate(&query.source, scope)?;
        match &source {
            Value::Array(entries) => {
                let mut selected = Vec::new();
                for entry in entries.iter() {
                    let value = self.entry(query, entry, scope)?;
                    if !value.is_undefined() {
                        selected.push(value);
                    }
                }
                Ok(Value::array(selected))
            }
            Value::Object(_) => self.entry(query, &source, scope),
            Value::Undefined
            | Value::Null
            | Value::Boolean(_)
            | Value::Number(_)
            | Value::Text(_) => Ok(Value::Undefined),
        }
    }

    fn entry(&self, query: &Query, entry: &Value, outer: &Scope<'_>) -> Result<Value, RunError> {
        let scope = Scope { root: entry, alias: query.alias.as_deref(), outer: Some(outer) };
        if !self.holds(query.condition.as_ref(), &scope)? {
            return Ok(Value::Undefined);
        }
        self.select(&query.selection, &scope)
    }

    fn holds(&self, condition: Option<&Expression>, scope: &Scope<'_>) -> Result<bool, RunError> {
        condition.map_or(Ok(true), |condition| {
            Ok(self.evaluate(condition, scope)? == Value::Boolean(true))
        })
    }

    /// Whether a statement's WHERE is true of the message.
    pub(in super::super) fn passes(
        &self,
        condition: Option<&Expression>,
    ) -> Result<bool, RunError> {
        // Without a condition the payload need not even be read.
        condition.map_or(Ok(true), |_| self.holds(condition, &self.whole_message()))
    }
}

/// Whose name wins when several items have the same: the later ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Everything,
    OwnName,
    Alias,
}

impl Rank {
    fn of(item: &Item) -> Self {
        if item.is_everything() {
            Self::Everything
        } else if item.alias.is_empty() {
            Self::OwnName
        } else {
            Self::Alias
        }
    }
}
