//! The members that an operation's input has, read off its types: so that documents can be held
//! against them.

use std::fmt;

use serde::{Deserializer, de, de::DeserializeOwned, forward_to_deserialize_any};

pub(crate) type Names = &'static [&'static str];

/// The members of each part of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) path: Names,
    pub(crate) query: Names,
    pub(crate) body: Names,
}

impl Members {
    pub(crate) fn of<P: DeserializeOwned, Q: DeserializeOwned>(body: Names) -> Self {
        Self { path: names::<P>(), query: names::<Q>(), body }
    }
}

/// The members of a struct that is not flattened: it names them when it asks to be read.
pub(crate) fn names<T: DeserializeOwned>() -> Names {
    T::deserialize(Probe).err().and_then(|Asked(names)| names).unwrap_or_default()
}

struct Probe;

/// What was asked for.
#[derive(Debug)]
struct Asked(Option<Names>);

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Asked {}

impl de::Error for Asked {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Asked;

    fn deserialize_any<V: de::Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked(None))
    }

    fn deserialize_struct<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        fields: Names,
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(Some(fields)))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
