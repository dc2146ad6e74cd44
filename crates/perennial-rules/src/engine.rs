//! The engine: the rules that are on, loaded from the store, and their ends.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use arc_swap::ArcSwap;
use perennial_broker::BrokerHandle;
use perennial_core::{
    ids::RuleName,
    rule::{RuleSet, TopicRule},
    time::Timestamp,
};
use perennial_outbound::HttpSender;
use perennial_store::{DeadLetter, DestinationStatus, Store, StoreError, StoredRule};
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info};

use crate::{
    Settings,
    carrier::{Carriers, Files, Http, Lambda, LambdaEndpoint, NoticeTopics, Republish, Signer},
    confirmed::Confirmed,
    delivering::Post,
    graveyard::Graveyard,
    live::LiveRule,
    noticing::Noticing,
    observing::Watch,
    parcel::{Origin, Parcel, trace_id},
    replaying::{NotTried, Replays},
};

/// How many dead letters or destinations are read at once.
const PAGE: usize = 250;
/// The pause before what found no room when the server started is taken up.
const AGAIN: Duration = Duration::from_secs(5);

/// What the engine works with.
pub struct Parts {
    /// Where rules, destinations and dead letters are.
    pub store: Store,
    /// Whose messages it sees, and where it republishes.
    pub broker: BrokerHandle,
    /// How requests leave.
    pub sender: HttpSender,
    /// Who signs requests.
    pub signer: Arc<dyn Signer>,
    /// Where functions are invoked.
    pub lambda: Option<LambdaEndpoint>,
    /// Who keeps notice topics.
    pub notices: Arc<dyn NoticeTopics>,
    /// What time it is.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// The rules that are on. Cheap to clone.
#[derive(Clone)]
pub struct Rules(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    store: Store,
    pub(crate) set: ArcSwap<RuleSet<Arc<LiveRule>>>,
    pub(crate) post: Arc<Post>,
    replays: Replays,
    loading: Mutex<()>,
    tasks: TaskTracker,
    /// Cancelled when people have been told of all that can still fail.
    told: CancellationToken,
    /// Who tells people, and who keeps dead letters.
    writing: Mutex<Option<(JoinHandle<()>, JoinHandle<()>)>>,
}

impl Rules {
    /// Loads what is on, takes up what the last stop left, and begins to see messages.
    ///
    /// # Errors
    /// [`StoreError`] when the rules cannot be read.
    pub async fn start(parts: Parts, settings: Settings) -> Result<Self, StoreError> {
        let Parts { store, broker, sender, signer, lambda, notices, now } = parts;
        let (graveyard, burying) = Graveyard::open(store.clone());
        let files = Files::new(settings.files.clone(), settings.file_bytes, settings.files_kept);
        let carriers = Carriers {
            republish: Republish(broker.clone()),
            http: Http {
                sender: sender.clone(),
                signer: Arc::clone(&signer),
                confirmed: ArcSwap::default(),
            },
            lambda: Lambda { sender, signer, endpoint: lambda },
            notices,
            files,
        };
        let (stopping, told) = (CancellationToken::new(), CancellationToken::new());
        let noticing = Noticing::default();
        let telling = noticing.clone().tell(store.clone(), Arc::clone(&now), told.clone());
        let telling = tokio::spawn(telling);
        let post = Arc::new(Post { settings, carriers, graveyard, noticing, now, stopping });
        let tasks = TaskTracker::new();
        let replays = Replays::new(&post, &tasks);
        let rules = Self(Arc::new(Inner {
            store,
            set: ArcSwap::default(),
            post,
            replays,
            loading: Mutex::default(),
            tasks,
            told,
            writing: Mutex::new(Some((telling, burying))),
        }));
        rules.reload().await?;
        rules.take_up().await?;
        broker.observe(Arc::new(Watch(Arc::downgrade(&rules.0))));
        Ok(rules)
    }

    /// Goes by what the store says now; what did not change goes on as it was, and what waits for
    /// a rule that is gone is still delivered.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read; what held before still holds.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let inner = &self.0;
        let loading = inner.loading.lock().await;
        let confirmed = self.confirmed().await?;
        let stored = inner.store.topic_rules().await?;
        let before = inner.set.load_full();
        let mut others: BTreeMap<&str, &Arc<LiveRule>> =
            before.iter().map(|it| (&*it.name, &it.then)).collect();
        let mut set = RuleSet::default();
        for StoredRule { name, rule, .. } in stored.into_iter().filter(|it| !it.rule.rule_disabled)
        {
            let live = match others.get(name.as_str()) {
                Some(live) if live.document == rule => others.remove(name.as_str()).map(Arc::clone),
                Some(_) | None => self.opened(&name, rule),
            };
            let Some(live) = live else { continue };
            set.put(live.name.as_str(), live.ready.rule.clone(), Arc::clone(&live));
        }
        inner.post.carriers.http.confirmed.store(Arc::new(confirmed));
        inner.set.store(Arc::new(set));
        others.values().for_each(|gone| gone.retire());
        drop(loading);
        Ok(())
    }

    fn opened(&self, name: &RuleName, rule: TopicRule) -> Option<Arc<LiveRule>> {
        let opened = LiveRule::open(name.clone(), rule, &self.0.post, &self.0.tasks);
        // It was good when it was stored.
        opened
            .inspect_err(|error| error!(rule.name = %name, %error, "a stored rule cannot be run"))
            .ok()
            .map(Arc::new)
    }

    async fn confirmed(&self) -> Result<Confirmed, StoreError> {
        let (mut urls, mut after) = (Vec::new(), None);
        loop {
            let page = self.0.store.rule_destinations(after, PAGE).await?;
            let enabled =
                |it: &perennial_store::RuleDestination| it.status == DestinationStatus::Enabled;
            urls.extend(page.items.into_iter().filter(enabled).map(|it| it.confirmation_url));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(Confirmed::new(urls.iter().map(String::as_str))),
            }
        }
    }

    /// What the last stop left is tried again; what finds no room, when there is some.
    async fn take_up(&self) -> Result<(), StoreError> {
        let (count, left) = self.take_up_from(0).await?;
        if count > 0 {
            info!(deliveries = count, "what the last stop left is delivered");
        }
        if let Some(first) = left {
            self.0.tasks.spawn(take_up_the_rest(Arc::downgrade(&self.0), first));
        }
        Ok(())
    }

    /// Answers how many are being tried now, and the first for which there was no room.
    async fn take_up_from(&self, first: i64) -> Result<(usize, Option<i64>), StoreError> {
        let (mut after, mut count, mut left) = (Some(first.saturating_sub(1)), 0, None);
        while after.is_some() {
            let page = self.0.store.unfinished_letters(after, PAGE).await?;
            for (id, letter) in page.items {
                match self.try_again(id, letter) {
                    Ok(()) => count += 1,
                    Err(NotTried::UnderWay) => {}
                    Err(NotTried::NoRoom) => left = left.or(Some(id)),
                }
            }
            after = page.next;
        }
        Ok((count, left))
    }

    /// Tries a dead letter again: it stays one until it arrives. `false` when too many of its action
    /// are being tried already.
    pub async fn replay(&self, id: i64, letter: DeadLetter) -> bool {
        self.try_again(id, letter) != Err(NotTried::NoRoom)
    }

    /// What the last stop left has its rule's error action hear if it is given up.
    fn try_again(&self, id: i64, letter: DeadLetter) -> Result<(), NotTried> {
        let set = self.0.set.load();
        let rule = set.iter().find(|it| it.then.name == letter.rule).map(|it| Arc::clone(&it.then));
        let origin = Origin {
            topic: letter.topic.into(),
            payload: bytes::Bytes::new(),
            client_id: letter.client_id.map(Into::into),
            principal: None,
            trace_id: trace_id(),
        };
        let parcel = Parcel {
            rule: letter.rule,
            delivery: letter.delivery,
            origin: Arc::new(origin),
            answerable: rule.filter(|_| letter.unfinished),
            letter: None,
            weight: None,
        };
        self.0.replays.put((id, letter.unfinished), parcel)
    }

    /// The names of the rules that are on.
    pub fn names(&self) -> Vec<RuleName> {
        self.0.set.load().iter().map(|it| it.then.name.clone()).collect()
    }

    /// Takes no more messages and sees to what waits: what is local is delivered, what is under
    /// way has a moment, and the rest is kept for the next start.
    pub async fn stop(&self) {
        self.0.post.stopping.cancel();
        self.0.set.store(Arc::default());
        self.0.replays.close();
        self.0.tasks.close();
        let patience = self.0.post.settings.stop_for + Duration::from_secs(5);
        if tokio::time::timeout(patience, self.0.tasks.wait()).await.is_err() {
            error!("deliveries did not end in time");
        }
        if let Some((telling, burying)) = self.0.writing.lock().await.take() {
            self.0.told.cancel();
            self.0.post.graveyard.close();
            for task in [telling, burying] {
                // One that panicked has ended too.
                let _ = tokio::time::timeout(patience, task).await;
            }
        }
    }
}

/// Until all of it is being tried, or the server stops.
async fn take_up_the_rest(inner: Weak<Inner>, mut first: i64) {
    while let Some(inner) = inner.upgrade() {
        let stopping = inner.post.stopping.clone();
        let rules = Rules(inner);
        match rules.take_up_from(first).await {
            Ok((_, None)) => return,
            Ok((_, Some(left))) => first = left,
            Err(error) => error!(%error, "what the last stop left cannot be read; trying again"),
        }
        drop(rules);
        if stopping.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_none() {
            return;
        }
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rules").field(&self.names()).finish()
    }
}
