//! A value of AWS IoT SQL: what JSON knows, and Undefined.

use std::{collections::BTreeMap, sync::Arc};

use super::number::Number;

/// The members of an object.
pub(super) type Members = BTreeMap<Arc<str>, Value>;

/// A value; copies are cheap.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Value {
    /// Not a value: a member that is not there, a function whose arguments do not fit.
    #[default]
    Undefined,
    /// JSON's null.
    Null,
    /// True or false.
    Boolean(bool),
    /// An Int or a Decimal.
    Number(Number),
    /// A text.
    Text(Arc<str>),
    /// Values of any kind.
    Array(Arc<Vec<Self>>),
    /// Named values.
    Object(Arc<Members>),
}

impl Value {
    /// A text.
    pub(super) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// An array.
    pub(super) fn array(entries: Vec<Self>) -> Self {
        Self::Array(Arc::new(entries))
    }

    /// An object; members that are Undefined are left out.
    pub(super) fn object(members: impl IntoIterator<Item = (Arc<str>, Self)>) -> Self {
        let defined = members.into_iter().filter(|(_, value)| !value.is_undefined());
        Self::Object(Arc::new(defined.collect()))
    }

    /// Whether it is Undefined.
    pub(super) const fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined)
    }

    /// Its member of this name; Undefined when there is none.
    pub(super) fn member(&self, name: &str) -> Self {
        match self {
            Self::Object(members) => members.get(name).cloned().unwrap_or_default(),
            Self::Undefined
            | Self::Null
            | Self::Boolean(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::Array(_) => Self::Undefined,
        }
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Number(int.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    /// Undefined for nothing.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Undefined, Into::into)
    }
}
