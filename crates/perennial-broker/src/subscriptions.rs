//! Who wants which topics.

use std::sync::Arc;

use perennial_core::topic::tree::FilterTree;
use rmqtt_codec::v5::SubscriptionOptions;

use crate::{inprocess::Inbox, session::Session};

/// Somebody who receives messages.
#[derive(Clone)]
pub(crate) enum Subscriber {
    Session(Arc<Session>, SubscriptionOptions),
    InProcess(Arc<Inbox>),
}

/// Every subscription, by filter and by the key of its subscriber.
#[derive(Default)]
pub(crate) struct Subscriptions {
    tree: FilterTree<u64, Subscriber>,
}

impl Subscriptions {
    /// Adds or replaces the subscription of `key` to `filter`; says whether it is new.
    pub(crate) fn insert(&mut self, filter: &str, key: u64, subscriber: Subscriber) -> bool {
        self.tree.insert(filter, key, subscriber).is_none()
    }

    /// Removes the subscription of `key` to `filter`; says whether there was one.
    pub(crate) fn remove(&mut self, filter: &str, key: u64) -> bool {
        self.tree.remove(filter, &key).is_some()
    }

    /// Everybody whose filter selects `topic` (MQTT 5 §4.7); one who has several such filters
    /// comes once, with the highest QoS of them.
    pub(crate) fn matches(&self, topic: &str) -> Vec<(u64, Subscriber)> {
        let mut found = Vec::new();
        self.tree.matching(topic, |key, subscriber| found.push((*key, subscriber.clone())));
        if found.len() > 1 {
            merge(&mut found);
        }
        found
    }
}

fn merge(found: &mut Vec<(u64, Subscriber)>) {
    let qos = |subscriber: &Subscriber| match subscriber {
        Subscriber::Session(_, options) => options.qos.value(),
        Subscriber::InProcess(_) => 1,
    };
    found.sort_by_key(|(key, subscriber)| (*key, std::cmp::Reverse(qos(subscriber))));
    found.dedup_by_key(|(key, _)| *key);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriber() -> Subscriber {
        Subscriber::InProcess(Arc::new(Inbox::new(1)))
    }

    fn keys(found: Vec<(u64, Subscriber)>) -> Vec<u64> {
        found.into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_subscriber_with_several_matching_filters_comes_once() {
        let mut tree = Subscriptions::default();
        for filter in ["a/+", "a/b", "#"] {
            tree.insert(filter, 7, subscriber());
        }

        assert_eq!(keys(tree.matches("a/b")), [7]);
    }
}
