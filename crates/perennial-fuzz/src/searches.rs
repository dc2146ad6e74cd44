//! Queries that search things.

use std::collections::BTreeMap;

use perennial_core::{
    ids::{ResourceId, ThingGroupName, ThingName, ThingTypeName},
    registry::{Attributes, Thing},
    search::{Connectivity, Facts, MAX_LENGTH, Query},
    time::Timestamp,
};

/// A query. It reads back as it is written, and what it means lies where an index is walked.
pub(crate) fn query(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(query) = text.parse::<Query>() else { return };
    let printed = query.to_string();
    // Backslashes and parentheses make it longer and deeper than a query may be.
    if printed.chars().count() <= MAX_LENGTH && printed.matches('(').count() < 16 {
        assert_eq!(printed.parse::<Query>().as_ref(), Ok(&query), "{printed}");
    }

    let narrowing = query.narrowing();

    for number in 0..4 {
        let Some(thing) = thing(number) else { return };
        let group = ThingGroupName::new("wet").ok();
        let connectivity = Connectivity {
            connected: number == 1,
            since: Some(Timestamp::from_millis(number)),
            disconnect_reason: Some("CONNECTION_LOST".to_owned()),
        };
        let facts = Facts {
            thing: &thing,
            groups: group.as_slice(),
            connectivity: &connectivity,
            certificates_end_at: &[Timestamp::from_millis(number * 1000)],
        };
        assert!(!query.matches(&facts) || narrowing.admits(&facts), "{printed}");
    }
}

fn thing(number: i64) -> Option<Thing> {
    let attributes = BTreeMap::from([("a".to_owned(), number.to_string())]);
    Some(Thing {
        name: ThingName::new(&format!("Pump-{number}")).ok()?,
        thing_id: ResourceId::from_random([7; 16]),
        type_name: ThingTypeName::new("pump").ok().filter(|_| number > 1),
        attributes: Attributes::new(attributes).ok()?,
        version: 1,
        created_at: Timestamp::EPOCH,
    })
}
