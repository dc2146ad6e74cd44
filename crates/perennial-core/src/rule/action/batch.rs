//! Batches of an HTTP action: which messages travel in one request, and when it leaves.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Batching, HttpPost, Payload};
use crate::{rule::RuleInvalid, time::Timestamp};

/// The most messages that are held in open batches of one action.
const MAX_HELD: usize = 2_048;

/// AWS's `BatchConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchConfig {
    /// How many milliseconds the first message waits for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_batch_open_ms: Option<u64>,
    /// How many messages travel together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_batch_size: Option<usize>,
    /// How many bytes they have together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_batch_size_bytes: Option<usize>,
    /// Whether messages of different topics travel together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_across_topics: Option<bool>,
}

/// What bounds a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// How long its first message waits for others.
    pub open_for: Duration,
    /// How many messages it has.
    pub messages: usize,
    /// How many bytes its body has; a message that has more by itself travels alone.
    pub bytes: usize,
    /// Whether its messages may be of different topics.
    pub across_topics: bool,
}

impl BatchConfig {
    /// The limits that it sets, AWS's where it sets none.
    ///
    /// # Errors
    /// [`RuleInvalid::Member`] names the one that is out of its range.
    pub fn limits(&self) -> Result<BatchLimits, RuleInvalid> {
        let within = |name, value: u64, (least, most)| {
            if (least..=most).contains(&value) {
                return Ok(value);
            }
            let problem = format!("http.batchConfig.{name}: {value}, not from {least} to {most}");
            Err(RuleInvalid::Member(problem))
        };
        let sized = |name, value: usize, range| {
            within(name, u64::try_from(value).unwrap_or(u64::MAX), range).map(|_| value)
        };
        let open = within("maxBatchOpenMs", self.max_batch_open_ms.unwrap_or(20), (5, 200))?;
        let bytes = self.max_batch_size_bytes.unwrap_or(5_120);
        Ok(BatchLimits {
            open_for: Duration::from_millis(open),
            messages: sized("maxBatchSize", self.max_batch_size.unwrap_or(10), (2, 10))?,
            bytes: sized("maxBatchSizeBytes", bytes, (100, 131_072))?,
            across_topics: self.batch_across_topics.unwrap_or(false),
        })
    }
}

/// What messages must have in common to travel together: the URL, and the topic unless batches go
/// across topics.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    url: String,
    topic: Option<String>,
}

/// A batch that waits for more.
#[derive(Debug)]
struct Open<T> {
    items: Vec<T>,
    bytes: usize,
    due_at: Timestamp,
}

/// The open batches of one action.
#[derive(Debug)]
pub struct Batches<T> {
    limits: BatchLimits,
    open: BTreeMap<Key, Open<T>>,
    held: usize,
}

impl<T> Batches<T> {
    /// None yet.
    pub const fn new(limits: BatchLimits) -> Self {
        Self { limits, open: BTreeMap::new(), held: 0 }
    }

    /// Takes in a message of `topic`, whose body has `bytes`, for `url`; answers the batches that
    /// leave because of it: one that has no room for it, and one that it fills.
    pub fn put(
        &mut self,
        (url, topic): (&str, &str),
        (item, bytes): (T, usize),
        now: Timestamp,
    ) -> Vec<Vec<T>> {
        let topic = (!self.limits.across_topics).then(|| topic.to_owned());
        let key = Key { url: url.to_owned(), topic };
        let mut leaving = Vec::new();
        // The brackets, and a comma before each but the first.
        let has_room = |open: &Open<T>| open.bytes + 1 + bytes <= self.limits.bytes;
        if self.open.get(&key).is_some_and(|open| !has_room(open)) {
            leaving.extend(self.take(&key));
        }
        if self.held >= MAX_HELD {
            leaving.extend(self.first().and_then(|key| self.take(&key)));
        }
        let due_at = now + self.limits.open_for;
        let open =
            self.open.entry(key.clone()).or_insert(Open { items: Vec::new(), bytes: 1, due_at });
        open.items.push(item);
        open.bytes += 1 + bytes;
        self.held += 1;
        let is_full = open.items.len() >= self.limits.messages || open.bytes >= self.limits.bytes;
        if is_full {
            leaving.extend(self.take(&key));
        }
        leaving
    }

    /// When the next batch has been open for long enough.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.open.values().map(|open| open.due_at).min()
    }

    /// The batches that have been open for long enough.
    pub fn due(&mut self, now: Timestamp) -> Vec<Vec<T>> {
        let due = self.open.iter().filter(|(_, open)| open.due_at <= now);
        let due: Vec<Key> = due.map(|(key, _)| key.clone()).collect();
        due.iter().filter_map(|key| self.take(key)).collect()
    }

    /// All of them, however long they were open.
    pub fn close(&mut self) -> Vec<Vec<T>> {
        self.held = 0;
        std::mem::take(&mut self.open).into_values().map(|open| open.items).collect()
    }

    /// The one that has been open for longest.
    fn first(&self) -> Option<Key> {
        self.open.iter().min_by_key(|(_, open)| open.due_at).map(|(key, _)| key.clone())
    }

    fn take(&mut self, key: &Key) -> Option<Vec<T>> {
        let items = self.open.remove(key)?.items;
        self.held -= items.len();
        Some(items)
    }
}

impl HttpPost {
    /// One request with the payloads of all `posts` as a JSON array, and all else as the last of
    /// them has it.
    ///
    /// # Errors
    /// The place of the first whose payload is no JSON.
    pub fn together(posts: &[&Self]) -> Result<Self, usize> {
        let mut body = vec![b'['];
        for (place, post) in posts.iter().enumerate() {
            if !post.payload.is_json() {
                return Err(place);
            }
            if place > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&post.payload.0);
        }
        body.push(b']');
        let last = posts.last().ok_or(0_usize)?;
        let payload = Payload(body.into());
        Ok(Self { payload, batching: Batching::Alone, ..(*last).clone() })
    }
}

impl Payload {
    /// Whether it is a JSON text: UTF-8 throughout, or one that is not would spoil a whole batch.
    pub fn is_json(&self) -> bool {
        let parsed = |text| serde_json::from_str::<serde::de::IgnoredAny>(text);
        std::str::from_utf8(&self.0).is_ok_and(|text| parsed(text).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn batches(config: &str) -> Batches<u32> {
        Batches::new(serde_json::from_str::<BatchConfig>(config).unwrap().limits().unwrap())
    }

    fn at(millis: u64) -> Timestamp {
        T + Duration::from_millis(millis)
    }

    #[test]
    fn limits_are_awss_and_what_is_beyond_them_is_refused_by_name() {
        let limits = BatchConfig::default().limits().unwrap();
        let refused = |config: &str| {
            serde_json::from_str::<BatchConfig>(config).unwrap().limits().unwrap_err().to_string()
        };

        assert_eq!(
            limits,
            BatchLimits {
                open_for: Duration::from_millis(20),
                messages: 10,
                bytes: 5_120,
                across_topics: false
            }
        );
        for (config, told) in [
            (r#"{"maxBatchOpenMs": 4}"#, "maxBatchOpenMs: 4, not from 5 to 200"),
            (r#"{"maxBatchOpenMs": 201}"#, "maxBatchOpenMs: 201"),
            (r#"{"maxBatchSize": 1}"#, "maxBatchSize: 1, not from 2 to 10"),
            (r#"{"maxBatchSize": 11}"#, "maxBatchSize: 11"),
            (r#"{"maxBatchSizeBytes": 99}"#, "maxBatchSizeBytes: 99, not from 100 to 131072"),
            (r#"{"maxBatchSizeBytes": 131073}"#, "maxBatchSizeBytes: 131073"),
        ] {
            assert!(refused(config).contains(told), "{config}: {}", refused(config));
        }
    }

    #[test]
    fn a_batch_leaves_when_it_is_full_or_its_time_is_over() {
        let mut it = batches(r#"{"maxBatchSize": 3, "maxBatchOpenMs": 50}"#);

        let full = [1, 2, 3].map(|n| it.put(("u", "t"), (n, 1), T));
        let waiting = it.put(("u", "t"), (4, 1), at(10));

        assert_eq!(full, [vec![], vec![], vec![vec![1, 2, 3]]]);
        assert!(waiting.is_empty() && it.due(at(59)).is_empty());
        assert_eq!(it.due_at(), Some(at(60)));
        assert_eq!(it.due(at(60)), [vec![4]]);
        assert_eq!((it.due_at(), it.held), (None, 0));
    }

    #[test]
    fn a_body_never_has_more_bytes_than_it_may_but_of_one_message() {
        let mut it = batches(r#"{"maxBatchSizeBytes": 100}"#);

        // Two brackets and a comma: 49 + 49 fit, one more byte does not.
        assert!(it.put(("u", "t"), (1, 48), T).is_empty());
        assert_eq!(it.put(("u", "t"), (2, 49), T), [vec![1, 2]]);
        assert!(it.put(("u", "t"), (3, 50), T).is_empty());
        assert_eq!(it.put(("u", "t"), (4, 50), T), [vec![3]]);
        assert_eq!(it.put(("u", "t"), (5, 1_000), T), [vec![4], vec![5]]);
    }

    #[test]
    fn only_what_has_url_and_topic_in_common_travels_together_unless_topics_do_not_matter() {
        let mut by_topic = batches("{}");
        let mut across = batches(r#"{"batchAcrossTopics": true}"#);

        for it in [&mut by_topic, &mut across] {
            for (n, (url, topic)) in (1..).zip([("u", "a"), ("u", "b"), ("v", "a"), ("u", "a")]) {
                assert!(it.put((url, topic), (n, 1), T).is_empty());
            }
        }

        assert_eq!(by_topic.close(), [vec![1, 4], vec![2], vec![3]]);
        assert_eq!(across.close(), [vec![1, 2, 4], vec![3]]);
    }

    #[test]
    fn no_more_are_held_than_may_be_however_many_topics_there_are() {
        let mut it = batches("{}");

        let mut left = 0;
        for n in 0..3 * u32::try_from(MAX_HELD).unwrap() {
            left += it.put(("u", &n.to_string()), (n, 1), at(u64::from(n) / 1_000)).len();
        }

        assert_eq!((left, it.held), (2 * MAX_HELD, MAX_HELD));
        assert_eq!(it.close().len(), MAX_HELD);
    }

    #[test]
    fn a_request_has_all_payloads_and_the_last_messages_fields() {
        let post = |n: u8, payload: &str| HttpPost {
            url: "https://a.example/".to_owned(),
            headers: vec![("x-n".to_owned(), n.to_string())],
            signing: None,
            batching: Batching::OfATopic,
            payload: Payload(payload.as_bytes().into()),
        };
        let (first, second, none) = (post(1, r#"{"a":1}"#), post(2, "[2]"), post(3, "{a"));

        let together = HttpPost::together(&[&first, &second]).unwrap();

        assert_eq!(&*together.payload.0, br#"[{"a":1},[2]]"#);
        assert_eq!(together.headers, second.headers);
        assert_eq!(HttpPost::together(&[&first, &none]), Err(1));
    }

    #[test]
    fn a_text_with_octets_that_are_no_utf_8_spoils_no_batch() {
        let payload = |octets: &[u8]| Payload(octets.into());

        assert!(payload("\"\u{e9}\"".as_bytes()).is_json());
        assert!(!payload(b"\"\xe9\"").is_json());
    }
}
