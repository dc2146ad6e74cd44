//! JSON that keeps the order of members and refuses a member named twice.
//!
//! Readers disagree on which of two `"Effect"` members counts, so a policy may not have two.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::{PolicyError, Problem};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// A number, as JSON writes it.
    Number(String),
    String(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some((name, value)) = entries.next_entry::<String, Json>()? {
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format_args!("the member {name:?} is named twice")));
            }
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}

impl Json {
    /// Its members, when it is an object.
    pub(super) fn object(&self, path: &str) -> Result<&[(String, Self)], PolicyError> {
        match self {
            Self::Object(members) => Ok(members),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => {
                Err(Problem::Expected("an object").at(path))
            }
        }
    }

    /// Its text, when it is a string.
    pub(super) fn text(&self, path: &str) -> Result<&str, PolicyError> {
        match self {
            Self::String(text) => Ok(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => {
                Err(Problem::Expected("a string").at(path))
            }
        }
    }

    /// Its entries with their paths, or itself as the only one; at least one.
    pub(super) fn entries<'j>(
        &'j self,
        path: &str,
    ) -> Result<Vec<(&'j Self, String)>, PolicyError> {
        let entries = self.maybe_entries(path);
        if entries.is_empty() { Err(Problem::Empty.at(path)) } else { Ok(entries) }
    }

    /// Its entries with their paths, or itself as the only one.
    pub(super) fn maybe_entries<'j>(&'j self, path: &str) -> Vec<(&'j Self, String)> {
        match self {
            Self::Array(list) => {
                let place = |(at, entry)| (entry, format!("{path}[{at}]"));
                list.iter().enumerate().map(place).collect()
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Object(_) => {
                vec![(self, path.to_owned())]
            }
        }
    }
}
