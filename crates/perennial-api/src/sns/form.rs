//! Forms: AWS's query protocol, in which a flat list of names spells lists and maps, becomes a tree.

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned},
};
use serde_json::{Map, Value};

use crate::{ApiError, Code};

/// The only version of the API there is.
const VERSION: &str = "2010-03-31";
/// The most pairs of a form, and the most parts of a name.
const MAX_PAIRS: usize = 2000;
const MAX_PARTS: usize = 8;

/// A request: which operation, and its members.
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) members: Value,
}

/// A part of a form: a text, or members by name.
#[derive(Default)]
struct Node {
    text: Option<String>,
    members: BTreeMap<String, Node>,
}

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// `InvalidParameter` says what of it cannot be read.
    pub(crate) fn read(body: &[u8]) -> Result<Self, ApiError> {
        let mut root = Node::default();
        for (place, (name, text)) in form_urlencoded::parse(body).enumerate() {
            if place >= MAX_PAIRS {
                return Err(ApiError::invalid(format!(
                    "There are more than {MAX_PAIRS} parameters"
                )));
            }
            root.put(&name, text)?;
        }
        let mut take = |name: &str| root.members.remove(name).and_then(|node| node.text);
        let (action, version) = (take("Action"), take("Version"));
        if version.as_deref().is_some_and(|version| version != VERSION) {
            let message = format!("Version: there is {VERSION} and no other");
            return Err(ApiError::new(Code::UnknownOperationException, message));
        }
        let missing =
            || ApiError::new(Code::UnknownOperationException, "The parameter Action is missing");
        Ok(Self { action: action.ok_or_else(missing)?, members: root.into_value()? })
    }
}

impl Node {
    fn put(&mut self, name: &str, text: Cow<'_, str>) -> Result<(), ApiError> {
        let shown = || name.chars().take(200).collect::<String>();
        let parts: Vec<&str> = name.split('.').collect();
        if parts.len() > MAX_PARTS || parts.iter().any(|part| part.is_empty()) {
            return Err(ApiError::invalid(format!("{:?} is no parameter's name", shown())));
        }
        let node = parts
            .into_iter()
            .fold(self, |node, part| node.members.entry(part.to_owned()).or_default());
        if node.text.replace(text.into_owned()).is_some() {
            return Err(ApiError::invalid(format!("The parameter {} is there twice", shown())));
        }
        Ok(())
    }

    fn into_value(mut self) -> Result<Value, ApiError> {
        if self.members.len() == 1 {
            if let Some(list) = self.members.remove("member") {
                return list.into_items().map(Value::Array);
            }
            if let Some(map) = self.members.remove("entry") {
                return map.into_map();
            }
        }
        match (self.text, self.members.is_empty()) {
            (Some(text), true) => Ok(Value::String(text)),
            (None, _) => {
                let members = self.members.into_iter();
                let read = members.map(|(name, node)| Ok((name, node.into_value()?)));
                Ok(Value::Object(read.collect::<Result<Map<_, _>, ApiError>>()?))
            }
            (Some(_), false) => {
                Err(ApiError::invalid("A parameter has a value and members as well"))
            }
        }
    }

    /// Members that are numbered, in order.
    fn into_items(self) -> Result<Vec<Value>, ApiError> {
        let numbered = self.members.into_iter().map(|(number, node)| {
            let number: u32 = number.parse().map_err(|_| {
                ApiError::invalid("A list's parameters are spelled NAME.member.1, NAME.member.2, …")
            })?;
            Ok((number, node))
        });
        let numbered = numbered.collect::<Result<BTreeMap<u32, Node>, ApiError>>()?;
        numbered.into_values().map(Self::into_value).collect()
    }

    /// Entries of `key` and `value`, or as message attributes have it, of `Name` and `Value`.
    fn into_map(self) -> Result<Value, ApiError> {
        let bad = || {
            ApiError::invalid(
                "A map's parameters are spelled NAME.entry.1.key, NAME.entry.1.value, …",
            )
        };
        let mut map = Map::new();
        for entry in self.into_items()? {
            let Value::Object(mut entry) = entry else { return Err(bad()) };
            let key = entry.remove("key").or_else(|| entry.remove("Name")).ok_or_else(bad)?;
            let value = entry.remove("value").or_else(|| entry.remove("Value")).ok_or_else(bad)?;
            let key = key.as_str().filter(|_| entry.is_empty()).ok_or_else(bad)?;
            if map.insert(key.to_owned(), value).is_some() {
                return Err(ApiError::invalid(format!("The key {key} is there twice")));
            }
        }
        Ok(Value::Object(map))
    }
}

/// An operation's input.
pub(super) fn decoded<T: DeserializeOwned>(members: Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(members).map_err(|error| {
        let path = error.path().to_string();
        let text = error.inner().to_string();
        ApiError::invalid(if path == "." { text } else { format!("{path}: {text}") })
    })
}

/// A list, whose being empty forms spell as an empty text.
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Items(PhantomData))
    }
}

struct Items<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Items<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list: NAME.member.1, NAME.member.2, …")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<List<T>, E> {
        if text.is_empty() { Ok(List(Vec::new())) } else { Err(E::custom("a list is expected")) }
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(List(list))
    }
}

/// A truth value, which forms spell as a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.to_ascii_lowercase().as_str() {
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            _ => Err(de::Error::custom("true or false is expected")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(body: &str) -> Value {
        Form::read(format!("Action=X&{body}").as_bytes()).map(|form| form.members).unwrap()
    }

    #[test]
    fn a_form_becomes_a_tree() {
        let read = members(
            "Name=a+b%2Fc&Tags.member.2.Key=y&Tags.member.1.Key=x&Attributes.entry.1.key=D.x&\
             Attributes.entry.1.value=v&Version=2010-03-31&M.entry.1.Name=n&M.entry.1.Value.DataType=String",
        );

        let expected = json!({
            "Name": "a b/c", "Tags": [{"Key": "x"}, {"Key": "y"}], "Attributes": {"D.x": "v"},
            "M": {"n": {"DataType": "String"}},
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in [
            "",
            "A=1",
            "Action=X&Version=2020-01-01",
            "Action=X&A=1&A=2",
            "Action=X&A..b=1",
            "Action=X&A=1&A.b=2",
            "Action=X&A.member.one=1",
            "Action=X&A.entry.1.key=1",
            "Action=X&A.entry.1.key=k&A.entry.1.value=v&A.entry.2.key=k&A.entry.2.value=v",
            "Action=X&A.b.c.d.e.f.g.h.i=1",
        ] {
            assert!(Form::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_empty_list_and_flags_are_texts() {
        #[derive(Deserialize)]
        struct Input {
            list: List<String>,
            flag: Flag,
        }

        let read: Input = decoded(json!({"list": "", "flag": "TRUE"})).unwrap();

        assert!(read.list.0.is_empty() && read.flag.0);
        assert!(decoded::<Input>(json!({"list": "x", "flag": "true"})).is_err());
        assert!(decoded::<Input>(json!({"list": [], "flag": "yes"})).is_err());
    }
}
