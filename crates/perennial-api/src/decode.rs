//! Decoding: a request's path, query string and body become one operation's typed input.
//!
//! Nothing is skipped: a member that an operation does not know is refused, since ignoring it
//! would claim to have done what it asks for. (AWS ignores it.)

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned, IntoDeserializer, value::MapDeserializer},
    forward_to_deserialize_any,
};

use crate::{
    ApiError, Code,
    call::Received,
    json::{Document, Strict},
};

/// No members at all.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// An operation's input.
#[derive(Debug)]
pub(crate) struct Input<P = Nothing, Q = Nothing, B = Nothing> {
    /// Members of the path.
    pub(crate) path: P,
    /// Members of the query string.
    pub(crate) query: Q,
    /// Members of the body.
    pub(crate) body: B,
    /// Header fields, of which `header` reads one.
    headers: HeaderMap,
}

/// A body that is no JSON: whatever octets there are.
#[derive(Debug)]
pub(crate) struct Raw(pub(crate) Bytes);

/// What can be read from a body.
pub(crate) trait FromBody: Sized {
    fn read(body: &Bytes) -> Result<Self, ApiError>;

    /// The members that can be read.
    #[cfg(test)]
    fn members() -> crate::members::Names;
}

impl FromBody for Raw {
    fn read(body: &Bytes) -> Result<Self, ApiError> {
        Ok(Self(body.clone()))
    }

    #[cfg(test)]
    fn members() -> crate::members::Names {
        &[]
    }
}

impl<T: DeserializeOwned> FromBody for T {
    fn read(body: &Bytes) -> Result<Self, ApiError> {
        from_body(body)
    }

    #[cfg(test)]
    fn members() -> crate::members::Names {
        crate::members::names::<T>()
    }
}

/// What can be read from a request.
pub(crate) trait FromReceived: Sized {
    fn read(received: &Received) -> Result<Self, ApiError>;

    /// The members that can be read.
    #[cfg(test)]
    fn members() -> crate::members::Members;
}

impl<P, Q, B> FromReceived for Input<P, Q, B>
where
    P: DeserializeOwned,
    Q: DeserializeOwned,
    B: FromBody,
{
    fn read(received: &Received) -> Result<Self, ApiError> {
        let query = received.head.uri.query().unwrap_or_default();
        Ok(Self {
            path: from_pairs(received.path.iter().map(|(name, value)| (name.as_str(), value)))?,
            query: from_query(query)?,
            body: B::read(&received.body)?,
            headers: received.head.headers.clone(),
        })
    }

    #[cfg(test)]
    fn members() -> crate::members::Members {
        crate::members::Members::of::<P, Q>(B::members())
    }
}

impl<P, Q, B> Input<P, Q, B> {
    /// The one value of a header field that must be there.
    pub(crate) fn header(&self, name: &str) -> Result<&str, ApiError> {
        let missing = || ApiError::invalid(format!("The header {name} is missing"));
        self.optional_header(name)?.ok_or_else(missing)
    }

    /// The one value of a header field, if it is there.
    pub(crate) fn optional_header(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next().map(http::HeaderValue::to_str), values.next()) {
            (Some(Ok(value)), None) => Ok(Some(value)),
            (None, _) => Ok(None),
            (Some(_), _) => {
                Err(ApiError::invalid(format!("The header {name} must be one line of ASCII")))
            }
        }
    }
}

fn from_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decoded(name)?, decoded(value)?));
    }
    from_pairs(pairs.iter().map(|(name, value)| (&**name, &**value)))
}

fn decoded(text: &str) -> Result<Cow<'_, str>, ApiError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map_err(|_| ApiError::invalid("The query string is not UTF-8"))
}

fn from_pairs<'a, T: DeserializeOwned>(
    pairs: impl Iterator<Item = (&'a str, impl AsRef<str> + 'a)>,
) -> Result<T, ApiError> {
    let pairs: Vec<(&str, Text)> =
        pairs.map(|(name, value)| (name, Text(value.as_ref().to_owned()))).collect();
    let map = MapDeserializer::new(pairs.into_iter());
    serde_path_to_error::deserialize(map).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.into_inner());
        ApiError::invalid(located::<de::value::Error>(&path, &inner))
    })
}

fn from_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    let Document(value) = serde_json::from_slice(body).map_err(|error| {
        let is_json = error.classify() == serde_json::error::Category::Data;
        if is_json { ApiError::invalid(without_place(&error)) } else { not_json(&error) }
    })?;
    if !value.is_object() {
        return Err(not_json(&"it is another kind of value"));
    }
    serde_path_to_error::deserialize(Strict(&value)).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.into_inner());
        ApiError::invalid(located::<serde_json::Error>(&path, &inner))
    })
}

/// What is wrong with JSON, for those who sent it without lines.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

fn not_json(error: &dyn fmt::Display) -> ApiError {
    ApiError::new(Code::SerializationException, format!("The body is not a JSON object: {error}"))
}

fn located<E: fmt::Display>(path: &str, error: &E) -> String {
    let text = error.to_string();
    if path == "." { text } else { format!("{path}: {text}") }
}

/// A text of a path or query string, which becomes whatever the member is.
struct Text(String);

macro_rules! parsed {
    ($($method:ident $visit:ident,)+) => {
        $(fn $method<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            match self.0.parse() {
                Ok(value) => visitor.$visit(value),
                // Refused by the visitor in its own words.
                Err(_) => visitor.visit_string(self.0),
            }
        })+
    };
}

impl<'de> Deserializer<'de> for Text {
    type Error = de::value::Error;

    parsed! {
        deserialize_bool visit_bool,
        deserialize_i64 visit_i64,
        deserialize_u16 visit_u16,
        deserialize_u32 visit_u32,
        deserialize_u64 visit_u64,
    }

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de> for Text {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Query {
        #[serde(default)]
        flag: bool,
        page_size: Option<u32>,
        name: Option<String>,
    }

    #[test]
    fn a_query_becomes_what_its_members_are() {
        let read: Query = from_query("flag=true&pageSize=7&name=a%20b").unwrap();

        let name = Some("a b".to_owned());
        assert_eq!(read, Query { flag: true, page_size: Some(7), name });
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let message = |query: &str| from_query::<Query>(query).unwrap_err().message;

        assert!(message("pageSize=x").starts_with("pageSize: invalid type: string \"x\""));
        assert!(message("flag=yes").starts_with("flag: "));
        assert!(message("colour=red").contains("unknown field `colour`"));
        assert!(message("flag=true&flag=true").contains("duplicate field"));
        assert!(message("name=%ff").contains("UTF-8"));
    }

    #[test]
    fn a_body_is_one_json_object_or_nothing() {
        let code = |body: &str| from_body::<Query>(body.as_bytes()).unwrap_err().code;

        assert!(from_body::<Query>(b"").is_ok());
        assert_eq!(code("{"), Code::SerializationException);
        assert_eq!(code("{} {}"), Code::SerializationException);
        for other in ["[1, 2]", "[true, 7, null]", "null", "7"] {
            assert_eq!(code(other), Code::SerializationException, "{other}");
        }
        assert_eq!(code("{\"name\": \"\\ud800\"}"), Code::SerializationException);
        assert_eq!(code("{\"flag\": true, \"flag\": true}"), Code::InvalidRequestException);
        assert_eq!(code("{\"flag\": 1}"), Code::InvalidRequestException);
        assert_eq!(code("{\"colour\": 1}"), Code::InvalidRequestException);
    }

    #[test]
    fn a_number_instead_of_a_word_is_named_and_is_json() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Body {
            #[expect(dead_code, reason = "never read")]
            log_level: perennial_core::logging::LogLevel,
        }

        let error = from_body::<Body>(b"{\"logLevel\": 7}").unwrap_err();

        assert_eq!(error.code, Code::InvalidRequestException);
        assert!(error.message.starts_with("logLevel: "), "{}", error.message);
    }
}
