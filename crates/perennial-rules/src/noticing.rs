//! Telling people of actions whose deliveries fail: at once of the first, and then what came
//! meanwhile, so that a storm costs a write a second.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use perennial_core::{
    notice::{Fact, FoldKey},
    time::Timestamp,
};
use perennial_store::{Store, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// From one writing to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// Where it is gathered what people are to be told: at most one entry an action.
#[derive(Clone, Default)]
pub(crate) struct Noticing(Arc<Inner>);

#[derive(Default)]
struct Inner {
    untold: Mutex<BTreeMap<FoldKey, Untold>>,
    wake: Notify,
}

/// What came of one action since people were told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Untold {
    failed: Option<Fact>,
    /// Whether deliveries arrive again since.
    is_over: bool,
}

impl Noticing {
    /// Something was given up.
    pub(crate) fn failed(&self, key: FoldKey, fact: Fact) {
        self.0.untold.lock().entry(key).or_default().failed_again(fact);
        self.0.wake.notify_one();
    }

    /// Deliveries arrive, or nobody cares any more.
    pub(crate) fn is_over(&self, key: FoldKey) {
        self.0.untold.lock().entry(key).or_default().is_over = true;
        self.0.wake.notify_one();
    }

    /// Tells people, until `closed`; what was gathered by then is told too.
    pub(crate) async fn tell(
        self,
        store: Store,
        now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
        closed: CancellationToken,
    ) {
        while closed.run_until_cancelled(self.0.wake.notified()).await.is_some() {
            self.tell_all(&store, now()).await;
            let _ = closed.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
        self.tell_all(&store, now()).await;
    }

    async fn tell_all(&self, store: &Store, now: Timestamp) {
        let untold = std::mem::take(&mut *self.0.untold.lock());
        if let Err(error) = write(store, &untold, now).await {
            warn!(%error, "that deliveries of rules fail cannot be told yet; trying again");
            self.take_back(untold);
            self.0.wake.notify_one();
        }
    }

    /// What could not be told is told with what came meanwhile.
    fn take_back(&self, earlier: BTreeMap<FoldKey, Untold>) {
        let mut untold = self.0.untold.lock();
        for (key, mut before) in earlier {
            if let Some(after) = untold.remove(&key) {
                before.followed_by(after);
            }
            untold.insert(key, before);
        }
    }
}

impl Untold {
    fn failed_again(&mut self, fact: Fact) {
        self.is_over = false;
        match (&mut self.failed, fact) {
            (Some(Fact::RuleFailing { count, .. }), Fact::RuleFailing { count: more, .. }) => {
                *count = count.saturating_add(more);
            }
            (failed, fact) => *failed = Some(fact),
        }
    }

    fn followed_by(&mut self, after: Self) {
        if let Some(fact) = after.failed {
            self.failed_again(fact);
        }
        self.is_over |= after.is_over;
    }
}

async fn write(
    store: &Store,
    untold: &BTreeMap<FoldKey, Untold>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let facts: Vec<Fact> = untold.values().filter_map(|it| it.failed.clone()).collect();
    let over = untold.iter().filter(|(_, it)| it.is_over).map(|(key, _)| key.clone()).collect();
    store.notice_and_resolve(facts, over, now).await
}

#[cfg(test)]
mod tests {
    use perennial_core::{ids::RuleName, notice::Kind};
    use perennial_store::{NoticeFilter, Order, Settings};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn failing(resource: &str) -> Fact {
        Fact::RuleFailing {
            rule: RuleName::new("readings").unwrap(),
            place: "actions[0]".to_owned(),
            resource: resource.to_owned(),
            reason: "it answered 500".to_owned(),
            count: 1,
        }
    }

    async fn told(store: &Store) -> Vec<(u64, bool)> {
        let filter = NoticeFilter { open: false, kind: Some(Kind::RuleFailing) };
        let listed = store.list_notices(filter, Order::Ascending, None, 9).await.unwrap();
        listed.items.iter().map(|it| (it.count, it.is_open())).collect()
    }

    #[tokio::test]
    async fn a_storm_is_one_notice_with_its_count_and_its_end_closes_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Settings::default()).unwrap();
        let (noticing, key) = (Noticing::default(), failing("a").fold_key());

        (0..1000).for_each(|_| noticing.failed(key.clone(), failing("a")));
        noticing.tell_all(&store, NOW).await;
        noticing.failed(key.clone(), failing("b"));
        noticing.tell_all(&store, NOW).await;
        assert_eq!(told(&store).await, [(1001, true)]);
        noticing.is_over(key);
        noticing.tell_all(&store, NOW).await;

        assert_eq!(told(&store).await, [(1001, false)]);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_told_later_with_what_came_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Settings::default()).unwrap();
        let (noticing, key) = (Noticing::default(), failing("a").fold_key());
        let other = Fact::fold_key(&Fact::SubscriptionFailing {
            topic: "alarms".to_owned(),
            subscription: String::new(),
            protocol: String::new(),
            reason: String::new(),
        });

        noticing.failed(key.clone(), failing("a"));
        noticing.is_over(other);
        let unwritten = std::mem::take(&mut *noticing.0.untold.lock());
        noticing.failed(key.clone(), failing("a"));
        noticing.is_over(key.clone());
        noticing.failed(key, failing("a"));
        noticing.take_back(unwritten);
        noticing.tell_all(&store, NOW).await;

        assert_eq!(told(&store).await, [(3, true)]);
    }
}
