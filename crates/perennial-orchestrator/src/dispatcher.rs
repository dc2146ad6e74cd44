//! The dispatcher: carries commands out, those of one rotation in order, those of one verb together.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use perennial_core::ids::RotationId;
use tokio::{
    sync::mpsc,
    task::{self, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::verbs::{Job, Outcome, Verb, Verbs};

/// How many jobs go to a port at once.
const GROUP: usize = 256;
/// How many groups may be under way at once.
const GROUPS: usize = 8;
/// How many jobs are taken from the queue in one go.
const INTAKE: usize = 1024;

/// Carries out what the driver committed.
pub(crate) struct Dispatcher {
    verbs: Verbs,
    jobs: mpsc::UnboundedReceiver<Job>,
    outcomes: mpsc::UnboundedSender<Outcome>,
    /// Jobs that may go out now, by verb; at most one of each rotation.
    ready: HashMap<Verb, VecDeque<Job>>,
    /// Rotations with a job ready or under way, and the jobs that wait behind it.
    waiting: HashMap<RotationId, VecDeque<Job>>,
    under_way: JoinSet<Vec<Outcome>>,
    /// What each task under way carries out, should it break down over it.
    groups: HashMap<task::Id, Arc<Vec<Job>>>,
}

impl Dispatcher {
    pub(crate) fn new(
        verbs: Verbs,
        jobs: mpsc::UnboundedReceiver<Job>,
        outcomes: mpsc::UnboundedSender<Outcome>,
    ) -> Self {
        let (ready, waiting) = (HashMap::new(), HashMap::new());
        let (under_way, groups) = (JoinSet::new(), HashMap::new());
        Self { verbs, jobs, outcomes, ready, waiting, under_way, groups }
    }

    /// Runs until `shutdown`; then lets the groups under way finish.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut arrived = Vec::with_capacity(INTAKE);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(done) = self.under_way.join_next_with_id() => self.finish(done),
                count = self.jobs.recv_many(&mut arrived, INTAKE) => {
                    if count == 0 {
                        break;
                    }
                    arrived.drain(..).for_each(|job| self.admit(job));
                }
            }
            self.launch();
        }
        while let Some(done) = self.under_way.join_next_with_id().await {
            self.finish(done);
        }
    }

    fn admit(&mut self, job: Job) {
        match self.waiting.get_mut(&job.rotation.id) {
            Some(behind) => behind.push_back(job),
            None => {
                self.waiting.insert(job.rotation.id, VecDeque::new());
                self.make_ready(job);
            }
        }
    }

    fn make_ready(&mut self, job: Job) {
        self.ready.entry(Verb::of(&job.command)).or_default().push_back(job);
    }

    fn launch(&mut self) {
        for verb in Verb::ALL {
            while self.under_way.len() < GROUPS {
                let Some(queue) = self.ready.get_mut(&verb).filter(|queue| !queue.is_empty())
                else {
                    break;
                };
                let group: Arc<Vec<_>> = Arc::new(queue.drain(..queue.len().min(GROUP)).collect());
                let carrying_out = self.verbs.clone().carry_out(verb, Arc::clone(&group));
                let task = self.under_way.spawn(carrying_out);
                self.groups.insert(task.id(), group);
            }
        }
    }

    fn finish(&mut self, done: Result<(task::Id, Vec<Outcome>), JoinError>) {
        let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let group = self.groups.remove(&id).unwrap_or_default();
        let outcomes = done.map(|(_, outcomes)| outcomes).unwrap_or_else(|error| {
            error!(%error, jobs = group.len(), "a port broke down; trying again");
            group.iter().map(|job| job.broken_off("the port broke down")).collect()
        });
        for outcome in outcomes {
            self.next_of(outcome.rotation.id);
            // Without a driver there is nobody to tell; the outbox still has the command.
            let _ = self.outcomes.send(outcome);
        }
    }

    /// Lets the next job of a rotation go out, if one waits.
    fn next_of(&mut self, rotation_id: RotationId) {
        let next = self.waiting.get_mut(&rotation_id).and_then(VecDeque::pop_front);
        match next {
            Some(job) => self.make_ready(job),
            None => {
                self.waiting.remove(&rotation_id);
            }
        }
    }
}
