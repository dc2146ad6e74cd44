//! The driver: takes arrivals, outcomes and deadlines in batches, lets the core decide, commits
//! once, and only then hands the commands on.

mod batch;
mod held;
mod work;

use std::{sync::Arc, time::Duration};

use perennial_core::rotation::{FaultKind, Presence};
use tokio::{
    sync::{Notify, mpsc},
    time::{Interval, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use self::{batch::Batch, held::Held, work::Work};
use crate::{
    inbox::Arrival,
    opener::Request,
    port::{CommandId, OutboxCommand, PortError, Stored},
    ring::{Ports, Settings},
    verbs::{Job, Outcome},
};

/// How many events one commit may serve.
const BATCH: usize = 512;
/// How many commands may be under way before nothing new is begun.
const UNDER_WAY: usize = 4096;
/// The longest pause between two tries to commit.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Turns the ring.
pub(crate) struct Driver {
    ports: Ports,
    settings: Arc<Settings>,
    arrivals: mpsc::Receiver<Arrival>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    jobs: mpsc::UnboundedSender<Job>,
    openings: Option<mpsc::UnboundedSender<Request>>,
    /// Says that deadlines may have come that the next tick would find.
    opened: Arc<Notify>,
    under_way: usize,
    held: Held,
    /// The latest command that was handed on.
    latest: CommandId,
    /// Whether the last look at the deadlines did not see them all.
    more_due: bool,
    /// What the journal could not be asked about; asked again with the next tick.
    put_off: Vec<Arrival>,
}

/// What one turn of the loop has to deal with.
#[derive(Debug, Default)]
struct Events {
    arrivals: Vec<Arrival>,
    outcomes: Vec<Outcome>,
    due: Vec<Stored>,
}

impl Driver {
    pub(crate) fn new(
        ports: Ports,
        settings: Arc<Settings>,
        (arrivals, outcomes): (mpsc::Receiver<Arrival>, mpsc::UnboundedReceiver<Outcome>),
        jobs: mpsc::UnboundedSender<Job>,
    ) -> Self {
        Self {
            ports,
            settings,
            arrivals,
            outcomes,
            jobs,
            openings: None,
            opened: Arc::default(),
            under_way: 0,
            held: Held::default(),
            latest: CommandId::default(),
            more_due: false,
            put_off: Vec::new(),
        }
    }

    /// Facts that ask for rotations to be opened go to `openings`, and `opened` hears when some
    /// were.
    pub(crate) fn forwarding(
        mut self,
        openings: mpsc::UnboundedSender<Request>,
        opened: Arc<Notify>,
    ) -> Self {
        self.openings = Some(openings);
        self.opened = opened;
        self
    }

    /// The commands that an earlier run committed and did not get done, or, later, that this one
    /// committed without learning that it had.
    pub(crate) async fn outbox_left_over(&self) -> Result<Vec<Job>, PortError> {
        let (mut jobs, mut after) = (Vec::new(), self.latest);
        loop {
            let page = self.ports.journal.undone(after, BATCH).await?;
            let Some(last) = page.last() else { return Ok(jobs) };
            after = last.id;
            let ids: Vec<_> = page.iter().map(|command| command.rotation_id).collect();
            let stored = self.ports.journal.load(&ids).await?;
            let job = |(command, stored): (OutboxCommand, Option<Stored>)| {
                let rotation = stored?.rotation;
                Some(Job { id: command.id, rotation, command: command.command })
            };
            jobs.extend(page.into_iter().zip(stored).filter_map(job));
        }
    }

    /// Runs until `shutdown`; a commit that has begun is finished.
    pub(crate) async fn run(mut self, left_over: Vec<Job>, shutdown: CancellationToken) {
        self.dispatch(left_over);
        let mut tick = tokio::time::interval(self.settings.tick_for);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while let Some(events) = self.next(&mut tick, &shutdown).await {
            self.turn(events, &shutdown).await;
        }
    }

    /// Waits for something to do, then takes all that is there. Deadlines come first, lest they
    /// wait for as long as devices speak.
    async fn next(&mut self, tick: &mut Interval, shutdown: &CancellationToken) -> Option<Events> {
        let mut events = Events::default();
        let room = self.under_way < UNDER_WAY;
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return None,
            () = look(tick, &self.opened, self.more_due), if room => {
                events.due = self.due().await;
                self.more_due = events.due.len() == BATCH;
                events.arrivals = std::mem::take(&mut self.put_off);
            }
            count = self.outcomes.recv_many(&mut events.outcomes, BATCH) => {
                if count == 0 {
                    return None;
                }
            }
            count = self.arrivals.recv_many(&mut events.arrivals, BATCH), if room => {
                if count == 0 {
                    return None;
                }
            }
        }
        self.take_what_is_there(&mut events);
        Some(events)
    }

    fn take_what_is_there(&mut self, events: &mut Events) {
        while events.outcomes.len() < BATCH {
            let Ok(outcome) = self.outcomes.try_recv() else { break };
            events.outcomes.push(outcome);
        }
        while self.under_way < UNDER_WAY && events.arrivals.len() < BATCH {
            let Ok(arrival) = self.arrivals.try_recv() else { break };
            events.arrivals.push(arrival);
        }
    }

    async fn due(&self) -> Vec<Stored> {
        let due = self.ports.journal.due(BATCH, self.ports.clock.now()).await;
        due.unwrap_or_else(|error| {
            warn!(%error, "deadlines could not be read; trying again with the next tick");
            Vec::new()
        })
    }

    async fn turn(&mut self, events: Events, shutdown: &CancellationToken) {
        self.under_way = self.under_way.saturating_sub(events.outcomes.len());
        let works = self.works(events).await;
        let mut pending = vec![works];
        while let Some(works) = pending.pop() {
            if works.is_empty() {
                continue;
            }
            if let Err(works) = self.settle(works, shutdown).await {
                pending.extend(halves(works));
            }
        }
    }

    async fn works(&mut self, events: Events) -> Vec<Work> {
        let mut works: Vec<Work> = events.outcomes.into_iter().map(Work::outcome).collect();
        for arrival in events.arrivals {
            match Request::from_arrival(arrival) {
                Ok(request) => self.forward(request),
                Err(arrival) => works.extend(self.arrived(arrival).await),
            }
        }
        works.extend(self.deadlines(events.due).await);
        works
    }

    async fn arrived(&mut self, arrival: Arrival) -> Vec<Work> {
        let Some((fact, certificate)) = Work::withdrawn_certificate(&arrival) else {
            return vec![Work::arrival(arrival, self.ports.authority.as_ref())];
        };
        match self.ports.journal.open_with(&certificate).await {
            Ok(ids) => return Work::withdrawals(fact, certificate, ids),
            Err(error) if error.kind == FaultKind::Retryable => {
                warn!(%error, certificate.id = %certificate, "a withdrawal is held up; trying again");
                self.put_off.push(arrival);
            }
            Err(error) => {
                // The fact stays in the inbox and comes again at the next start.
                error!(%error, certificate.id = %certificate, "a withdrawal waits for the next start");
            }
        }
        Vec::new()
    }

    fn forward(&self, request: Request) {
        if let Some(openings) = &self.openings {
            // An opener that is gone is shutting down: the fact is still in the inbox.
            let _ = openings.send(request);
        }
    }

    async fn deadlines(&mut self, due: Vec<Stored>) -> Vec<Work> {
        if due.is_empty() {
            return Vec::new();
        }
        let clients: Vec<_> = due.iter().map(|stored| stored.rotation.client_id.clone()).collect();
        let presence = self.ports.messaging.presence(&clients).await.unwrap_or_else(|error| {
            warn!(%error, "presence is unknown; devices count as offline");
            vec![Presence::Offline; due.len()]
        });
        let works =
            due.iter().zip(presence).map(|(stored, at)| Work::deadline(stored, at)).collect();
        // Read just now, and nothing was committed since.
        due.into_iter().for_each(|stored| self.held.put(stored));
        works
    }

    /// Commits one batch and hands its commands on. Tries again for as long as the journal may
    /// recover; gives the works back, to be settled in halves, when it never will.
    async fn settle(
        &mut self,
        works: Vec<Work>,
        shutdown: &CancellationToken,
    ) -> Result<(), Vec<Work>> {
        let mut pause = Duration::from_millis(50);
        let mut in_doubt = false;
        loop {
            let error = match self.settle_once(&works, in_doubt).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            in_doubt = true;
            let retryable = error.kind == FaultKind::Retryable;
            if !retryable && works.len() > 1 {
                return Err(works);
            }
            if !retryable {
                // Nothing of it was committed: a fact stays in the inbox, an outcome's command in
                // the outbox, and both come again at the next start.
                let what = works.first().map(tracing::field::display);
                error!(%error, what, "the journal refuses a step; it waits for the next start");
                return Ok(());
            }
            warn!(%error, "the journal is in trouble; trying again");
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(MAX_PAUSE),
            }
        }
    }

    /// `in_doubt` says that an earlier try failed: it may have been made all the same, with its
    /// answer lost, and then its commands are in the outbox and nowhere else.
    async fn settle_once(&mut self, works: &[Work], in_doubt: bool) -> Result<(), PortError> {
        if in_doubt {
            let jobs = self.outbox_left_over().await?;
            self.dispatch(jobs);
        }
        let jobs = self.try_settle(works).await?;
        self.dispatch(jobs);
        Ok(())
    }

    async fn try_settle(&mut self, works: &[Work]) -> Result<Vec<Job>, PortError> {
        let mut batch = Batch::load(works, &mut self.held, &self.ports).await?;
        batch.check_proofs(works, &self.ports).await?;
        let now = self.ports.clock.now();
        batch.step(works, &self.settings.timing, now);
        batch.tell_strangers(&self.ports).await;
        batch.commit(&mut self.held, &self.ports).await
    }

    fn dispatch(&mut self, jobs: Vec<Job>) {
        self.under_way += jobs.len();
        for job in jobs {
            self.latest = self.latest.max(job.id);
            // Without a dispatcher there is a shutdown: the outbox has the command.
            let _ = self.jobs.send(job);
        }
    }
}

/// Waits until the deadlines are to be looked at: at once while there are more.
async fn look(tick: &mut Interval, opened: &Notify, at_once: bool) {
    if !at_once {
        tokio::select! {
            _ = tick.tick() => {}
            () = opened.notified() => {}
        }
    }
}

fn halves(mut works: Vec<Work>) -> [Vec<Work>; 2] {
    let second = works.split_off(works.len() / 2);
    // Popped from the back: the first half goes first.
    [second, works]
}

#[cfg(test)]
mod tests {
    use perennial_core::{
        ids::{CertificateId, ClientId},
        time::Timestamp,
    };

    use super::*;
    use crate::{
        Hint,
        fakes::{Verb, World},
    };

    #[tokio::test(start_paused = true)]
    async fn deadlines_are_looked_at_however_much_devices_say() {
        let world = World::new(Timestamp::from_secs(1_800_000_000));
        let (arrivals_in, arrivals) = mpsc::channel(2 * BATCH);
        let (client_id, principal) =
            (ClientId::new("pump-1").unwrap(), CertificateId::from_bytes([1; 32]));
        for _ in 0..2 * BATCH {
            let hint = Hint::Connected { client_id: client_id.clone(), principal };
            arrivals_in.try_send(Arrival::Hint(hint)).unwrap();
        }
        let (_outcomes_in, outcomes) = mpsc::unbounded_channel();
        let (jobs_in, _jobs) = mpsc::unbounded_channel();
        let settings = Arc::new(Settings::default());
        let mut driver = Driver::new(world.ports(), settings, (arrivals, outcomes), jobs_in);
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.tick().await;
        tokio::time::advance(Duration::from_secs(1)).await;

        let events = driver.next(&mut tick, &CancellationToken::new()).await.unwrap();

        assert_eq!(world.faults.calls(Verb::Due), 1);
        assert_eq!(events.arrivals.len(), BATCH);
    }
}
