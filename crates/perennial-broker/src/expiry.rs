//! When each live connection's standing ends: one ordered table, looked at from its front.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use perennial_core::time::Timestamp;

use crate::{end::End, link::Link};

/// How many connections one look cuts, so that others get their turn.
const SWEEP_MOST: usize = 256;

/// The live connections by the last moment of their standing; no task or timer is any device's
/// own.
#[derive(Default)]
pub(crate) struct Expiries(Mutex<BTreeMap<(Timestamp, u128), Arc<Link>>>);

impl Expiries {
    pub(crate) fn enter(&self, link: &Arc<Link>) {
        self.0.lock().insert(key(link), Arc::clone(link));
    }

    pub(crate) fn leave(&self, link: &Link) {
        self.0.lock().remove(&key(link));
    }

    /// Cuts the connections whose standing has ended, some at a time; says whether there are
    /// more. A client that still has another standing, by its grace, gets that when it connects
    /// anew: what it has is never narrowed under it.
    pub(crate) fn sweep(&self, now: Timestamp) -> bool {
        let mut links = self.0.lock();
        for _ in 0..SWEEP_MOST {
            let first = links.first_entry().filter(|first| first.key().0 < now);
            let Some(first) = first else { return false };
            first.remove().end(End::Expired);
        }
        true
    }
}

fn key(link: &Link) -> (Timestamp, u128) {
    (link.standing.ends_at, link.session_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_end_together_are_cut_some_at_a_time_and_no_others() {
        let expiries = Expiries::default();
        let (soon, later) = (Timestamp::from_secs(1), Timestamp::from_secs(2));
        let link = |n: usize, ends_at| {
            let link = Arc::new(Link::powerless(&format!("pump-{n}"), ends_at));
            expiries.enter(&link);
            link
        };
        let ending: Vec<_> = (0..=SWEEP_MOST).map(|n| link(n, soon)).collect();
        let (staying, gone) = (link(SWEEP_MOST + 1, later), link(SWEEP_MOST + 2, soon));
        expiries.leave(&gone);
        let cut = || ending.iter().filter(|link| link.end_asked().is_some()).count();

        assert!(!expiries.sweep(soon), "the last moment counts");
        assert_eq!(cut(), 0);
        assert!(expiries.sweep(later));
        assert_eq!(cut(), SWEEP_MOST);
        assert!(!expiries.sweep(later));

        assert_eq!(cut(), SWEEP_MOST + 1);
        assert_eq!((staying.end_asked(), gone.end_asked()), (None, None));
    }
}
