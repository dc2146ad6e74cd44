//! What is wrong with a statement is said with its place and what was expected there.

use perennial_core::rule::{Rule, limits::MAX_SQL_LEN};

#[test]
fn a_statement_that_is_wrong_says_where_and_what_was_expected() {
    for (sql, expected) in [
        ("", "line 1, column 1: expected SELECT, found the end"),
        ("SELEC * FROM 'a'", "line 1, column 1: expected SELECT, found SELEC"),
        ("SELECT FROM 'a'", "line 1, column 8: expected an expression, found FROM"),
        ("SELECT *", "line 1, column 9: expected FROM, found the end"),
        ("SELECT * FROM a/b", "line 1, column 15: expected a topic filter in quotes, found a"),
        ("SELECT *\nFROM 'a' WHER x", "line 2, column 10: expected WHERE or the end, found WHER"),
        ("SELECT * FROM 'a' WHERE x = 1 y", "line 1, column 31: expected the end, found y"),
        ("SELECT a b FROM 'x'", "line 1, column 10: expected FROM, found b"),
        ("SELECT a AS 1 FROM 'x'", "line 1, column 13: expected a name, found 1"),
        ("SELECT (a FROM 'x'", "line 1, column 11: expected ), found FROM"),
        ("SELECT [1, 2 FROM 'x'", "line 1, column 14: expected , or ], found FROM"),
        (
            "SELECT {a: 1} AS x FROM 'x'",
            "line 1, column 9: expected a member's name in quotes, found a",
        ),
        ("SELECT CASE a ELSE 1 END AS x FROM 'x'", "line 1, column 15: expected WHEN, found ELSE"),
        (
            "SELECT CASE a WHEN 1 THEN 2 AS x FROM 'x'",
            "line 1, column 29: expected WHEN, ELSE or END, found AS",
        ),
        (
            "SELECT cast(a AS Date) AS x FROM 'x'",
            "line 1, column 18: expected String, Int, Decimal, Double or Boolean, found Date",
        ),
        (
            "SELECT * FROM 'x' WHERE 1 < a < 3",
            "line 1, column 31: expected AND, OR or parentheses around the comparison before, found <",
        ),
        ("SELECT 1 + FROM 'x'", "line 1, column 12: expected an expression, found FROM"),
        (
            "SELECT 1 + 2 FROM 'x'",
            "line 1, column 8: expected AS and a name after this, since it has none of its own",
        ),
        ("SELECT 'é' AS x, 'abc FROM x", "line 1, column 18: expected ' where this text ends"),
        ("SELECT a ; FROM 'x'", "line 1, column 10: expected SQL, found ';'"),
        (
            "SELECT `my-key` FROM 'x'",
            "line 1, column 8: expected SQL, found '`': a name that is no word is reached by \
             get(of, 'the name')",
        ),
        (
            "SET @x = 1 SELECT @x FROM 'x'",
            "line 1, column 1: variables (SET) are not offered \
             here",
        ),
    ] {
        let error = Rule::parse(sql).unwrap_err().to_string();

        assert_eq!(error, expected, "{sql}");
    }
}

#[test]
fn a_function_that_is_used_wrongly_is_refused_when_the_rule_is_made() {
    for (expression, expected) in [
        ("nosuch(1)", "line 1, column 8: there is no function nosuch()"),
        (
            "get_thing_shadow('x', 'arn')",
            "line 1, column 8: get_thing_shadow() is not offered here: a rule reads nothing but its \
             message",
        ),
        ("md2('a')", "line 1, column 8: md2() is not offered here: use sha256()"),
        ("substring('a')", "line 1, column 8: substring takes 2 to 3 arguments"),
        ("clientid(1)", "line 1, column 8: clientid takes no arguments"),
        ("min()", "line 1, column 8: min takes 1 arguments or more"),
        ("encode('a', 'hex')", "line 1, column 20: expected 'base64', the only scheme there is"),
        ("encode(a, b)", "line 1, column 18: expected 'base64', the only scheme there is"),
        ("upper(*)", "line 1, column 14: expected an expression, found *"),
        (
            "regexp_matches('a', '(')",
            "line 1, column 28: expected a regular expression: unclosed group",
        ),
        (
            "regexp_substr(a, '(a{999}){999}')",
            "line 1, column 25: this regular expression is too large",
        ),
        (
            "parse_time('yyyy q', 0)",
            "line 1, column 19: expected a date and time pattern: the letter q is not offered here",
        ),
        (
            "parse_time('yyyy ''at', 0)",
            "line 1, column 19: expected a date and time pattern: a ' has no other behind it",
        ),
        (
            "time_to_epoch(a, 'yyyy[-MM]')",
            "line 1, column 25: expected a date and time pattern: [ is not offered here",
        ),
    ] {
        let error = Rule::parse(&format!("SELECT {expression} AS x FROM 'a'")).unwrap_err();

        assert_eq!(error.to_string(), expected, "{expression}");
    }
}

#[test]
fn a_filter_that_is_none_is_refused() {
    for (filter, problem) in [
        ("a/#/b", "in a topic filter"),
        ("", "1 to 256 bytes"),
        ("a+", "in a topic filter"),
        (&"a".repeat(257), "1 to 256 bytes"),
    ] {
        let error = Rule::parse(&format!("SELECT * FROM '{filter}'")).unwrap_err();

        assert!(error.to_string().contains(problem), "{error}");
        assert_eq!((error.line, error.column), (1, 15));
    }
}

#[test]
fn a_statement_is_bounded_in_length_and_depth() {
    let long = format!("SELECT '{}' AS a FROM 'a'", "x".repeat(MAX_SQL_LEN));
    let deep = |open: &str, close: &str| {
        let inner = format!("{}1{}", open.repeat(40), close.repeat(40));
        Rule::parse(&format!("SELECT {inner} AS a FROM 'a'")).unwrap_err().to_string()
    };

    assert!(Rule::parse(&long).unwrap_err().to_string().contains("16384 bytes"));
    for (open, close) in
        [("(", ")"), ("[", "]"), ("NOT ", ""), ("- ", ""), ("abs(", ")"), ("(SELECT a FROM ", ")")]
    {
        assert!(deep(open, close).contains("nested deeper"), "{open}");
    }
    let alias = format!("SELECT 1 AS {} FROM 'a'", vec!["a"; 40].join("."));
    assert!(Rule::parse(&alias).unwrap_err().to_string().contains("nested deeper"));
}
