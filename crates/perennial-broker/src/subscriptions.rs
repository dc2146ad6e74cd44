//! Who wants which topics: a tree by topic level, so that a publish visits only what can match.

use std::{collections::HashMap, sync::Arc};

use rmqtt_codec::v5::SubscriptionOptions;

use crate::{inprocess::Inbox, session::Session};

/// Somebody who receives messages.
#[derive(Clone)]
pub(crate) enum Subscriber {
    Session(Arc<Session>, SubscriptionOptions),
    InProcess(Arc<Inbox>),
}

/// Every subscription, by filter.
#[derive(Default)]
pub(crate) struct Subscriptions {
    root: Node,
}

/// One level; an empty node is removed at once, so the tree is as large as what is in it.
#[derive(Default)]
struct Node {
    children: HashMap<Box<str>, Node>,
    /// Filters that end here, by subscriber key.
    here: HashMap<u64, Subscriber>,
    /// Filters that end in `#` below here.
    below: HashMap<u64, Subscriber>,
}

impl Node {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.here.is_empty() && self.below.is_empty()
    }
}

impl Subscriptions {
    /// Adds or replaces the subscription of `key` to `filter`; says whether it is new.
    pub(crate) fn insert(&mut self, filter: &str, key: u64, subscriber: Subscriber) -> bool {
        let mut node = &mut self.root;
        for level in filter.split('/') {
            if level == "#" {
                return node.below.insert(key, subscriber).is_none();
            }
            node = node.children.entry(level.into()).or_default();
        }
        node.here.insert(key, subscriber).is_none()
    }

    /// Removes the subscription of `key` to `filter`; says whether there was one.
    pub(crate) fn remove(&mut self, filter: &str, key: u64) -> bool {
        let levels: Vec<&str> = filter.split('/').collect();
        remove(&mut self.root, &levels, key)
    }

    /// Everybody whose filter selects `topic` (MQTT 5 §4.7); one who has several such filters
    /// comes once, with the highest QoS of them.
    pub(crate) fn matches(&self, topic: &str) -> Vec<(u64, Subscriber)> {
        let levels: Vec<&str> = topic.split('/').collect();
        let mut found = Vec::new();
        collect(&self.root, &levels, topic.starts_with('$'), &mut found);
        if found.len() > 1 {
            merge(&mut found);
        }
        found
    }

    /// How many nodes the tree has; for tests of pruning.
    #[cfg(test)]
    pub(crate) fn nodes(&self) -> usize {
        fn count(node: &Node) -> usize {
            1 + node.children.values().map(count).sum::<usize>()
        }
        count(&self.root)
    }
}

fn remove(node: &mut Node, levels: &[&str], key: u64) -> bool {
    match levels {
        [] => node.here.remove(&key).is_some(),
        ["#"] => node.below.remove(&key).is_some(),
        [level, rest @ ..] => {
            let Some(child) = node.children.get_mut(*level) else { return false };
            let removed = remove(child, rest, key);
            if child.is_empty() {
                node.children.remove(*level);
            }
            removed
        }
    }
}

fn collect(node: &Node, levels: &[&str], reserved: bool, found: &mut Vec<(u64, Subscriber)>) {
    if !reserved {
        take(&node.below, found);
    }
    let [level, rest @ ..] = levels else {
        take(&node.here, found);
        return;
    };
    if let Some(child) = node.children.get(*level) {
        collect(child, rest, false, found);
    }
    if !reserved && let Some(child) = node.children.get("+") {
        collect(child, rest, false, found);
    }
}

fn take(from: &HashMap<u64, Subscriber>, found: &mut Vec<(u64, Subscriber)>) {
    found.extend(from.iter().map(|(key, subscriber)| (*key, subscriber.clone())));
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
    use proptest::prelude::*;

    use super::*;

    fn subscriber() -> Subscriber {
        Subscriber::InProcess(Arc::new(Inbox::new(1)))
    }

    fn keys(found: Vec<(u64, Subscriber)>) -> Vec<u64> {
        found.into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn removing_every_subscription_leaves_no_node() {
        let mut tree = Subscriptions::default();
        let filters = ["a/b/c", "a/+/c", "#", "+/+", "a/b/#", "$aws/events/#"];

        for (key, filter) in filters.iter().enumerate() {
            assert!(tree.insert(filter, key as u64, subscriber()));
        }
        for (key, filter) in filters.iter().enumerate() {
            assert!(tree.remove(filter, key as u64));
            assert!(!tree.remove(filter, key as u64));
        }

        assert_eq!(tree.nodes(), 1);
    }

    #[test]
    fn a_subscriber_with_several_matching_filters_comes_once() {
        let mut tree = Subscriptions::default();
        for filter in ["a/+", "a/b", "#"] {
            tree.insert(filter, 7, subscriber());
        }

        assert_eq!(keys(tree.matches("a/b")), [7]);
    }

    fn level() -> impl Strategy<Value = String> {
        prop_oneof!["[ab]", Just("+".into()), Just(String::new()), Just("$x".into())]
    }

    fn filter() -> impl Strategy<Value = String> {
        (prop::collection::vec(level(), 1..4), any::<bool>()).prop_map(|(mut levels, open)| {
            if open {
                levels.push("#".into());
            }
            levels.join("/")
        })
    }

    proptest! {
        #[test]
        fn the_tree_selects_what_the_matching_rule_selects(
            filters in prop::collection::vec(filter(), 0..12),
            topic in prop::collection::vec(prop_oneof!["[ab]", Just(String::new()), Just("$x".into())], 1..4),
        ) {
            let topic = topic.join("/");
            let mut tree = Subscriptions::default();
            for (key, filter) in filters.iter().enumerate() {
                tree.insert(filter, key as u64, subscriber());
            }

            let mut found = keys(tree.matches(&topic));
            found.sort_unstable();

            let selected = |key: &usize| perennial_core::topic::matches(&filters[*key], &topic);
            let expected: Vec<u64> = (0..filters.len()).filter(selected).map(|k| k as u64).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
