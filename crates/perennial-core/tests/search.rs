//! The query language of searching things: what is read, what is meant, what is refused where.
#![expect(clippy::unwrap_used, reason = "a test's own machinery")]

use perennial_core::{
    ids::{ResourceId, ThingGroupName, ThingName, ThingTypeName},
    registry::{Attributes, Thing},
    search::{Connectivity, Facts, MAX_TERMS, Narrowing, Query, QueryError, Wanted, Wrong},
    time::Timestamp,
};
use proptest::{collection::vec, prelude::*, sample::select};

struct Device {
    thing: Thing,
    groups: Vec<ThingGroupName>,
    connectivity: Connectivity,
    ends_at: Vec<Timestamp>,
}

/// `Pump-1` of type `pump`, in `north` and `wet`, with four attributes, offline, whose certificate
/// ends at 2000.
fn pump() -> Device {
    let attributes = [("site", "Lyon-7"), ("level", "12.5"), ("a:b", "x/y"), ("serial", "0042")];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Device {
        thing: Thing {
            name: ThingName::new("Pump-1").unwrap(),
            thing_id: ResourceId::from_random([7; 16]),
            type_name: Some(ThingTypeName::new("pump").unwrap()),
            attributes: Attributes::new(attributes.into()).unwrap(),
            version: 1,
            created_at: Timestamp::EPOCH,
        },
        groups: ["north", "wet"].map(|name| ThingGroupName::new(name).unwrap()).into(),
        connectivity: Connectivity {
            connected: false,
            since: Some(Timestamp::from_millis(1500)),
            disconnect_reason: Some("CONNECTION_LOST".to_owned()),
        },
        ends_at: vec![Timestamp::from_millis(2000)],
    }
}

impl Device {
    fn facts(&self) -> Facts<'_> {
        Facts {
            thing: &self.thing,
            groups: &self.groups,
            connectivity: &self.connectivity,
            certificates_end_at: &self.ends_at,
        }
    }
}

fn meant(text: &str) -> bool {
    let query: Query = text.parse().unwrap();
    let device = pump();
    let meant = query.matches(&device.facts());
    let printed = query.to_string();
    assert_eq!(printed.parse::<Query>().as_ref(), Ok(&query), "{printed}");
    assert!(!meant || query.narrowing().admits(&device.facts()), "{text}");
    meant
}

fn wrong(text: &str) -> QueryError {
    text.parse::<Query>().unwrap_err()
}

#[test]
fn terms_are_found_in_their_field_or_anywhere_whatever_their_case() {
    for text in [
        "*",
        "thingName:pump-1",
        "thingName:\"PUMP-1\"",
        "thingTypeName:PUMP",
        "thingGroupNames:wet",
        "attributes.site:lyon-7",
        "attributes.a\\:b:x/y",
        "connectivity.connected:false",
        "connectivity.disconnectReason:connection_lost",
        "thingId:*",
        "north",
        "lyon-7",
        "0042",
    ] {
        assert!(meant(text), "{text}");
    }
    for text in [
        "thingName:pump",
        "thingName:north",
        "attributes.site:7",
        "attributes.other:*",
        "connectivity.connected:true",
        "attributes.Site:lyon-7",
        "CONNECTION_LOST",
        "\"\"",
    ] {
        assert!(!meant(text), "{text}");
    }
}

#[test]
fn a_question_mark_is_one_character_and_a_star_the_rest() {
    for text in ["thingName:pump*", "thingName:p?mp-?", "thingName:pump-1*", "attributes.site:*"] {
        assert!(meant(text), "{text}");
    }
    for text in
        ["thingName:pump-1?", "thingName:pump?", "thingName:pump-\\*", "thingName:\"pump*\""]
    {
        assert!(!meant(text), "{text}");
    }
}

#[test]
fn without_an_operator_it_is_and_which_binds_more_than_or() {
    for text in [
        "thingName:pump* thingTypeName:pump",
        "thingName:no* AND thingName:no* OR north",
        "north OR thingName:no* AND thingName:no*",
        "thingName:(no OR pump*)",
        "thingName:(pump* AND -plasma)",
        "NOT thingName:no*",
        "-thingName:no* -attributes.site:paris",
        "NOT (thingName:no* OR attributes.site:paris)",
        "NOT attributes.other:*",
        "thingGroupNames:(north AND wet)",
    ] {
        assert!(meant(text), "{text}");
    }
    for text in [
        "thingName:pump* thingTypeName:valve",
        "(thingName:no* OR north) AND thingName:no*",
        "NOT NOT thingName:no*",
        "-north",
        "thingName:(pump* AND -pump-1)",
    ] {
        assert!(!meant(text), "{text}");
    }
}

#[test]
fn ranges_are_of_numbers_if_their_ends_are() {
    for text in [
        "attributes.level:[12.5 TO 13]",
        "attributes.level:{-5 TO 100}",
        "attributes.level:[* TO 12.5]",
        "attributes.level>9",
        "attributes.level:>=12.5",
        "attributes.serial<=42",
        "attributes.site:[l TO m]",
        "connectivity.timestamp>1499",
        "certificate.notAfter:[* TO 2000]",
        "certificate.notAfter<2000.5 AND attributes.level:[* TO *]",
    ] {
        assert!(meant(text), "{text}");
    }
    for text in [
        "attributes.level:{12.5 TO 13]",
        "attributes.level<-1",
        "attributes.site>1",
        "attributes.site:[m TO *]",
        "certificate.notAfter<2000",
        "certificate.notAfter:[soon TO later]",
    ] {
        assert!(!meant(text), "{text}");
    }
}

#[test]
fn what_is_no_query_is_refused_with_its_place() {
    let expected = |text: &str| {
        let QueryError { at, wrong } = wrong(text);
        assert!(matches!(wrong, Wrong::Expected(_)), "{text}: {wrong}");
        at
    };

    assert_eq!(expected(""), 1);
    assert_eq!(expected("thingName:"), 11);
    assert_eq!(expected("(north"), 7);
    assert_eq!(expected("north)"), 6);
    assert_eq!(expected("north AND"), 10);
    assert_eq!(expected("AND north"), 1);
    assert_eq!(expected("attributes.a:[1 2]"), 17);
    assert_eq!(expected("attributes.a:[1 TO 2"), 21);
    assert_eq!(expected("attributes.a:[1* TO 2]"), 15);
    assert_eq!(expected("a\\"), 1);
    assert_eq!(wrong("x \"ab"), QueryError { at: 3, wrong: Wrong::Unquoted });
    assert_eq!(wrong("thingName:a*b"), QueryError { at: 11, wrong: Wrong::Wildcard });
    assert_eq!(wrong("*b"), QueryError { at: 1, wrong: Wrong::Wildcard });
    assert_eq!(wrong("[1 TO 2]"), QueryError { at: 1, wrong: Wrong::NoFieldOfRange });
    let unknown = Wrong::NoField("shadow.reported.x".to_owned());
    assert_eq!(wrong("a shadow.reported.x:1"), QueryError { at: 3, wrong: unknown });
}

#[test]
fn length_terms_and_depth_are_bounded() {
    let many = |count: usize| vec!["a"; count].join(" ");
    let deep = |count: usize| format!("{}a{}", "(".repeat(count), ")".repeat(count));

    assert!(many(MAX_TERMS).parse::<Query>().is_ok());
    assert_eq!(wrong(&many(MAX_TERMS + 1)).wrong, Wrong::TooManyTerms);
    assert!(deep(16).parse::<Query>().is_ok());
    assert_eq!(wrong(&deep(17)).wrong, Wrong::TooDeep);
    assert_eq!(wrong(&"- ".repeat(400)).wrong, Wrong::TooManyTerms);
    assert_eq!(wrong(&"-".repeat(100)).wrong, Wrong::TooDeep);
    assert_eq!(wrong(&"a".repeat(1001)).wrong, Wrong::TooLong);
}

#[test]
fn the_narrowest_index_is_chosen() {
    let narrowing = |text: &str| text.parse::<Query>().unwrap().narrowing();
    let exactly = |text: &str| Wanted::Exactly(text.to_owned());
    let beginning = |text: &str| Wanted::Beginning(text.to_owned());

    assert_eq!(narrowing("thingTypeName:pump thingName:a"), Narrowing::Named(exactly("a")));
    assert_eq!(narrowing("thingName:a?c*"), Narrowing::Named(beginning("a")));
    assert_eq!(narrowing("thingTypeName:pump -north"), Narrowing::OfType("pump".to_owned()));
    assert_eq!(narrowing("thingGroupNames:n connected"), Narrowing::InGroup("n".to_owned()));
    let site = |wanted| Narrowing::WithAttribute("site".to_owned(), wanted);
    assert_eq!(narrowing("attributes.site:a AND thingTypeName:b"), site(exactly("a")));
    assert_eq!(narrowing("attributes.site:*"), site(beginning("")));
    assert_eq!(
        narrowing("certificate.notAfter:[5 TO 9.5}"),
        Narrowing::CertificateEnds { from: 5, to: 10 }
    );
    for text in ["thingName:*", "a", "thingName:a OR thingName:b", "NOT thingName:a"] {
        assert_eq!(narrowing(text), Narrowing::Everything, "{text}");
    }
}

/// What queries are made of, and what breaks them.
const PIECES: &[&str] = &[
    "thingName:",
    "thingGroupNames:",
    "attributes.level",
    "attributes.a\\:b:",
    "certificate.notAfter",
    "connectivity.connected:",
    "pump-1",
    "Pump*",
    "p?mp",
    "\"",
    "\"wet\"",
    "12.5",
    "-1",
    "*",
    "?",
    "\\",
    "\\*",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ">",
    ">=",
    "<",
    " TO ",
    " AND ",
    " OR ",
    " NOT ",
    "-",
    " ",
    "é",
    "x/y",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_query_reads_back_as_it_is_written_and_its_index_has_what_it_means(
        pieces in vec(select(PIECES), 0..14),
    ) {
        let text = pieces.concat();
        if let Ok(query) = text.parse::<Query>() {
            let device = pump();
            let printed = query.to_string();
            prop_assert_eq!(printed.parse::<Query>(), Ok(query.clone()), "{}", printed);
            let meant = query.matches(&device.facts());
            prop_assert!(!meant || query.narrowing().admits(&device.facts()), "{}", text);
        }
    }
}
