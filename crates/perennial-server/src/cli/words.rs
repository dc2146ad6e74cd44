//! Words for what the API answers: texts, times, and short names of long ones.

use perennial_core::printable::printable;
use serde_json::Value;

/// A member's text in one line, whatever a device or somebody else put there; nothing when there
/// is none.
pub(crate) fn text(object: &Value, pointer: &str) -> String {
    printable(&as_it_is(object, pointer)).into_owned()
}

/// A member's text as it came, for files and for texts of several lines; nothing when there is
/// none.
pub(crate) fn as_it_is(object: &Value, pointer: &str) -> String {
    match object.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A member that is a time, in ISO 8601; nothing when there is none.
pub(crate) fn time(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_f64).map(iso).unwrap_or_default()
}

/// Seconds since 1970 in ISO 8601.
fn iso(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    let whole = seconds.floor() as i64;
    jiff::Timestamp::from_second(whole).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

/// What an ARN ends in, behind its last slash.
pub(crate) fn arn_name(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(_, name)| name)
}

/// A list's texts, one a line.
pub(crate) fn lines(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_read_as_people_write_them() {
        let object = json!({ "a": { "at": 1_700_000_000.25, "name": "x" }, "n": 7, "none": null });

        assert_eq!(time(&object, "/a/at"), "2023-11-14T22:13:20Z");
        assert_eq!(text(&object, "/a/name"), "x");
        assert_eq!(text(&object, "/n"), "7");
        assert_eq!(text(&json!({ "a": "x\ny" }), "/a"), "x\\ny");
        assert_eq!((text(&object, "/none"), time(&object, "/b")), (String::new(), String::new()));
        assert_eq!(arn_name("arn:aws:iot:local-1:0:cert/ab"), "ab");
    }
}
