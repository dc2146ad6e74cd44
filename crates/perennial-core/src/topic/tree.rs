//! Things by topic filter: a tree by level, so that a topic visits only what can match.

use std::{borrow::Borrow, collections::HashMap, fmt, hash::Hash};

/// Values under filters; under one filter there is one value for each key.
pub struct FilterTree<K, V> {
    root: Node<K, V>,
}

/// One level; an empty node is removed at once, so the tree is as large as what is in it.
struct Node<K, V> {
    children: HashMap<Box<str>, Self>,
    /// Filters that end here.
    here: HashMap<K, V>,
    /// Filters that end in `#` below here.
    below: HashMap<K, V>,
}

impl<K, V> Default for Node<K, V> {
    fn default() -> Self {
        Self { children: HashMap::new(), here: HashMap::new(), below: HashMap::new() }
    }
}

impl<K, V> Default for FilterTree<K, V> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<K, V> fmt::Debug for FilterTree<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterTree").finish_non_exhaustive()
    }
}

impl<K: Eq + Hash, V> FilterTree<K, V> {
    /// Puts `value` under `filter` for `key`; gives back what was there.
    pub fn insert(&mut self, filter: &str, key: K, value: V) -> Option<V> {
        let mut node = &mut self.root;
        for level in filter.split('/') {
            if level == "#" {
                return node.below.insert(key, value);
            }
            node = node.children.entry(level.into()).or_default();
        }
        node.here.insert(key, value)
    }

    /// Takes away what is under `filter` for `key`.
    pub fn remove<Q>(&mut self, filter: &str, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let levels: Vec<&str> = filter.split('/').collect();
        self.root.remove(&levels, key)
    }

    /// Shows `visit` everything whose filter selects `topic` (MQTT 5 §4.7).
    pub fn matching<'t>(&'t self, topic: &str, mut visit: impl FnMut(&'t K, &'t V)) {
        self.root.collect(Some(topic), topic.starts_with('$'), &mut visit);
    }
}

impl<K: Eq + Hash, V> Node<K, V> {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.here.is_empty() && self.below.is_empty()
    }

    fn remove<Q>(&mut self, levels: &[&str], key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        match levels {
            [] => self.here.remove(key),
            ["#"] => self.below.remove(key),
            [level, rest @ ..] => {
                let child = self.children.get_mut(*level)?;
                let removed = child.remove(rest, key);
                if child.is_empty() {
                    self.children.remove(*level);
                }
                removed
            }
        }
    }

    /// `rest` is what of the topic lies below here; a reserved topic's first level is matched by
    /// no wildcard.
    fn collect<'t>(
        &'t self,
        rest: Option<&str>,
        reserved: bool,
        visit: &mut impl FnMut(&'t K, &'t V),
    ) {
        if !reserved {
            self.below.iter().for_each(|(key, value)| visit(key, value));
        }
        let Some(rest) = rest else {
            self.here.iter().for_each(|(key, value)| visit(key, value));
            return;
        };
        if self.children.is_empty() {
            return;
        }
        let (level, deeper) = match rest.split_once('/') {
            Some((level, deeper)) => (level, Some(deeper)),
            None => (rest, None),
        };
        if let Some(child) = self.children.get(level) {
            child.collect(deeper, false, visit);
        }
        if !reserved && let Some(child) = self.children.get("+") {
            child.collect(deeper, false, visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::topic;

    fn nodes(node: &Node<usize, ()>) -> usize {
        1 + node.children.values().map(nodes).sum::<usize>()
    }

    #[test]
    fn removing_everything_leaves_no_node() {
        let mut tree = FilterTree::default();
        let filters = ["a/b/c", "a/+/c", "#", "+/+", "a/b/#", "$aws/events/#"];

        for (key, filter) in filters.iter().enumerate() {
            assert_eq!(tree.insert(filter, key, ()), None);
        }
        for (key, filter) in filters.iter().enumerate() {
            assert_eq!(tree.remove(filter, &key), Some(()));
            assert_eq!(tree.remove(filter, &key), None);
        }

        assert_eq!(nodes(&tree.root), 1);
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
            topic in prop::collection::vec(
                prop_oneof!["[ab]", Just(String::new()), Just("$x".into())], 1..4),
        ) {
            let topic = topic.join("/");
            let mut tree = FilterTree::default();
            for (key, filter) in filters.iter().enumerate() {
                tree.insert(filter, key, ());
            }

            let mut found = Vec::new();
            tree.matching(&topic, |key, ()| found.push(*key));
            found.sort_unstable();

            let selected = |key: &usize| topic::matches(&filters[*key], &topic);
            let expected: Vec<usize> = (0..filters.len()).filter(selected).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
