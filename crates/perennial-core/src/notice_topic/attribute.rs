//! Message attributes: typed values beside a message, which filter policies look at.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A message's attributes by name.
pub type MessageAttributes = BTreeMap<String, MessageAttribute>;

/// One attribute, spelled as in SNS's envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageAttribute {
    /// `String`, `String.Array`, `Number` or `Binary`, perhaps with a label behind a dot.
    #[serde(rename = "Type")]
    pub data_type: String,
    /// Its value; base64 of a binary one.
    pub value: String,
}

/// An attribute that may not be: InvalidParameterValue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// Not a name.
    #[error(
        "a message attribute's name has 1 to 256 letters, digits and _ - . , the dot not at an end and \
         not twice, and does not begin with AWS. or Amazon.; {0:?} does not do"
    )]
    Name(String),
    /// Not a type.
    #[error(
        "the message attribute {name:?} is of type {found:?}: use String, String.Array, Number or Binary"
    )]
    Type {
        /// Which.
        name: String,
        /// Its type.
        found: String,
    },
    /// Not a value of the type.
    #[error("the value of the message attribute {name:?} is no {wanted}")]
    Value {
        /// Which.
        name: String,
        /// What it has to be.
        wanted: &'static str,
    },
}

impl MessageAttribute {
    /// A text.
    pub fn text(value: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: value.into() }
    }

    /// Whether its value is base64 of octets.
    pub fn is_binary(&self) -> bool {
        matches!(self.kind(), Some(Kind::Binary))
    }

    /// Checks an attribute under its name.
    ///
    /// # Errors
    /// [`AttributeError`] says what of it may not be.
    pub fn check(&self, name: &str) -> Result<(), AttributeError> {
        if !is_name(name) {
            return Err(AttributeError::Name(name.chars().take(256).collect()));
        }
        let wrong = |wanted| Err(AttributeError::Value { name: name.to_owned(), wanted });
        match self.kind() {
            Some(Kind::Text) if self.value.is_empty() => wrong("text: it is empty"),
            Some(Kind::Array) if self.array().is_none() => {
                wrong("JSON array of strings, numbers, true, false and null")
            }
            Some(Kind::Number) if self.number().is_none() => wrong("number"),
            Some(Kind::Binary) if STANDARD.decode(&self.value).is_err() => wrong("base64"),
            Some(Kind::Text | Kind::Array | Kind::Number | Kind::Binary) => Ok(()),
            None => {
                let found = self.data_type.chars().take(256).collect();
                Err(AttributeError::Type { name: name.to_owned(), found })
            }
        }
    }

    /// What filter policies see of it; nothing of a binary one.
    fn seen(&self) -> Option<Value> {
        match self.kind()? {
            Kind::Text => Some(Value::String(self.value.clone())),
            Kind::Array => self.array(),
            Kind::Number => self.number(),
            Kind::Binary => None,
        }
    }

    fn kind(&self) -> Option<Kind> {
        if self.data_type.len() > 256 {
            return None;
        }
        if self.data_type == "String.Array" {
            return Some(Kind::Array);
        }
        match self.data_type.split_once('.').map_or(self.data_type.as_str(), |(kind, _)| kind) {
            "String" => Some(Kind::Text),
            "Number" => Some(Kind::Number),
            "Binary" => Some(Kind::Binary),
            _ => None,
        }
    }

    fn array(&self) -> Option<Value> {
        let read: Value = serde_json::from_str(&self.value).ok()?;
        let flat = |it: &Value| !it.is_array() && !it.is_object();
        read.as_array().is_some_and(|items| items.iter().all(flat)).then_some(read)
    }

    fn number(&self) -> Option<Value> {
        let number: f64 = self.value.trim().parse().ok()?;
        serde_json::Number::from_f64(number).map(Value::Number)
    }
}

enum Kind {
    Text,
    Array,
    Number,
    Binary,
}

/// The attributes as one object, as filter policies look at them.
pub(super) fn as_object(attributes: &MessageAttributes) -> Value {
    let seen = attributes.iter().filter_map(|(name, it)| Some((name.clone(), it.seen()?)));
    Value::Object(seen.collect::<Map<_, _>>())
}

fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let lower = name.to_ascii_lowercase();
    (1..=256).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !lower.starts_with("aws.")
        && !lower.starts_with("amazon.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data_type: &str, value: &str) -> MessageAttribute {
        MessageAttribute { data_type: data_type.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn an_attribute_is_of_its_type() {
        for (data_type, value, good) in [
            ("String", "a", true),
            ("String.label", "a", true),
            ("String", "", false),
            ("String.Array", r#"["a", 1, true, null]"#, true),
            ("String.Array", r#"[["a"]]"#, false),
            ("String.Array", "a", false),
            ("Number", "1.5e3", true),
            ("Number", "NaN", false),
            ("Number.int", "x", false),
            ("Binary", "AAEC", true),
            ("Binary", "?", false),
            ("Text", "a", false),
            ("", "a", false),
        ] {
            assert_eq!(of(data_type, value).check("name").is_ok(), good, "{data_type} {value}");
        }
    }

    #[test]
    fn a_name_keeps_to_the_rules() {
        for bad in ["", ".a", "a.", "a..b", "AWS.a", "amazon.b", "a b", &"a".repeat(257)] {
            assert!(of("String", "x").check(bad).is_err(), "{bad}");
        }
        assert_eq!(of("String", "x").check("awsome.a_b-c"), Ok(()));
    }
}
