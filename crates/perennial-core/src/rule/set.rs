//! Many rules, found by the topic of a message.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::ready::Rule;
use crate::topic::tree::FilterTree;

/// Rules by name, each with what is to be done with what it makes of a message.
pub struct RuleSet<T> {
    by_name: BTreeMap<Arc<str>, Arc<Named<T>>>,
    by_filter: FilterTree<Arc<str>, Arc<Named<T>>>,
}

/// A rule of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T> {
    /// Its name.
    pub name: Arc<str>,
    /// Its statement.
    pub rule: Rule,
    /// What is to be done.
    pub then: T,
}

impl<T> Default for RuleSet<T> {
    fn default() -> Self {
        Self { by_name: BTreeMap::new(), by_filter: FilterTree::default() }
    }
}

impl<T: fmt::Debug> fmt::Debug for RuleSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.values()).finish()
    }
}

impl<T> RuleSet<T> {
    /// Adds a rule, in the place of the one that has its name.
    pub fn put(&mut self, name: &str, rule: Rule, then: T) {
        self.remove(name);
        let named = Arc::new(Named { name: name.into(), rule, then });
        let filter = named.rule.filter();
        self.by_filter.insert(filter, Arc::clone(&named.name), Arc::clone(&named));
        self.by_name.insert(Arc::clone(&named.name), named);
    }

    /// Takes the rule of this name away.
    pub fn remove(&mut self, name: &str) -> Option<Arc<Named<T>>> {
        let named = self.by_name.remove(name)?;
        self.by_filter.remove(named.rule.filter(), name);
        Some(named)
    }

    /// The rules whose filter selects `topic`, by name. Their conditions are not asked.
    pub fn matching(&self, topic: &str) -> Vec<&Arc<Named<T>>> {
        let mut found = Vec::new();
        self.by_filter.matching(topic, |_, named| found.push(named));
        if found.len() > 1 {
            found.sort_by(|a, b| a.name.cmp(&b.name));
        }
        found
    }

    /// Every rule, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Named<T>>> {
        self.by_name.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(filter: &str) -> Rule {
        Rule::parse(&format!("SELECT * FROM '{filter}'")).unwrap()
    }

    fn names(set: &RuleSet<u8>, topic: &str) -> Vec<String> {
        set.matching(topic).into_iter().map(|named| named.name.to_string()).collect()
    }

    #[test]
    fn a_topic_finds_its_rules_by_name() {
        let mut set = RuleSet::default();
        for (name, filter) in [("c", "a/#"), ("a", "a/+"), ("b", "a/b"), ("d", "x"), ("e", "#")] {
            set.put(name, rule(filter), 0);
        }

        assert_eq!(names(&set, "a/b"), ["a", "b", "c", "e"]);
        assert_eq!(names(&set, "$aws/x"), [""; 0]);
    }

    #[test]
    fn a_rule_that_was_replaced_or_removed_is_found_no_more() {
        let mut set = RuleSet::default();
        set.put("a", rule("x"), 1);

        set.put("a", rule("y/#"), 2);
        let replaced = names(&set, "x").len() + set.iter().count();
        let removed = set.remove("a").map(|named| named.then);

        assert_eq!((replaced, removed), (1, Some(2)));
        assert_eq!(names(&set, "y"), [""; 0]);
    }
}
