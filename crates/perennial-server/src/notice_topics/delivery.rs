//! Delivering: messages are spread to their subscriptions, and lanes that are due get their turn.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use perennial_core::{notice_topic::Protocol, time::Timestamp};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{Lane, Store, StoreError};
use tokio::{
    sync::Notify,
    task::{Id, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{NoticeTopics, Sending, lane};
use crate::held_up::HeldUp;

/// How often what is due is looked for when nobody says that there is something.
const LOOK: Duration = Duration::from_secs(1);
/// How many subscriptions are looked at for a message at a time.
const SUBSCRIPTIONS: usize = 500;
/// How many lanes have their turn at a time, and how many of them at one host.
const LANES: usize = 256;
const LANES_OF_A_HOST: usize = 64;
/// How long a lane is held back of which it cannot be written down what became of its messages.
const HELD_BACK: Duration = Duration::from_secs(30);
/// How long what is under way may take when the server stops; what is cut short is sent again.
const GRACE: Duration = Duration::from_secs(3);

/// Delivers until `shutdown`.
pub(crate) async fn deliver(topics: NoticeTopics, sending: Sending, shutdown: CancellationToken) {
    let (store, wake) = (topics.store.clone(), Arc::clone(&topics.wake));
    let mut turns = Turns {
        store,
        sending: Arc::new(sending),
        wake,
        lanes: JoinSet::new(),
        busy: HashMap::new(),
    };
    let mut held_up = HeldUp::of("messages to subscribers");
    loop {
        held_up.tried(&turns.begin(SystemClock.now()).await);
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = turns.lanes.join_next_with_id() => turns.end(ended),
            () = turns.wake.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    // Lanes that do not end in time are cut; the next start sends again.
    let _ = timeout(GRACE, async { while turns.lanes.join_next().await.is_some() {} }).await;
}

/// Lanes that have their turn.
struct Turns {
    store: Store,
    sending: Arc<Sending>,
    wake: Arc<Notify>,
    lanes: JoinSet<Result<(), StoreError>>,
    busy: HashMap<Id, (i64, String)>,
}

type Ended = Result<(Id, Result<(), StoreError>), tokio::task::JoinError>;

impl Turns {
    async fn begin(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.store.spread_notices(SUBSCRIPTIONS, now).await? {
            // There may be more, and it comes before another pause.
            self.wake.notify_one();
        }
        let free = LANES.saturating_sub(self.busy.len());
        if free == 0 {
            return Ok(());
        }
        // As many more as may be busy: those are due until they have ended.
        let due = self.store.due_lanes(2 * LANES, now).await?;
        let busy: HashSet<i64> = self.busy.values().map(|(lane, _)| *lane).collect();
        let mut crowded = Vec::new();
        for lane in due.into_iter().filter(|lane| !busy.contains(&lane.number)).take(free) {
            let host = host(&lane);
            if self.busy.values().filter(|(_, other)| *other == host).count() < LANES_OF_A_HOST {
                self.start(lane, host);
            } else {
                crowded.push(lane.number);
            }
        }
        if !crowded.is_empty() {
            self.store.put_off_lanes(crowded, now + LOOK).await?;
        }
        Ok(())
    }

    fn start(&mut self, lane: Lane, host: String) {
        let (store, sending, number) = (self.store.clone(), Arc::clone(&self.sending), lane.number);
        let task = self.lanes.spawn(async move {
            let done = lane::run(&store, &sending, &lane).await;
            if done.is_err() {
                // Sent and not written down: not again at once.
                tokio::time::sleep(HELD_BACK).await;
            }
            done
        });
        self.busy.insert(task.id(), (number, host));
    }

    fn end(&mut self, ended: Ended) {
        let (id, failed) = match ended {
            Ok((id, result)) => (id, result.err().map(|error| error.to_string())),
            Err(error) => (error.id(), Some(error.to_string())),
        };
        self.busy.remove(&id);
        if let Some(error) = failed {
            warn!(%error, "a delivery could not be written down; it is made again");
        }
    }
}

/// Who is asked for a lane: the URL's host, the mail server, or our own broker.
fn host(lane: &Lane) -> String {
    match lane.protocol {
        Protocol::Http | Protocol::Https | Protocol::Slack | Protocol::Teams => {
            let uri: Option<http::Uri> = lane.endpoint.parse().ok();
            uri.and_then(|uri| uri.host().map(str::to_ascii_lowercase)).unwrap_or_default()
        }
        Protocol::Email | Protocol::EmailJson => "mail".to_owned(),
        // Each of its topics is of its own region.
        Protocol::Sns => lane.endpoint.clone(),
        Protocol::Mqtt => "mqtt".to_owned(),
    }
}
