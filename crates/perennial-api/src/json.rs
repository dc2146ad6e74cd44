//! JSON as requests have it: no member is there twice, a structure is an object and nothing else,
//! and a member that is null is one that is not there, as AWS's SDKs mean it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{
        self, Error as _, IntoDeserializer,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Map, Value};

/// A document in which no member is there twice.
pub(crate) struct Document(pub(crate) Value);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Whole)
    }
}

struct Whole;

impl<'de> de::Visitor<'de> for Whole {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Document, E> {
        Ok(Document(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Document, E> {
        Ok(Document(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Document, E> {
        Ok(Document(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Document, E> {
        Ok(Document(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Document, E> {
        Ok(Document(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Document, E> {
        Ok(Document(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Document, E> {
        Ok(Document(value.into()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Document, A::Error> {
        let mut found = Vec::new();
        while let Some(Document(item)) = items.next_element()? {
            found.push(item);
        }
        Ok(Document(found.into()))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<Document, A::Error> {
        let mut found = Map::new();
        while let Some((name, Document(value))) = members.next_entry::<String, Document>()? {
            if found.contains_key(&name) {
                return Err(A::Error::custom(format!("the member {name:?} is there twice")));
            }
            found.insert(name, value);
        }
        Ok(Document(found.into()))
    }
}

/// A value to be read strictly.
#[derive(Clone, Copy)]
pub(crate) struct Strict<'a>(pub(crate) &'a Value);

impl<'a> IntoDeserializer<'a, Error> for Strict<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// An object's members but those among `may_lack` that are null.
fn members<'a>(
    object: &'a Map<String, Value>,
    may_lack: &'static [&'static str],
) -> impl Iterator<Item = (&'a str, Strict<'a>)> {
    let members = object.iter().map(|(name, value)| (name.as_str(), Strict(value)));
    members.filter(move |(name, Strict(value))| !(value.is_null() && may_lack.contains(name)))
}

impl<'de> Deserializer<'de> for Strict<'de> {
    type Error = Error;

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.iter().map(Strict)))
            }
            Value::Object(object) => visitor.visit_map(MapDeserializer::new(members(object, &[]))),
            simple @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                simple.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_option<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Value::Object(object) = self.0 else {
            return Err(Error::custom("an object is expected"));
        };
        visitor.visit_map(MapDeserializer::new(members(object, fields)))
    }

    fn deserialize_enum<V: de::Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(_) | Value::Object(_) => self.0.deserialize_enum(name, variants, visitor),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Err(
                Error::custom(format!("one of these words is expected: {}", variants.join(", "))),
            ),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Body {
        #[serde(default)]
        flag: bool,
        #[serde(default)]
        names: Vec<String>,
        inner: Option<Inner>,
        #[serde(default)]
        texts: BTreeMap<String, String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        number: u32,
    }

    fn read(json: &str) -> Result<Body, Error> {
        let Document(value) = serde_json::from_str(json)?;
        Body::deserialize(Strict(&value))
    }

    #[test]
    fn what_is_null_is_not_there() {
        let nothing = Body { flag: false, names: vec![], inner: None, texts: BTreeMap::new() };

        let read = read(r#"{"flag": null, "names": null, "inner": null, "texts": null}"#);

        assert_eq!(read.unwrap(), nothing);
    }

    #[test]
    fn a_structure_is_an_object() {
        for json in [r#"[true, [], {"number": 1}, {}]"#, r#"{"inner": [1]}"#, "null", "7", r#""x""#]
        {
            let refused = read(json).unwrap_err().to_string();
            assert_eq!(refused, "an object is expected", "{json}");
        }
    }

    #[test]
    fn nothing_is_there_twice_and_a_map_has_no_nulls() {
        for json in [r#"{"flag": true, "flag": true}"#, r#"{"texts": {"a": "1", "a": "2"}}"#] {
            assert!(read(json).unwrap_err().to_string().contains("is there twice"), "{json}");
        }
        assert!(read(r#"{"texts": {"a": null}}"#).is_err());
        assert!(read(r#"{"names": [null]}"#).is_err());
        assert!(read(r#"{"inner": {"number": null}}"#).is_err(), "missing");
        assert!(read(r#"{"colour": null}"#).is_err(), "unknown");
    }
}
