//! Retained messages: the last one of each topic that was published with RETAIN.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use bytestring::ByteString;
use perennial_core::{time::Timestamp, topic::matches};
use tokio::time::Instant;

use crate::{message::Message, settings::Limits};

/// The retained messages, bounded in number and bytes.
#[derive(Default)]
pub(crate) struct Retained {
    by_topic: BTreeMap<ByteString, Kept>,
    /// Those that expire, by when.
    expiring: BTreeSet<(Instant, ByteString)>,
    bytes: usize,
}

/// A retained message.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) message: Arc<Message>,
    /// When it was published.
    pub(crate) since: Timestamp,
}

impl Retained {
    /// Keeps `message` for its topic, or forgets the topic's message when it is empty; says
    /// whether there was room.
    pub(crate) fn put(
        &mut self,
        message: &Arc<Message>,
        limits: &Limits,
        (now, since): (Instant, Timestamp),
    ) -> bool {
        self.drop_expired(now);
        let topic = &message.topic;
        if message.payload.is_empty() {
            self.remove(topic);
            return true;
        }
        let kept = self.by_topic.get(topic);
        let replaced = kept.map_or(0, |it| it.message.payload.len());
        let bytes = self.bytes - replaced + message.payload.len();
        if bytes > limits.retained_bytes
            || kept.is_none() && self.by_topic.len() >= limits.retained_messages
        {
            return false;
        }
        self.remove(topic);
        self.bytes += message.payload.len();
        self.expiring.extend(message.expires_at.map(|at| (at, topic.clone())));
        self.by_topic.insert(topic.clone(), Kept { message: Arc::clone(message), since });
        true
    }

    fn drop_expired(&mut self, now: Instant) {
        while let Some((_, topic)) = self.expiring.first().filter(|(at, _)| *at <= now).cloned() {
            self.remove(&topic);
        }
    }

    fn remove(&mut self, topic: &ByteString) {
        if let Some(Kept { message, .. }) = self.by_topic.remove(topic) {
            self.bytes -= message.payload.len();
            if let Some(at) = message.expires_at {
                self.expiring.remove(&(at, topic.clone()));
            }
        }
    }

    /// The first `most` messages that `filter` selects behind the topic `after`, by topic; looks
    /// only at topics that begin like the filter.
    pub(crate) fn page(
        &self,
        filter: &str,
        after: Option<&str>,
        most: usize,
        now: Instant,
    ) -> Vec<Arc<Message>> {
        let literal = filter.split(['+', '#']).next().unwrap_or_default().trim_end_matches('/');
        let from = after.map_or(Bound::Included(literal), Bound::Excluded);
        let candidates = self.by_topic.range::<str, _>((from, Bound::Unbounded));
        candidates
            .take_while(|(topic, _)| topic.starts_with(literal))
            .filter(|(topic, kept)| matches(filter, topic) && !kept.message.expired(now))
            .map(|(_, kept)| Arc::clone(&kept.message))
            .take(most)
            .collect()
    }

    /// The topic's message.
    pub(crate) fn of(&self, topic: &str, now: Instant) -> Option<Kept> {
        self.by_topic.get(topic).filter(|kept| !kept.message.expired(now)).cloned()
    }

    /// The first `most` messages behind the topic `after`, by topic.
    pub(crate) fn all(&self, after: Option<&str>, most: usize, now: Instant) -> Vec<Kept> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.by_topic.range::<str, _>((from, Bound::Unbounded));
        let alive = behind.map(|(_, kept)| kept).filter(|kept| !kept.message.expired(now));
        alive.take(most).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Outgoing, Qos};

    fn now() -> (Instant, Timestamp) {
        (Instant::now(), Timestamp::EPOCH)
    }

    fn message(topic: &str, payload: &'static str) -> Arc<Message> {
        Arc::new(message_of(topic, payload))
    }

    fn message_of(topic: &str, payload: &'static str) -> Message {
        let payload = Bytes::from_static(payload.as_bytes());
        let qos = Qos::AtLeastOnce;
        Message::from_process(Outgoing { topic: topic.into(), payload, qos, retain: true })
    }

    #[test]
    fn filters_select_retained_topics_as_they_select_published_ones() {
        let mut retained = Retained::default();
        for topic in ["a", "a/b", "a/b/c", "ab", "$aws/x"] {
            assert!(retained.put(&message(topic, "x"), &Limits::default(), now()));
        }

        for (filter, count) in [("a/#", 3), ("a/+", 1), ("#", 4), ("+", 2), ("a/b", 1), ("b", 0)] {
            assert_eq!(retained.page(filter, None, 10, Instant::now()).len(), count, "{filter}");
        }
    }

    #[test]
    fn the_bounds_hold_and_an_empty_payload_forgets() {
        let limits = Limits { retained_messages: 1, retained_bytes: 4, ..Limits::default() };
        let mut retained = Retained::default();

        assert!(retained.put(&message("a", "1234"), &limits, now()));
        assert!(!retained.put(&message("b", "1"), &limits, now()));
        assert!(!retained.put(&message("a", "12345"), &limits, now()));
        assert!(retained.put(&message("a", ""), &limits, now()));

        assert!(retained.put(&message("b", "1"), &limits, now()));
        assert_eq!(retained.bytes, 1);
    }

    #[test]
    fn an_expired_message_makes_room_for_another() {
        let limits = Limits { retained_messages: 1, ..Limits::default() };
        let mut retained = Retained::default();
        let soon = Instant::now() + std::time::Duration::from_secs(1);
        let expiring = Message { expires_at: Some(soon), ..message_of("a", "1") };
        assert!(retained.put(&Arc::new(expiring), &limits, now()));

        assert!(!retained.put(&message("b", "1"), &limits, now()));
        assert!(retained.put(&message("b", "1"), &limits, (soon, Timestamp::EPOCH)));

        assert_eq!((retained.by_topic.len(), retained.expiring.len()), (1, 0));
    }
}
