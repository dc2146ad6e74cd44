//! Statements as AWS documents them, and who wins when names collide.

use perennial_core::rule::{Incoming, Message, Rule, RunError};
use serde_json::json;

use crate::surroundings::{json, message, run, run_on, surroundings, value_of};

/// The rule of AWS's reference architecture, letter for letter.
const REFERENCE: &str = "SELECT clientid() as clientid, * FROM 'management/topic/+/csr_res'";

fn outgoing(sql: &str, message: &Message<'_>) -> serde_json::Value {
    serde_json::from_slice(&run_on(sql, message).unwrap().unwrap()).unwrap()
}

#[test]
fn the_rule_of_the_reference_architecture_adds_the_client_id() {
    let csr = message("management/topic/pump-1/csr_res", br#"{"CSR": "-----BEGIN"}"#);

    let event = outgoing(REFERENCE, &csr);

    assert_eq!(event, json!({"clientid": "pump-1", "CSR": "-----BEGIN"}));
    assert_eq!(Rule::parse(REFERENCE).unwrap().filter(), "management/topic/+/csr_res");
}

#[test]
fn a_payload_does_not_say_who_its_sender_is() {
    let spoofing = message("a/b", br#"{"clientid": "victim", "CSR": "x"}"#);

    for sql in [
        REFERENCE,
        "SELECT *, clientid() AS clientid FROM 'a/b'",
        "SELECT clientid() AS clientid, *, clientid FROM 'a/b'",
        "SELECT clientid() AS clientid, clientid, CSR FROM 'a/b'",
        "SELECT clientid(), * FROM 'a/b'",
    ] {
        let event = outgoing(sql, &spoofing);

        assert_eq!(event, json!({"clientid": "pump-1", "CSR": "x"}), "{sql}");
    }
}

#[test]
fn an_alias_that_has_no_value_still_hides_the_payloads() {
    let payload = br#"{"principal": "victim", "who": {"principal": "victim", "x": 1}}"#;
    let from_nobody = Message { principal: None, ..message("a/b", payload) };

    let plain = outgoing("SELECT *, principal() AS principal FROM 'a/b'", &from_nobody);
    let deep = outgoing("SELECT principal() AS who.principal, * FROM 'a/b'", &from_nobody);

    assert_eq!(plain, json!({"who": {"principal": "victim", "x": 1}}));
    assert_eq!(deep, json!({"principal": "victim", "who": {"x": 1}}));
}

#[test]
fn a_message_that_no_client_sent_has_no_client_id() {
    let from_nobody = Message { client_id: None, ..message("a/b", b"{}") };

    let event = outgoing("SELECT clientid() AS clientid FROM 'a/b'", &from_nobody);

    assert_eq!(event, json!({"clientid": "n/a"}));
}

#[test]
fn selections() {
    let payload = r#"{"color": {"red": 255, "green": 0}, "temperature": 50, "arr": [1, 2]}"#;
    for (selection, expected) in [
        ("temperature", json!({"temperature": 50})),
        ("temperature AS t, color.red AS r", json!({"t": 50, "r": 255})),
        ("color.red", json!({"red": 255})),
        ("color.red AS bar.baz, 1 AS bar.one", json!({"bar": {"baz": 255, "one": 1}})),
        ("arr, 15 as speed", json!({"arr": [1, 2], "speed": 15})),
        ("VALUE temperature", json!(50)),
        ("VALUE arr", json!([1, 2])),
        ("VALUE color", json!({"red": 255, "green": 0})),
        (
            "(temperature - 32) * 5 / 9 AS celsius, upper('red') as my",
            json!({"celsius": 10, "my": "RED"}),
        ),
        (
            "* AS payload, topic(2) AS device",
            json!({"payload": {"color": {"red": 255, "green": 0},
            "temperature": 50, "arr": [1, 2]}, "device": "b"}),
        ),
        ("missing, temperature.x AS y, color.blue.z", json!({})),
        ("topic(1), length('ab')", json!({"topic": "a", "length": 2})),
        ("NULL AS n", json!({"n": null})),
        ("VALUE 'red'", json!("red")),
    ] {
        let outgoing = json(&format!("SELECT {selection} FROM 'a/b'"), payload);

        assert_eq!(outgoing, Some(expected), "{selection}");
    }
}

#[test]
fn a_member_may_be_called_value() {
    let payload = r#"{"value": 7}"#;
    for (selection, expected) in [
        ("value", json!({"value": 7})),
        ("value AS v", json!({"v": 7})),
        ("value * 2 AS v", json!({"v": 14})),
        ("value, 1 AS x", json!({"value": 7, "x": 1})),
        ("value IN [7] AS v", json!({"v": true})),
        ("VALUE value", json!(7)),
        ("VALUE *", json!({"value": 7})),
    ] {
        let outgoing = json(&format!("SELECT {selection} FROM 'a/b'"), payload);

        assert_eq!(outgoing, Some(expected), "{selection}");
    }
}

#[test]
fn all_of_a_payload_goes_on_octet_for_octet() {
    for payload in [&b"{\"b\" : 1.50, \"a\":1 }"[..], b"\xff\x00", b"", b"[1]"] {
        let outgoing = run("SELECT * FROM 'a/b'", payload);

        assert_eq!(outgoing.unwrap().as_deref(), Some(payload));
    }
}

#[test]
fn what_is_no_json_has_no_members_but_can_be_encoded() {
    let binary = b"\xff\x00";

    let encoded =
        run("SELECT encode(*, 'base64') AS data, timestamp() AS ts, x FROM 'a/b'", binary);
    let passed = run("SELECT * FROM 'topic' WHERE timestamp() % 12 = 3", binary);
    let held_back = run("SELECT * FROM 'topic' WHERE device_type = 'thermostat'", binary);
    let added_to = run("SELECT *, timestamp() AS timestamp FROM 'topic'", binary);

    assert_eq!(encoded.unwrap().unwrap(), br#"{"data":"/wA=","ts":1481825251155}"#);
    assert_eq!(passed.unwrap().as_deref(), Some(&binary[..]));
    assert_eq!(held_back, Ok(None));
    assert_eq!(added_to, Err(RunError::NotAnObject));
    assert_eq!(run("SELECT VALUE missing FROM 'a'", b"{}"), Ok(Some(Vec::new())));
}

#[test]
fn conditions() {
    let payload = r#"{"color": "red", "temperature": 40, "flag": "true", "arr": [1, 2, 3, "three", 5.7, null],
        "foo": 4, "e": [{"foo": 1}, {"foo": 2}]}"#;
    for (condition, expected) in [
        ("temperature > 50 AND color <> 'red'", false),
        ("temperature > 30 AND color = 'red'", true),
        ("3 in arr", true),
        ("'three' IN arr AND null IN arr", true),
        ("4 IN arr", false),
        ("NOT 4 IN arr", true),
        ("missing IN arr", false),
        ("exists (select * from arr as a where a = 3)", true),
        ("exists (select * from arr as a where a = 9)", false),
        ("exists (select * from e where foo = 2)", true),
        ("exists (select * from e where foo = 4)", false),
        ("exists (select * from missing)", false),
        ("missing = 1", false),
        ("missing <> 1", false),
        ("NOT missing = 1", false),
        ("flag AND true", true),
        ("flag", false),
        ("1", false),
    ] {
        let sql = format!("SELECT * FROM 'a/b' WHERE {condition}");
        let came_out = run(&sql, payload.as_bytes()).unwrap().is_some();
        assert_eq!(came_out, expected, "{condition}");
    }
}

#[test]
fn operators() {
    for (expression, expected) in [
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("7 / 2", json!(3)),
        ("-7 / 2", json!(-3)),
        ("7 / 2.0", json!(3)),
        ("7 / 2.5", json!(2.8)),
        ("7 % 4", json!(3)),
        ("10 - 2 - 3", json!(5)),
        ("'1' - 1", json!(0)),
        ("'2' * '3.5'", json!(7)),
        ("0.1 + 0.2", json!(0.3)),
        ("- t", json!(-5)),
        ("-(-5)", json!(5)),
        ("'a' + 1 + [2]", json!("a1[2]")),
        ("1 + 'a'", json!("1a")),
        ("1 < 2", json!(true)),
        ("'10' > 9", json!(true)),
        ("1 <= 1.0 AND 1 >= 1", json!(true)),
        ("1 = 1.0", json!(true)),
        ("1 = '1'", json!(false)),
        ("1 <> '1'", json!(true)),
        ("1 != 1", json!(false)),
        ("null = null", json!(true)),
        ("null <> null", json!(false)),
        ("[1, {'a': 2}] = [1, {'a': 2}]", json!(true)),
        ("{'a': 1, 'b': 2} = {'b': 2, 'a': 1}", json!(true)),
        ("[1, 2] <> [2, 1]", json!(true)),
        ("true AND 'FALSE'", json!(false)),
        ("false OR 'True'", json!(true)),
        ("true OR false AND false", json!(true)),
        ("NOT 'false'", json!(true)),
        ("NOT 1 = 2", json!(true)),
        (
            "{'latitude': get(ll, 0), 'longitude': get(ll, 1)}",
            json!({"latitude": 47.606, "longitude": -122.332}),
        ),
        ("[t, ll]", json!([5, [47.606, -122.332]])),
        ("{'x': missing, 'y': [missing, 1]}", json!({"y": [1]})),
    ] {
        let found = value_of(expression, r#"{"t": 5, "ll": [47.606, -122.332]}"#);

        assert_eq!(found, Some(expected), "{expression}");
    }
}

#[test]
fn what_operators_cannot_do_is_undefined() {
    for expression in [
        "true AND 1",
        "true AND missing",
        "false OR null",
        "NOT 0",
        "1 < 'a'",
        "1 < null",
        "true > false",
        "1 + null",
        "true + 1",
        "[1] + 1",
        "'a' + null",
        "'a' * 2",
        "1 / 0",
        "1 % 0",
        "1.5 / 0",
        "1 = missing",
        "missing <> missing",
        "1 IN 1",
        "- 'a'",
        "9e999 * 9e999",
    ] {
        assert_eq!(value_of(expression, "{}"), None, "{expression}");
    }
}

#[test]
fn cases() {
    let lights = "CASE color WHEN 'green' THEN 'go' WHEN 'yellow' THEN 'caution' \
                  WHEN 'red' THEN 'stop' ELSE 'you are not at a stop light' END";
    for (expression, expected) in [
        (lights, Some(json!("caution"))),
        ("CASE 1 WHEN 2 THEN 'a' ELSE 'b' END", Some(json!("b"))),
        ("CASE 1 WHEN 2 THEN 'a' END", None),
        ("CASE missing WHEN 2 THEN 'a' ELSE 'b' END", None),
        ("CASE 1 > 0 WHEN true THEN 'a' WHEN 1 > 0 THEN 'b' END", Some(json!("a"))),
        ("CASE 1 WHEN 1 THEN CASE 2 WHEN 2 THEN 'x' END END", Some(json!("x"))),
    ] {
        assert_eq!(value_of(expression, r#"{"color": "yellow"}"#), expected, "{expression}");
    }
}

#[test]
fn nested_selects() {
    let payload = r#"{"e": [{"n": "temperature", "u": "Cel", "t": 1234, "v": 22.5},
        {"n": "light", "u": "lm", "t": 1235, "v": 135}, {"n": "acidity", "u": "pH", "v": 7}],
        "deep": {"list": [[1, 2], [3]]}, "u": "outside"}"#;
    for (expression, expected) in [
        ("(SELECT VALUE n FROM e)", json!(["temperature", "light", "acidity"])),
        ("(SELECT v FROM e WHERE n = 'temperature')", json!([{"v": 22.5}])),
        ("get((SELECT v FROM e WHERE n = 'temperature'), 0).v", json!(22.5)),
        ("(SELECT VALUE x.v FROM e AS x WHERE x.v > 100)", json!([135])),
        ("(SELECT n, t AS at FROM e WHERE n = 'acidity')", json!([{"n": "acidity"}])),
        (
            "(SELECT VALUE (SELECT VALUE y FROM x AS y WHERE y > 1) FROM deep.list AS x)",
            json!([[2], [3]]),
        ),
        ("(SELECT VALUE list FROM deep)", json!([[1, 2], [3]])),
        ("(SELECT VALUE upper(n) FROM e WHERE startswith(n, 'l'))", json!(["LIGHT"])),
        ("(SELECT VALUE encode(*, 'base64') FROM deep.list)", json!(["WzEsMl0=", "WzNd"])),
        // Without an alias only the entry is seen, not what is around it.
        ("(SELECT VALUE u FROM deep.list)", json!([])),
    ] {
        assert_eq!(value_of(expression, payload), Some(expected), "{expression}");
    }
    assert_eq!(value_of("(SELECT VALUE n FROM u)", payload), None);
}

#[test]
fn the_payload_is_read_once_for_many_rules() {
    let message = message("a/b", br#"{"a": 1, "b": 2}"#);
    let incoming = Incoming::new(message, surroundings());

    let first = Rule::parse("SELECT a FROM 'a/b'").unwrap();
    let second = Rule::parse("SELECT b FROM '#'").unwrap();

    assert_eq!(first.run(&incoming).unwrap().as_deref(), Some(&br#"{"a":1}"#[..]));
    assert_eq!(second.run(&incoming).unwrap().as_deref(), Some(&br#"{"b":2}"#[..]));
}
