//! Faults: what is to go wrong with which call, asked for beforehand, and how much was asked.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::port::PortError;

/// A port's verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// [`Journal::accept`](crate::port::Journal::accept).
    Accept,
    /// [`Journal::pending`](crate::port::Journal::pending).
    Pending,
    /// [`Journal::load`](crate::port::Journal::load).
    Load,
    /// [`Journal::latest`](crate::port::Journal::latest).
    Latest,
    /// [`Journal::open_with`](crate::port::Journal::open_with).
    OpenWith,
    /// [`Journal::commit`](crate::port::Journal::commit).
    Commit,
    /// [`Journal::due`](crate::port::Journal::due).
    Due,
    /// [`Journal::undone`](crate::port::Journal::undone).
    Undone,
    /// [`Registry::describe`](crate::port::Registry::describe).
    Describe,
    /// [`Registry::things_of`](crate::port::Registry::things_of).
    ThingsOf,
    /// [`Registry::certificates_of`](crate::port::Registry::certificates_of).
    CertificatesOf,
    /// [`Registry::enroll`](crate::port::Registry::enroll).
    Enroll,
    /// [`Registry::retire`](crate::port::Registry::retire).
    Retire,
    /// [`Authority::issue`](crate::port::Authority::issue).
    Issue,
    /// [`Authority::deliveries`](crate::port::Authority::deliveries).
    Deliveries,
    /// [`Authority::check_proofs`](crate::port::Authority::check_proofs).
    CheckProofs,
    /// [`Messaging::publish`](crate::port::Messaging::publish).
    Publish,
    /// [`Messaging::presence`](crate::port::Messaging::presence).
    Presence,
    /// [`Notifier::notify`](crate::port::Notifier::notify).
    Notify,
    /// [`Audit::start_due`](crate::port::Audit::start_due).
    StartDue,
    /// [`Audit::next_task`](crate::port::Audit::next_task).
    NextTask,
    /// [`Audit::run`](crate::port::Audit::run).
    RunTask,
    /// [`Audit::to_rotate`](crate::port::Audit::to_rotate).
    ToRotate,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 23] = [
        Self::Accept,
        Self::Pending,
        Self::Load,
        Self::Latest,
        Self::OpenWith,
        Self::Commit,
        Self::Due,
        Self::Undone,
        Self::Describe,
        Self::ThingsOf,
        Self::CertificatesOf,
        Self::Enroll,
        Self::Retire,
        Self::Issue,
        Self::Deliveries,
        Self::CheckProofs,
        Self::Publish,
        Self::Presence,
        Self::Notify,
        Self::StartDue,
        Self::NextTask,
        Self::RunTask,
        Self::ToRotate,
    ];
}

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing is done; it may work later.
    Retryable,
    /// Nothing is done; it will never work.
    Permanent,
    /// It is done, but the answer is an error that may go away.
    AnswerLost,
    /// It is done after this long.
    Late(Duration),
    /// Nothing is done and the process ends here: no answer comes.
    CrashBefore,
    /// It is done and the process ends here: no answer comes.
    CrashAfter,
    /// The adapter panics before it does anything.
    Panic,
}

/// An error that a test asked for.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} fails, as it was asked to")]
struct AskedFor(Verb);

/// The process that made the call has ended.
#[derive(Debug, thiserror::Error)]
#[error("the process that called {0:?} has ended")]
struct Ended(Verb);

/// What is to go wrong, shared by the fakes of one world. Cheap to clone.
#[derive(Clone, Default)]
pub struct Faults {
    plan: Arc<Mutex<Plan>>,
    crashed: Arc<Notify>,
}

#[derive(Default)]
struct Plan {
    /// How many processes have ended so far.
    lives: u64,
    calls: HashMap<Verb, Calls>,
    once: HashMap<(Verb, u64), Fault>,
    always: HashMap<Verb, Fault>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Calls {
    count: u64,
    largest: usize,
}

impl Faults {
    /// Lets the `nth` call of `verb` from now on go wrong, the next one being number 1.
    pub fn nth(&self, verb: Verb, nth: u64, fault: Fault) {
        let mut plan = self.plan.lock();
        let number = plan.calls.get(&verb).map_or(0, |calls| calls.count) + nth;
        plan.once.insert((verb, number), fault);
    }

    /// Lets every call of `verb` go wrong.
    pub fn always(&self, verb: Verb, fault: Fault) {
        self.plan.lock().always.insert(verb, fault);
    }

    /// Lets nothing go wrong any more.
    pub fn cease(&self) {
        let mut plan = self.plan.lock();
        plan.once.clear();
        plan.always.clear();
    }

    /// How often `verb` was called.
    pub fn calls(&self, verb: Verb) -> u64 {
        self.plan.lock().calls.get(&verb).map_or(0, |calls| calls.count)
    }

    /// The size of the largest batch that `verb` was called with, or of the largest page.
    pub fn largest(&self, verb: Verb) -> usize {
        self.plan.lock().calls.get(&verb).map_or(0, |calls| calls.largest)
    }

    /// Waits until a call ends the process. Its test then drops the ring.
    pub async fn crashed(&self) {
        self.crashed.notified().await;
    }

    /// Ends the process: calls under way come to nothing from here on.
    pub(super) fn end_process(&self) {
        self.plan.lock().lives += 1;
    }

    pub(super) fn gate(&self) -> Gate {
        Gate { faults: self.clone(), life: self.plan.lock().lives }
    }

    fn count(&self, verb: Verb, size: usize) -> Option<Fault> {
        let mut plan = self.plan.lock();
        let calls = plan.calls.entry(verb).or_default();
        calls.count += 1;
        calls.largest = calls.largest.max(size);
        let number = calls.count;
        plan.once.remove(&(verb, number)).or_else(|| plan.always.get(&verb).copied())
    }
}

/// Where every call of one process's ports passes through.
#[derive(Clone)]
pub(super) struct Gate {
    faults: Faults,
    life: u64,
}

impl Gate {
    /// Carries out one call of a batch of `size`, or lets it go wrong.
    pub(super) async fn call<T: Send>(
        &self,
        verb: Verb,
        size: usize,
        act: impl FnOnce() -> Result<T, PortError> + Send,
    ) -> Result<T, PortError> {
        let fault = self.faults.count(verb, size);
        // Adapters take their time: whoever calls may be cut off before and after the deed.
        tokio::task::yield_now().await;
        match fault {
            Some(Fault::Retryable) => return Err(PortError::retryable(AskedFor(verb))),
            Some(Fault::Permanent) => return Err(PortError::permanent(AskedFor(verb))),
            Some(Fault::Late(for_)) => tokio::time::sleep(for_).await,
            Some(Fault::CrashBefore) => return self.crash().await,
            #[expect(clippy::panic, reason = "the panic that a test asked for")]
            Some(Fault::Panic) => panic!("{}", AskedFor(verb)),
            Some(Fault::AnswerLost | Fault::CrashAfter) | None => {}
        }
        self.alive(verb)?;
        let answer = act();
        tokio::task::yield_now().await;
        match fault {
            Some(Fault::AnswerLost) => Err(PortError::retryable(AskedFor(verb))),
            Some(Fault::CrashAfter) => self.crash().await,
            Some(_) | None => answer,
        }
    }

    /// As [`call`](Self::call), for verbs that answer item by item.
    pub(super) async fn call_each<T: Send>(
        &self,
        verb: Verb,
        size: usize,
        act: impl FnOnce() -> Vec<Result<T, PortError>> + Send,
    ) -> Vec<Result<T, PortError>> {
        match self.call(verb, size, || Ok(act())).await {
            Ok(answers) => answers,
            Err(error) => {
                let again = || PortError { kind: error.kind, source: error.to_string().into() };
                (0..size).map(|_| Err(again())).collect()
            }
        }
    }

    /// Notes how large the page was that a call answered.
    pub(super) fn answered(&self, verb: Verb, size: usize) {
        if let Some(calls) = self.faults.plan.lock().calls.get_mut(&verb) {
            calls.largest = calls.largest.max(size);
        }
    }

    fn alive(&self, verb: Verb) -> Result<(), PortError> {
        let alive = self.faults.plan.lock().lives == self.life;
        if alive { Ok(()) } else { Err(PortError::retryable(Ended(verb))) }
    }

    async fn crash<T>(&self) -> Result<T, PortError> {
        self.faults.crashed.notify_one();
        std::future::pending().await
    }
}
