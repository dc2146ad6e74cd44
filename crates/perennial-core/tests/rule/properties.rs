//! What must hold of every text and every payload: the parser never panics, what it prints reads
//! back the same, and every rule has an answer.

use perennial_core::rule::{Function, Rule, Template};
use proptest::prelude::*;

use crate::surroundings::{run, run_on};

/// Statements of every form, their parts chosen at random.
fn statement() -> impl Strategy<Value = String> {
    let condition = prop::option::of(expression());
    (selection(expression()), "[a-c]|a/\\+|#", condition).prop_map(
        |(selection, filter, condition)| {
            let condition =
                condition.map_or(String::new(), |condition| format!(" WHERE {condition}"));
            format!("SELECT {selection} FROM '{filter}'{condition}")
        },
    )
}

fn selection(expression: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> {
    let alias = prop_oneof!["[a-c]", Just("a.b".to_owned()), Just("value".to_owned())];
    let item = prop_oneof![
        Just("*".to_owned()),
        (expression.clone(), alias).prop_map(|(item, alias)| format!("{item} AS {alias}")),
        "[a-c]|value|exists|a\\.b",
    ];
    prop_oneof![
        3 => prop::collection::vec(item, 1..4).prop_map(|items| items.join(", ")),
        1 => expression.prop_map(|value| format!("VALUE ({value})")),
    ]
}

fn leaf() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        "[a-d]|value|a\\.b|d\\.value",
        "-?[0-9]{1,3}(\\.[0-9]{1,3})?(E-?[0-9]{1,2})?",
        "'[a-c ''\"é]{0,4}'"
            .prop_map(|text| { format!("'{}'", text[1..text.len() - 1].replace('\'', "''")) }),
        Just("NULL".to_owned()),
        Just("TRUE".to_owned()),
        Just("encode(*, 'base64')".to_owned()),
    ]
}

fn expression() -> impl Strategy<Value = String> + Clone {
    let functions: Vec<Function> =
        Function::all().filter(|function| function.name() != "encode").collect();
    leaf().prop_recursive(4, 32, 4, move |inner| {
        let two = (inner.clone(), inner.clone());
        let call =
            (prop::sample::select(functions.clone()), prop::collection::vec(inner.clone(), 4));
        let operator = prop::sample::select(vec![
            "OR", "AND", "=", "<>", "<", ">=", "IN", "+", "-", "*", "/", "%",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} - {b} + {c})")),
            inner.clone().prop_map(|of| format!("(NOT {of})")),
            inner.clone().prop_map(|of| format!("(- {of})")),
            inner.clone().prop_map(|of| format!("({of}).a")),
            inner.clone().prop_map(|of| format!("CAST({of} AS Int)")),
            two.clone().prop_map(|(a, b)| format!("[{a}, {b}]")),
            two.clone().prop_map(|(a, b)| format!("{{'a': {a}, 'b': {b}}}")),
            two.clone().prop_map(|(a, b)| format!("CASE {a} WHEN {b} THEN 1 ELSE {a} END")),
            two.clone().prop_map(|(a, b)| format!("(SELECT {a} AS x, * FROM d AS y WHERE {b})")),
            two.prop_map(|(a, b)| format!("EXISTS (SELECT VALUE ({a}) FROM ({b}))")),
            call.prop_map(|(function, arguments)| {
                let count = (*function.arity().end()).min(4).max(*function.arity().start());
                let arguments = if function.name() == "decode" {
                    format!("{}, 'base64'", arguments[0])
                } else {
                    arguments[..count].join(", ")
                };
                format!("{}({arguments})", function.name())
            }),
        ]
    })
}

fn payload() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?[1-9][0-9]{0,3}(\\.[0-9]{1,3})?(e-?[0-9]{1,2})?",
        "\"[a-d é]{0,6}\"",
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec(("[a-d]", inner), 0..4).prop_map(|all| {
                let all: Vec<_> =
                    all.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", all.join(","))
            }),
        ]
    });
    prop_oneof![9 => value, 1 => Just("no json".to_owned())]
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(sql in statement()) {
        if let Ok(rule) = Rule::parse(&sql) {
            let printed = rule.to_string();

            let again = Rule::parse(&printed);

            prop_assert_eq!(again.as_ref(), Ok(&rule), "{}", printed);
            prop_assert_eq!(again.unwrap().to_string(), printed);
        }
    }

    #[test]
    fn every_rule_has_an_answer_for_every_payload(sql in statement(), payload in payload()) {
        if Rule::parse(&sql).is_ok() {
            let once = run(&sql, payload.as_bytes());

            prop_assert_eq!(&run(&sql, payload.as_bytes()), &once, "it depends on nothing else");
            if let Ok(Some(outgoing)) = once
                && !outgoing.is_empty()
                && outgoing != payload.as_bytes()
            {
                let read = serde_json::from_slice::<serde_json::Value>(&outgoing);
                prop_assert!(read.is_ok(), "{:?} is no JSON", outgoing);
            }
        }
    }

    #[test]
    fn no_text_and_no_octets_panic(sql in ".{0,60}", near in statement(), at in 0..100usize, payload: Vec<u8>) {
        let cut: String = near.chars().enumerate().filter(|(index, _)| *index != at).map(|(_, c)| c).collect();
        for text in [sql, cut] {
            let _ = Template::parse(&format!("${{{text}}}"));
            if Rule::parse(&text).is_ok() {
                let _ = run(&text, &payload);
            }
        }
    }

    #[test]
    fn a_payload_never_says_who_its_sender_is(payload in payload(), order: bool) {
        let sql = if order {
            "SELECT clientid() AS a, * FROM 'x'"
        } else {
            "SELECT *, clientid() AS a FROM 'x'"
        };
        let message = crate::surroundings::message("x", payload.as_bytes());

        if let Ok(Some(outgoing)) = run_on(sql, &message) {
            let event: serde_json::Value = serde_json::from_slice(&outgoing).unwrap();
            prop_assert_eq!(&event["a"], "pump-1");
        }
    }
}
