//! What the rights of many come from: a policy, or a group. Kept for as long as somebody uses it.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use perennial_broker::Source;
use perennial_store::Shared;

/// How many names are kept before those that nobody uses are looked for.
const ROOM: usize = 1024;

/// The sources in use, by name.
#[derive(Default)]
pub(super) struct Sources(Mutex<Names>);

struct Names {
    by_name: HashMap<Shared, Weak<Source>>,
    tidy_at: usize,
}

impl Default for Names {
    fn default() -> Self {
        Self { by_name: HashMap::new(), tidy_at: ROOM }
    }
}

impl Sources {
    /// The source of this name, made if nobody uses it.
    pub(super) fn named(&self, name: Shared) -> Arc<Source> {
        let mut names = self.0.lock();
        if let Some(source) = names.by_name.get(&name).and_then(Weak::upgrade) {
            return source;
        }
        let source = Arc::new(Source::default());
        names.by_name.insert(name, Arc::downgrade(&source));
        names.tidy();
        source
    }

    /// Marks a source as changed, if anybody uses it.
    pub(super) fn mark_changed(&self, name: &Shared) {
        let found = self.0.lock().by_name.get(name).and_then(Weak::upgrade);
        if let Some(source) = found {
            source.mark_changed();
        }
    }
}

impl Names {
    fn tidy(&mut self) {
        if self.by_name.len() < self.tidy_at {
            return;
        }
        self.by_name.retain(|_, source| source.strong_count() > 0);
        self.tidy_at = ROOM + 2 * self.by_name.len();
    }
}

#[cfg(test)]
mod tests {
    use perennial_broker::Basis;

    use super::*;

    #[test]
    fn a_source_that_nobody_uses_is_forgotten_and_one_in_use_is_not() {
        let sources = Sources::default();
        let used = sources.named(Shared::Group(0));

        for number in 1..10_000 {
            drop(sources.named(Shared::Group(number)));
        }

        assert!(sources.0.lock().by_name.len() <= 2 * ROOM);
        assert!(Arc::ptr_eq(&used, &sources.named(Shared::Group(0))));
    }

    #[test]
    fn a_marked_source_makes_what_was_read_from_it_out_of_date() {
        let sources = Sources::default();
        let basis = Basis::new(vec![sources.named(Shared::Group(1))]);
        let other = Basis::new(vec![sources.named(Shared::Group(2))]);

        sources.mark_changed(&Shared::Group(1));

        assert!(!basis.is_current() && other.is_current());
    }
}
