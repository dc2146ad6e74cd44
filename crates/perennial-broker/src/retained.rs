//! Retained messages: the last one of each topic that was published with RETAIN.

use std::{collections::BTreeMap, sync::Arc};

use perennial_core::topic::matches;
use tokio::time::Instant;

use crate::{message::Message, settings::Limits};

/// The retained messages, bounded in number and bytes.
#[derive(Default)]
pub(crate) struct Retained {
    by_topic: BTreeMap<String, Arc<Message>>,
    bytes: usize,
}

impl Retained {
    /// Keeps `message` for its topic, or forgets the topic's message when it is empty; says
    /// whether there was room.
    pub(crate) fn put(&mut self, message: &Arc<Message>, limits: &Limits) -> bool {
        let topic: &str = &message.topic;
        let freed = self.by_topic.get(topic).map_or(0, |kept| kept.payload.len());
        if message.payload.is_empty() {
            self.by_topic.remove(topic);
            self.bytes -= freed;
            return true;
        }
        let bytes = self.bytes - freed + message.payload.len();
        let is_new = !self.by_topic.contains_key(topic);
        if bytes > limits.retained_bytes
            || is_new && self.by_topic.len() >= limits.retained_messages
        {
            return false;
        }
        self.bytes = bytes;
        self.by_topic.insert(topic.to_owned(), Arc::clone(message));
        true
    }

    /// The messages that `filter` selects; looks only at topics that begin like the filter.
    pub(crate) fn matching(&self, filter: &str, now: Instant) -> Vec<Arc<Message>> {
        let literal = filter.split(['+', '#']).next().unwrap_or_default().trim_end_matches('/');
        let candidates = self.by_topic.range(literal.to_owned()..);
        candidates
            .take_while(|(topic, _)| topic.starts_with(literal))
            .filter(|(topic, message)| matches(filter, topic) && !message.expired(now))
            .map(|(_, message)| Arc::clone(message))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Outgoing, Qos};

    fn message(topic: &str, payload: &'static str) -> Arc<Message> {
        let payload = Bytes::from_static(payload.as_bytes());
        let qos = Qos::AtLeastOnce;
        Arc::new(Message::from_process(Outgoing {
            topic: topic.into(),
            payload,
            qos,
            retain: true,
        }))
    }

    #[test]
    fn filters_select_retained_topics_as_they_select_published_ones() {
        let mut retained = Retained::default();
        for topic in ["a", "a/b", "a/b/c", "ab", "$aws/x"] {
            assert!(retained.put(&message(topic, "x"), &Limits::default()));
        }

        for (filter, count) in [("a/#", 3), ("a/+", 1), ("#", 4), ("+", 2), ("a/b", 1), ("b", 0)] {
            assert_eq!(retained.matching(filter, Instant::now()).len(), count, "{filter}");
        }
    }

    #[test]
    fn the_bounds_hold_and_an_empty_payload_forgets() {
        let limits = Limits { retained_messages: 1, retained_bytes: 4, ..Limits::default() };
        let mut retained = Retained::default();

        assert!(retained.put(&message("a", "1234"), &limits));
        assert!(!retained.put(&message("b", "1"), &limits));
        assert!(!retained.put(&message("a", "12345"), &limits));
        assert!(retained.put(&message("a", ""), &limits));

        assert!(retained.put(&message("b", "1"), &limits));
        assert_eq!(retained.bytes, 1);
    }
}
