//! Substitution templates in the parameters of actions.

use perennial_core::rule::{Incoming, RunError, Template, limits::MAX_TEMPLATE_LEN};

use crate::surroundings::{message, surroundings};

fn filled(template: &str, payload: &str) -> Result<String, RunError> {
    let incoming = Incoming::new(message("my/iot/topic", payload.as_bytes()), surroundings());
    Template::parse(template).unwrap().fill(&incoming)
}

#[test]
fn expressions_are_filled_in() {
    let payload = r#"{"id": "x1", "n": 5, "o": {"a": [1]}, "z": null}"#;
    for (template, expected) in [
        ("${topic()}/republish", "my/iot/topic/republish"),
        ("plain", "plain"),
        ("", ""),
        ("a/${id}/${n + 1}", "a/x1/6"),
        ("${parse_time(\"yyyy\", timestamp(), \"UTC\")}", "2016"),
        ("${get({'a': '}'}, 'a')}$", "}$"),
        ("$5 {id} $${n}", "$5 {id} $5"),
        ("[${missing}]", "[]"),
        ("${o}", r#"{"a":[1]}"#),
        ("${z}", "null"),
        ("${ CASE n WHEN 5 THEN 'five' END }", "five"),
    ] {
        assert_eq!(filled(template, payload).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn a_template_that_is_wrong_says_where() {
    for (template, expected) in [
        ("a/${id", "line 1, column 7: expected }, found the end"),
        ("a/${}", "line 1, column 5: expected an expression, found }"),
        ("a\n${nosuch()}", "line 2, column 3: there is no function nosuch()"),
        ("${a AS b}", "line 1, column 5: expected }, found AS"),
        (&"x".repeat(MAX_TEMPLATE_LEN + 1), "line 1, column 1: a parameter has at most 8192 bytes"),
    ] {
        assert_eq!(Template::parse(template).unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_is_filled_in_is_no_longer_than_a_message() {
    let payload = format!("{{\"t\": \"{}\"}}", "a".repeat(70_000));

    assert!(matches!(filled("${t}${t}", &payload), Err(RunError::TooLarge { .. })));
}
