//! Each function by AWS's documented examples, and by what its tables say of other types.

use serde_json::json;

use crate::surroundings::{PRINCIPAL, json as run, value_of};

/// Each expression, and the JSON that it is; `undefined` when it is not a value.
fn table(rows: &[(&str, &str)]) {
    for (expression, expected) in rows {
        let found = value_of(expression, PAYLOAD);
        let found = found.map_or("undefined".to_owned(), |value| value.to_string());
        assert_eq!(found, *expected, "{expression}");
    }
}

const PAYLOAD: &str = r#"{"o": {"b": 1, "a": "x"}, "l": [1, 2, 3], "n": null, "t": "text"}"#;

#[test]
fn of_the_message() {
    table(&[
        ("accountid()", r#""123456789012""#),
        ("clientid()", r#""pump-1""#),
        ("newuuid()", r#""123a4567-b89c-42d3-a456-789012345000""#),
        ("principal()", &format!("{PRINCIPAL:?}")),
        ("sql_version()", r#""2016-03-23""#),
        ("timestamp()", "1481825251155"),
        ("topic()", r#""a/b""#),
        ("topic(1)", r#""a""#),
        ("topic(2.9)", r#""b""#),
        ("topic('2')", r#""b""#),
        ("topic(3)", "undefined"),
        ("topic(0)", "undefined"),
        ("topic(n)", "undefined"),
        ("traceid()", r#""12345678-1234-1234-1234-123456789012""#),
        ("rand() >= 0 AND rand() < 1", "true"),
    ]);
}

#[test]
fn that_concatenate() {
    table(&[
        ("concat()", "undefined"),
        ("concat(1)", r#""1""#),
        ("concat([1, 2, 3], 4)", "[1,2,3,4]"),
        ("concat([1, 2, 3], \"hello\")", r#"[1,2,3,"hello"]"#),
        ("concat(\"con\", \"cat\")", r#""concat""#),
        ("concat(1, \"hello\")", r#""1hello""#),
        ("concat(\"he\", \"is\", \"man\")", r#""heisman""#),
        ("concat([1, 2, 3], \"hello\", [4, 5, 6])", r#"[1,2,3,"hello",4,5,6]"#),
        ("concat(1, 2)", "undefined"),
        ("concat('a', missing)", "undefined"),
        ("concat('a', null)", "undefined"),
        ("concat('a', [])", r#"["a"]"#),
        ("concat('a', o)", r#""a{\"a\":\"x\",\"b\":1}""#),
    ]);
}

#[test]
fn that_compare_texts() {
    table(&[
        ("startswith(\"ranger\", \"ran\")", "true"),
        ("startswith(\"ranger\", \"Ran\")", "false"),
        ("startswith(123, 12)", "true"),
        ("startswith(null, 'n')", "undefined"),
        ("startswith('n', missing)", "undefined"),
        ("endswith(\"cat\", \"at\")", "true"),
        ("endswith(true, 'ue')", "true"),
        ("endswith(\"cat\", null)", "undefined"),
        ("indexof(\"abcd\", \"bc\")", "1"),
        ("indexof('éab', 'b')", "2"),
        ("indexof('abcd', 'x')", "-1"),
        ("indexof(missing, 'x')", "undefined"),
    ]);
}

#[test]
fn that_change_texts() {
    table(&[
        ("chr(65)", r#""A""#),
        ("chr(49)", r#""1""#),
        ("chr('65.9')", r#""A""#),
        ("chr(128)", "undefined"),
        ("chr(-1)", "undefined"),
        ("chr(true)", "undefined"),
        ("lower(\"HELLO\")", r#""hello""#),
        ("lower([\"HELLO\"])", r#""[\"hello\"]""#),
        ("upper(\"hello\")", r#""HELLO""#),
        ("upper([\"hello\"])", r#""[\"HELLO\"]""#),
        ("upper(n)", "undefined"),
        ("lpad(\"hello\", 2)", r#""  hello""#),
        ("lpad(1, 3)", r#""   1""#),
        ("lpad('a', -5)", r#""a""#),
        ("length(lpad('', 5000))", "1000"),
        ("lpad('a', 'x')", "undefined"),
        ("rpad(\"hello\", 2)", r#""hello  ""#),
        ("rpad(1, 3.9)", r#""1   ""#),
        ("Ltrim(\" h i \")", r#""h i ""#),
        ("rtrim(\" h i \")", r#"" h i""#),
        ("Trim(\" hi \")", r#""hi""#),
        ("trim(missing)", "undefined"),
        ("length(\"hi\")", "2"),
        ("length(false)", "5"),
        ("length('é')", "1"),
        ("numbytes(\"hi\")", "2"),
        ("numbytes(\"€\")", "3"),
        ("replace(\"abcd\", \"bc\", \"x\")", r#""axd""#),
        ("replace(\"abcdabcd\", \"b\", \"x\")", r#""axcdaxcd""#),
        ("replace(121, 1, 3)", r#""323""#),
        ("replace('a', null, 'b')", "undefined"),
    ]);
}

#[test]
fn substring() {
    table(&[
        ("substring(\"012345\", 0)", r#""012345""#),
        ("substring(\"012345\", 2)", r#""2345""#),
        ("substring(\"012345\", 2.745)", r#""2345""#),
        ("substring(123, 2)", r#""3""#),
        ("substring(\"012345\", -1)", r#""012345""#),
        ("substring(true, 1.2)", r#""rue""#),
        ("substring(false, -2.411E247)", r#""false""#),
        ("substring(\"012345\", 1, 3)", r#""12""#),
        ("substring(\"012345\", -50, 50)", r#""012345""#),
        ("substring(\"012345\", 3, 1)", r#""""#),
        ("substring(\"012345\", 9)", r#""""#),
        ("substring(\"012345\", 'x')", "undefined"),
        ("substring(\"012345\", 1, l)", "undefined"),
        ("substring(null, 0)", "undefined"),
    ]);
}

#[test]
fn of_regular_expressions() {
    table(&[
        ("regexp_matches(\"aaaa\", \"a{2,}\")", "true"),
        ("regexp_matches(\"aaaa\", \"b\")", "false"),
        ("regexp_matches(12, '^\\d+$')", "true"),
        ("regexp_matches(missing, 'a')", "undefined"),
        ("regexp_matches('a', t + '(')", "undefined"),
        ("regexp_matches('the text', t)", "true"),
        ("regexp_replace(\"abcd\", \"bc\", \"x\")", r#""axd""#),
        ("regexp_replace(\"abcd\", \"b(.*)d\", \"$1\")", r#""ac""#),
        ("regexp_replace('a-b-c', '-', '\\$')", r#""a$b$c""#),
        ("regexp_replace('ab', '(a)(b)', '$2$1!$0')", r#""ba!ab""#),
        ("regexp_replace('a', 'a', '$1')", "undefined"),
        ("regexp_replace('a', 'a', '$')", "undefined"),
        ("regexp_substr(\"hihihello\", \"hi\")", r#""hi""#),
        ("regexp_substr(\"hihihello\", \"(hi)*\")", r#""hihi""#),
        ("regexp_substr('hello', 'x')", "undefined"),
        ("regexp_substr(topic(), '[^/]+$')", r#""b""#),
    ]);
}

#[test]
fn that_round() {
    table(&[
        ("abs(-5)", "5"),
        ("abs(\"-5.123\")", "5.123"),
        ("abs(true)", "undefined"),
        ("abs(l)", "undefined"),
        ("abs(null)", "undefined"),
        ("ceil(1.2)", "2"),
        ("ceil(-1.2)", "-1"),
        ("floor(1.2)", "1"),
        ("floor(-1.2)", "-2"),
        ("floor('1.9')", "1"),
        ("floor('x')", "undefined"),
        ("Round(1.2)", "1"),
        ("Round(1.5)", "2"),
        ("Round(1.7)", "2"),
        ("Round(-1.1)", "-1"),
        ("Round(-1.5)", "-2"),
        ("trunc(2.3, 0)", "2"),
        ("trunc(2.3123, 2)", "2.31"),
        ("trunc(2.888, 2)", "2.88"),
        ("trunc(2.00, 5)", "2"),
        ("trunc(2.5, -3)", "2"),
        ("sign(-7)", "-1"),
        ("sign(0)", "0"),
        ("sign('13')", "1"),
    ]);
}

#[test]
fn that_calculate() {
    table(&[
        ("mod(8, 3)", "2"),
        ("mod(-8, 3)", "-2"),
        ("mod(8.5, '3')", "2.5"),
        ("mod(8, 0)", "undefined"),
        ("remainder(8, 3)", "2"),
        ("power(2, 5)", "32"),
        ("power('2', 0.5)", "1.4142135623730951"),
        ("power(-1, 0.5)", "undefined"),
        ("sqrt(9)", "3"),
        ("sqrt(-1)", "undefined"),
        ("exp(0)", "1"),
        ("ln(exp(1))", "1"),
        ("log(100)", "2"),
        ("ln(0)", "undefined"),
        ("min(3, '1', 2.5)", "1"),
        ("max(3, '1', 2.5)", "3"),
        ("max(3, missing)", "undefined"),
        ("nanvl(8, 3)", "8"),
        ("nanvl(null, 3)", "3"),
        ("nanvl(missing, 'x')", r#""x""#),
    ]);
}

#[test]
fn of_angles() {
    table(&[
        ("acos(0)", "1.5707963267948966"),
        ("acos(2)", "undefined"),
        ("asin(0)", "0"),
        ("atan(0)", "0"),
        ("atan2(1, 0)", "1.5707963267948966"),
        ("cos(0)", "1"),
        ("sin(0)", "0"),
        ("sin(true)", "undefined"),
    ]);
    // The last digit is the platform's.
    for (expression, expected) in [
        ("cosh(2.3)", "5.0372206492687"),
        ("sinh(2.3)", "4.9369618055459"),
        ("tan(3)", "-0.142546543074277"),
        ("tanh(2.3)", "0.980096396266191"),
    ] {
        let found = value_of(expression, "{}").unwrap().to_string();
        assert!(found.starts_with(expected), "{expression} = {found}");
    }
}

#[test]
fn of_bits() {
    table(&[
        ("bitand(13, 5)", "5"),
        ("bitor(8, 5)", "13"),
        ("bitxor(13, 5)", "8"),
        ("bitand('13.9', 5.1)", "5"),
        ("bitand(13, 'x')", "undefined"),
        ("bitnot(13)", "-14"),
        ("bitor(1e40, 1)", "undefined"),
    ]);
}

#[test]
fn that_reach_into_values() {
    table(&[
        ("get([\"a\", \"b\", \"c\"], 1)", r#""b""#),
        ("get({\"a\": \"b\"}, \"a\")", r#""b""#),
        ("get(\"abc\", 1)", r#""b""#),
        ("get(l, '2')", "3"),
        ("get(l, 3)", "undefined"),
        ("get(l, -1)", "undefined"),
        ("get(l, 'x')", "undefined"),
        ("get({'1': 2}, 1)", "undefined"),
        ("get(5, 0)", "undefined"),
        ("get_or_default(t, 1)", r#""text""#),
        ("get_or_default(n, 1)", "1"),
        ("get_or_default(missing, 1)", "1"),
        ("get_or_default(missing)", "undefined"),
        ("isNull(5)", "false"),
        ("isNull(Null)", "true"),
        ("isNull(missing)", "false"),
        ("isUndefined(5)", "false"),
        ("isUndefined(floor([1, 2, 3]))", "true"),
        ("isUndefined(n)", "false"),
    ]);
}

#[test]
fn transform_gives_every_object_of_an_array_the_attributes() {
    let first = r#"{"attributes": {"data1": 1, "data2": 2}, "values": [{"a": 3}, {"b": 4}]}"#;
    let second = r#"{"data2": {"a": "first", "b": "second",
        "c": [{"x": {"someInt": 5}, "y": true}, {"y": false}]}}"#;

    let enriched =
        run("select value transform(\"enrichArray\", attributes, values) from 'a/b'", first);
    let renamed = run(
        "select value transform(\"enrichArray\", {\"key\": attributes.data1}, values) from 'a/b'",
        first,
    );
    let selected = run(
        "select value transform('enrichArray', (select a, b from data2), \
         (select value c from data2)) from 'a/b'",
        second,
    );

    assert_eq!(
        enriched,
        Some(json!([{"a": 3, "data1": 1, "data2": 2}, {"b": 4, "data1": 1, "data2": 2}]))
    );
    assert_eq!(renamed, Some(json!([{"a": 3, "key": 1}, {"b": 4, "key": 1}])));
    assert_eq!(
        selected,
        Some(json!([{"x": {"someInt": 5}, "y": true, "a": "first", "b": "second"},
            {"y": false, "a": "first", "b": "second"}]))
    );
    table(&[
        ("transform('other', o, l)", "undefined"),
        ("transform('enrichArray', o, l)", "undefined"),
    ]);
}

#[test]
fn that_encode_and_decode() {
    table(&[
        ("encode('hello', 'base64')", r#""aGVsbG8=""#),
        ("encode(l, 'BASE64')", r#""WzEsMiwzXQ==""#),
        ("encode(missing, 'base64')", "undefined"),
        ("decode('aGVsbG8=', 'base64')", r#""hello""#),
        ("decode('?', 'base64')", "null"),
        ("decode('/w==', 'base64')", "null"),
        ("decode(encode('[1]', 'base64'), 'base64')", "[1]"),
    ]);
    let temperature = run(
        "SELECT decode(encoded_temp, \"base64\").temperature AS temp from 'topic/subtopic'",
        r#"{"encoded_temp": "eyAidGVtcGVyYXR1cmUiOiAzMyB9Cg=="}"#,
    );
    assert_eq!(temperature, Some(json!({"temp": 33})));
}

#[test]
fn that_digest() {
    table(&[
        ("md5(\"hello\")", r#""5d41402abc4b2a76b9719d911017c592""#),
        ("md5('iot123')", r#""e37f81fb397e595c4aeb5645b8cbbbd1""#),
        ("sha1('abc')", r#""a9993e364706816aba3e25717850c26c9cd0d89d""#),
        ("sha224('abc')", r#""23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7""#),
        ("sha256('abc')", r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#),
        ("length(sha384('abc'))", "96"),
        ("startswith(sha512('abc'), 'ddaf35a193617aba')", "true"),
        ("sha256(1) = sha256('1')", "true"),
        ("md5(null)", "undefined"),
    ]);
}

#[test]
fn that_write_times() {
    table(&[
        (
            "parse_time(\"yyyy.MM.dd G 'at' HH:mm:ss z\", 100000000, \"America/Belize\")",
            r#""1970.01.01 AD at 21:46:40 CST""#,
        ),
        (
            "parse_time(\"yyyy.MM.dd G 'at' HH:mm:ss z\", timestamp())",
            r#""2016.12.15 AD at 18:07:31 UTC""#,
        ),
        ("parse_time(\"yyyy\", timestamp(), \"UTC\")", r#""2016""#),
        ("parse_time('EEEE, d MMMM yy', timestamp())", r#""Thursday, 15 December 16""#),
        ("parse_time('EEE MMM e w D', timestamp())", r#""Thu Dec 4 50 350""#),
        ("parse_time('h a K k S SSS SSSSS', timestamp())", r#""6 PM 6 18 1 155 15500""#),
        (
            "parse_time('HH:mm Z ZZ ZZZ', 0, 'Asia/Kathmandu')",
            r#""05:45 +0545 +05:45 Asia/Kathmandu""#,
        ),
        ("parse_time('HH', 0, '+01:00')", r#""01""#),
        ("parse_time('''''yyyy', 0)", r#""'1970""#),
        ("parse_time('yyyy G C', -62198755200000)", r#""-0001 BC 0""#),
        ("parse_time('yyyy', 0, 'Nowhere/Land')", "undefined"),
        ("parse_time('yyyy', 'x')", "undefined"),
        ("parse_time('yyyy', 1e30)", "undefined"),
        ("parse_time(t, 0)", "undefined"),
    ]);
}

#[test]
fn that_read_times() {
    table(&[
        (
            "time_to_epoch(\"2020-04-03 09:45:18 UTC+01:00\", \"yyyy-MM-dd HH:mm:ss VV\")",
            "1585903518000",
        ),
        ("time_to_epoch(\"18 December 2015\", \"dd MMMM yyyy\")", "1450396800000"),
        (
            "time_to_epoch(\"2007-12-03 10:15:30.592 America/Los_Angeles\", \
             \"yyyy-MM-dd HH:mm:ss.SSS z\")",
            "1196705730592",
        ),
        ("time_to_epoch('20200403', 'yyyyMMdd')", "1585872000000"),
        ("time_to_epoch('2020-094', 'yyyy-DDD')", "1585872000000"),
        ("time_to_epoch('3.4.20 12:05 PM', 'd.M.yy h:mm a')", "1585915500000"),
        ("time_to_epoch('2020-04-03T00:00:00Z', 'yyyy-MM-dd''T''HH:mm:ssX')", "1585872000000"),
        ("time_to_epoch('Fri, 3 Apr 2020', 'EEE, d MMM yyyy')", "1585872000000"),
        ("time_to_epoch('2020-02-30', 'yyyy-MM-dd')", "undefined"),
        ("time_to_epoch('2020-04-03 25', 'yyyy-MM-dd HH')", "undefined"),
        ("time_to_epoch('2020-04-03 and', 'yyyy-MM-dd')", "undefined"),
        ("time_to_epoch('2020', 'yyyy')", "undefined"),
        ("time_to_epoch('x', t)", "undefined"),
        ("time_to_epoch('2020-04-03 Nowhere/Land', 'yyyy-MM-dd VV')", "undefined"),
    ]);
}

#[test]
fn cast() {
    table(&[
        ("cast(true as Int)", "1"),
        ("cast(false as Decimal)", "0"),
        ("cast(1.9 as Integer)", "1"),
        ("cast(-1.9 as Int)", "-2"),
        ("cast('5E-1' as Double)", "0.5"),
        ("cast(10.0 as Decimal)", "10"),
        ("cast(0 as Bool)", "false"),
        ("cast(0.1 as Boolean)", "true"),
        ("cast('TRUE' as Boolean)", "true"),
        ("cast('maybe' as Boolean)", "undefined"),
        ("cast(12 as Nvarchar)", r#""12""#),
        ("cast(1e-7 as text)", r#""1E-7""#),
        ("cast([1, 'a', null] as String)", r#""[1,\"a\",null]""#),
        ("cast(null as String)", "undefined"),
        ("cast(o as Int)", "undefined"),
    ]);
}

#[test]
fn every_function_has_a_row_here() {
    let source = include_str!("functions.rs").to_lowercase();

    let forgotten: Vec<&str> = perennial_core::rule::Function::all()
        .map(|function| function.name())
        .filter(|name| !source.contains(&format!("{}(", name.to_lowercase())))
        .collect();

    assert_eq!(forgotten, [""; 0]);
}
