//! MQTT packets, and the topics and filters in them.

use perennial_core::topic::{Prefix, check_filter, check_name, matches};

/// The largest packet, in bytes after the fixed header; the broker's own limit is larger.
const MAX_PACKET: u32 = 4096;

/// One octet for the size of the pieces in which the rest arrives.
pub(crate) fn mqtt(input: &[u8]) {
    let Some((piece, sent)) = input.split_first() else { return };
    let whole = perennial_broker::fuzzing::decode(sent, sent.len(), MAX_PACKET);

    let in_pieces = perennial_broker::fuzzing::decode(sent, usize::from(*piece), MAX_PACKET);

    assert_eq!(whole, in_pieces, "how bytes arrive decides what they say");
}

/// A filter, a line feed, a topic.
pub(crate) fn topic(input: &[u8]) {
    let (filter, topic) = super::cut(input, b'\n');
    let (Ok(filter), Ok(topic)) = (str::from_utf8(filter), str::from_utf8(topic)) else { return };
    let (filter_fits, topic_fits) = (check_filter(filter).is_ok(), check_name(topic).is_ok());

    let selects = matches(filter, topic);

    if filter_fits && topic_fits {
        assert_eq!(selects, defined(filter, topic), "{filter:?} and {topic:?}");
    }
    if let Some((client_id, kind)) = Prefix::default().parse(topic) {
        assert_eq!(Prefix::default().topic(&client_id, kind), topic);
        assert!(matches(&Prefix::default().filter(kind), topic));
    }
    if let Ok(prefix) = filter.parse::<Prefix>() {
        assert!(!prefix.as_str().ends_with('/'));
    }
}

/// What MQTT 5 §4.7 says, level by level from the end.
fn defined(filter: &str, topic: &str) -> bool {
    fn levels(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) | ([], []) => true,
            (["+", filter @ ..], [_, topic @ ..]) => levels(filter, topic),
            ([wanted, filter @ ..], [found, topic @ ..]) => {
                wanted == found && levels(filter, topic)
            }
            ([_, ..], []) | ([], [_, ..]) => false,
        }
    }
    let wild = filter.starts_with(['+', '#']);
    let (filter, names): (Vec<_>, Vec<_>) =
        (filter.split('/').collect(), topic.split('/').collect());
    !(wild && topic.starts_with('$')) && levels(&filter, &names)
}
