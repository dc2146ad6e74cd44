//! A live connection as the rest of the broker sees it: who it is, how to wake it, how to end it.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use perennial_core::{
    ids::{CertificateId, ClientId},
    time::Timestamp,
};
use tokio::sync::Notify;

use crate::{
    acks::Acks,
    device_log::Refusals,
    end::End,
    judge::{Judge, NoVerdict, Verdict},
    principal::Standing,
    settings::Limits,
};

/// The shared side of one connection; the connection's task owns everything else.
pub(crate) struct Link {
    pub(crate) client_id: ClientId,
    pub(crate) principal: CertificateId,
    pub(crate) session_id: u128,
    pub(crate) connected_at: Timestamp,
    pub(crate) address: IpAddr,
    pub(crate) standing: Standing,
    pub(crate) acks: Mutex<Acks>,
    pub(crate) refusals: Refusals,
    judge: Arc<Judge>,
    verdict: RwLock<Arc<Verdict>>,
    /// It was judged anew, and its task has not yet looked at what that changes.
    rejudged: AtomicBool,
    wake: Notify,
    end: Mutex<Option<End>>,
    ended: AtomicBool,
    ended_wake: Notify,
}

impl Link {
    pub(crate) fn new(
        client_id: ClientId,
        principal: CertificateId,
        address: IpAddr,
        (judge, verdict): (&Arc<Judge>, Verdict),
        connected_at: Timestamp,
    ) -> Self {
        Self {
            client_id,
            principal,
            session_id: fastrand::u128(..),
            connected_at,
            address,
            standing: verdict.standing,
            acks: Mutex::default(),
            refusals: Refusals::new(connected_at),
            judge: Arc::clone(judge),
            verdict: RwLock::new(Arc::new(verdict)),
            rejudged: AtomicBool::new(false),
            wake: Notify::new(),
            end: Mutex::new(None),
            ended: AtomicBool::new(false),
            ended_wake: Notify::new(),
        }
    }

    /// Makes the connection's task look at its session, acknowledgements and end again.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Asks the connection to end; the first reason stands.
    pub(crate) fn end(&self, end: End) {
        self.end.lock().get_or_insert(end);
        self.wake();
    }

    pub(crate) fn end_asked(&self) -> Option<End> {
        *self.end.lock()
    }

    /// Says that nothing of this connection is live any more.
    pub(crate) fn set_ended(&self) {
        self.ended.store(true, Ordering::Release);
        self.ended_wake.notify_waiters();
    }

    /// Returns when nothing of this connection is live any more.
    pub(crate) async fn ended(&self) {
        let woken = self.ended_wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        if !self.ended.load(Ordering::Acquire) {
            woken.await;
        }
    }

    /// The longest that its session may be kept without it.
    pub(crate) fn kept_at_most(&self, limits: &Limits) -> Duration {
        if self.standing.in_grace { Duration::ZERO } else { limits.session_expiry_max }
    }

    /// What the connection may do now.
    pub(crate) fn permissions(&self) -> Arc<Verdict> {
        let verdict = Arc::clone(&self.verdict.read());
        if self.judge.upholds(&verdict) {
            return verdict;
        }
        self.rejudged.store(true, Ordering::Release);
        self.wake();
        self.rejudge()
    }

    /// The groups of its thing, and those they lie in.
    pub(crate) fn groups(&self) -> Vec<i64> {
        self.verdict.read().groups.to_vec()
    }

    /// Asks the registry again; a connection that may no longer be, or only in another standing,
    /// is asked to end.
    pub(crate) fn rejudge(&self) -> Arc<Verdict> {
        let verdict = match self.judge.judge(&self.principal, Some(&self.client_id), self.address) {
            Ok(verdict) if verdict.standing.in_grace == self.standing.in_grace => Ok(verdict),
            Ok(_) => Err(End::Expired),
            Err(NoVerdict::Unfit(unfit)) => Err(End::Unfit(unfit)),
            Err(NoVerdict::Failed(failed)) => {
                tracing::error!(client.id = %self.client_id, error = %failed, "session cut unasked");
                Err(End::RegistryUnavailable)
            }
        };
        let verdict = Arc::new(verdict.unwrap_or_else(|end| {
            self.end(end);
            let groups = self.groups();
            self.judge.nothing(&self.client_id, self.standing, groups)
        }));
        *self.verdict.write() = Arc::clone(&verdict);
        verdict
    }

    /// Whether the registry changed since the connection was judged.
    pub(crate) fn was_overtaken(&self) -> bool {
        self.judge.was_overtaken(&self.verdict.read())
    }

    /// Whether it was judged anew since this was asked last.
    pub(crate) fn take_rejudged(&self) -> bool {
        self.rejudged.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
impl Link {
    /// A connection that may do nothing, until `ends_at`.
    pub(crate) fn powerless(client_id: &str, ends_at: Timestamp) -> Self {
        struct Nobody;
        impl crate::Principals for Nobody {
            fn principal(
                &self,
                _: &CertificateId,
            ) -> Result<Option<Arc<crate::Principal>>, crate::LookupFailed> {
                Ok(None)
            }
        }
        let clock: crate::Clock = Arc::new(|| Timestamp::EPOCH);
        let judge = Arc::new(Judge::new(Arc::new(Nobody), clock, Default::default()));
        let (id, address) = (CertificateId::from_bytes([1; 32]), [127, 0, 0, 1].into());
        let client_id = client_id.parse().unwrap();
        let verdict = judge.nothing(&client_id, Standing { in_grace: false, ends_at }, Vec::new());
        Self::new(client_id, id, address, (&judge, verdict), Timestamp::EPOCH)
    }
}
