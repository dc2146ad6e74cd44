//! Base64 and digests.

use ::base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    super::{context::Algorithm, error::RunError, json, value::Value},
    Call, Pattern, Row,
};

pub(super) const ROWS: &[Row] = &[
    Row::new("decode", 2..=2, |call| call.of_text(decode)).with(Pattern::Base64(1)),
    Row::new("encode", 2..=2, |call| call.of_text(|text| base64(text.as_bytes())))
        .with(Pattern::Base64(1)),
    Row::new("md5", 1..=1, |call| digest(call, Algorithm::Md5)),
    Row::new("sha1", 1..=1, |call| digest(call, Algorithm::Sha1)),
    Row::new("sha224", 1..=1, |call| digest(call, Algorithm::Sha224)),
    Row::new("sha256", 1..=1, |call| digest(call, Algorithm::Sha256)),
    Row::new("sha384", 1..=1, |call| digest(call, Algorithm::Sha384)),
    Row::new("sha512", 1..=1, |call| digest(call, Algorithm::Sha512)),
];

/// `octets` in base64.
pub(in super::super) fn base64(octets: &[u8]) -> Value {
    STANDARD.encode(octets).into()
}

/// What the text encodes, as JSON if it is that; Null when it encodes no text.
fn decode(text: &str) -> Value {
    let decoded = STANDARD.decode(text).ok().and_then(|octets| String::from_utf8(octets).ok());
    decoded.map_or(Value::Null, |text| {
        json::read(text.as_bytes()).unwrap_or_else(|| Value::from(text))
    })
}

fn digest(call: &Call<'_>, algorithm: Algorithm) -> Result<Value, RunError> {
    let digests = call.run.surroundings().digests;
    call.of_text(|text| hex::encode(digests.digest(algorithm, text.as_bytes())).into())
}
