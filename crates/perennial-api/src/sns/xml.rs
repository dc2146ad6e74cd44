//! XML: an operation's output as AWS's query protocol has it.

use std::fmt::Write as _;

use serde_json::Value;

pub(super) const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// The one member of outputs that is a map and not a structure.
const MAP: &str = "Attributes";

/// An operation's answer.
pub(super) fn response(action: &str, output: &Value, request_id: &str) -> String {
    let mut text = format!("<{action}Response xmlns=\"{NAMESPACE}\">");
    let _ = write!(text, "<{action}Result>");
    write_value(&mut text, output);
    let _ = write!(text, "</{action}Result>");
    let id = escaped(request_id);
    let _ = write!(
        text,
        "<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{action}Response>"
    );
    text
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::String(string) => text.push_str(&escaped(string)),
        Value::Array(items) => {
            for item in items {
                write_element(text, "member", item);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_object().filter(|_| name == MAP) {
                    Some(map) => write_map(text, name, map),
                    None => write_element(text, name, member),
                }
            }
        }
    }
}

fn write_element(text: &mut String, name: &str, value: &Value) {
    let _ = write!(text, "<{name}>");
    write_value(text, value);
    let _ = write!(text, "</{name}>");
}

fn write_map(text: &mut String, name: &str, map: &serde_json::Map<String, Value>) {
    let _ = write!(text, "<{name}>");
    for (key, value) in map {
        text.push_str("<entry>");
        write_element(text, "key", &Value::String(key.clone()));
        write_element(text, "value", value);
        text.push_str("</entry>");
    }
    let _ = write!(text, "</{name}>");
}

/// A text as XML has it. What XML cannot say (XML 1.0 §2.2) becomes U+FFFD.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Read as a line's end otherwise.
            '\r' => out.push_str("&#xD;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() && c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => {
                out.push('\u{fffd}')
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_maps_and_structures_are_spelled_as_aws_has_them() {
        let output = json!({
            "Attributes": {"a<b": "1 & 2"},
            "Topics": [{"TopicArn": "x"}, {"TopicArn": "y"}],
            "Done": true,
        });

        let text = response("List", &output, "r-1");

        assert_eq!(
            text,
            "<ListResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><ListResult><Attributes>\
             <entry><key>a&lt;b</key><value>1 &amp; 2</value></entry></Attributes><Done>true</Done><Topics>\
             <member><TopicArn>x</TopicArn></member><member><TopicArn>y</TopicArn></member></Topics>\
             </ListResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></ListResponse>"
        );
    }

    #[test]
    fn no_text_breaks_out() {
        assert_eq!(escaped("</a>\u{0}\"\r"), "&lt;/a&gt;\u{fffd}&quot;&#xD;");
    }
}
