//! What one message may cost is bounded, whatever its sender and the rule's author think of.

use perennial_core::rule::{RunError, limits::MAX_OUTGOING_LEN};

use crate::surroundings::run;

#[test]
fn a_text_that_grows_with_every_function_ends_early() {
    let mut expression = "'a'".to_owned();
    for _ in 0..30 {
        expression = format!("replace({expression}, 'a', 'aaaaaaaaaa')");
    }

    let outgoing = run(&format!("SELECT length({expression}) AS n FROM 'a'"), b"{}");

    assert_eq!(outgoing, Err(RunError::TooMuchWork));
}

#[test]
fn selects_in_selects_over_the_same_array_end_early() {
    let payload = format!("{{\"a\": [{}]}}", vec!["1"; 60_000].join(","));

    let over_itself = run(
        "SELECT (SELECT VALUE (SELECT VALUE (SELECT VALUE 1 FROM x.a) FROM x.a) FROM y AS x) AS n \
         FROM 'a'",
        format!("{{\"y\": [{payload}]}}").as_bytes(),
    );

    assert_eq!(over_itself, Err(RunError::TooMuchWork));
}

#[test]
fn comparing_large_values_over_and_over_ends_early() {
    let payload = format!("{{\"a\": [[{}]]}}", vec!["1"; 60_000].join(","));
    let condition = vec!["a = a"; 100].join(" AND ");

    let outgoing = run(&format!("SELECT * FROM 'a' WHERE {condition}"), payload.as_bytes());

    assert_eq!(outgoing, Err(RunError::TooMuchWork));
}

#[test]
fn regular_expressions_out_of_the_payload_are_bounded() {
    let patterns = vec!["regexp_matches(t, p)"; 60].join(" AND ");
    let sql = format!("SELECT * FROM 'a' WHERE {patterns}");

    let many = run(&sql, br#"{"t": "aaaa", "p": "(a+)+$"}"#);
    let huge =
        run("SELECT regexp_matches('a', p) AS m FROM 'a'", br#"{"p": "((a{999}){999}){9}"}"#);

    assert_eq!(many, Err(RunError::TooMuchWork));
    assert_eq!(huge.unwrap().unwrap(), b"{}");
}

#[test]
fn a_pattern_that_ruins_other_engines_costs_no_more_than_its_text() {
    let payload = format!("{{\"t\": \"{}!\"}}", "a".repeat(100_000));

    let outgoing = run("SELECT regexp_matches(t, '^(a+)+$') AS m FROM 'a'", payload.as_bytes());

    assert_eq!(outgoing.unwrap().unwrap(), br#"{"m":false}"#);
}

#[test]
fn what_comes_out_is_no_larger_than_a_message() {
    let payload = format!("{{\"t\": \"{}\"}}", "a".repeat(70_000));

    let outgoing = run("SELECT t AS a, t AS b FROM 'a'", payload.as_bytes());

    assert_eq!(outgoing, Err(RunError::TooLarge { limit: MAX_OUTGOING_LEN }));
}
