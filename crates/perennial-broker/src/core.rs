//! What every connection shares: the registry, the clock, the tables, the counters.

use std::sync::{
    Arc, OnceLock, Weak,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use parking_lot::{Mutex, RwLock};
use perennial_core::{
    ids::{CertificateId, ClientId},
    time::Timestamp,
};

use crate::{
    authorise,
    counters::Counters,
    expiry::Expiries,
    handshake::HandshakeLog,
    inprocess::Inbox,
    judge::Judge,
    link::Link,
    observer::Observer,
    presence::PresenceLog,
    principal::{Clock, Principals},
    retained::Retained,
    sessions::Sessions,
    settings::Settings,
    subscriptions::Subscriptions,
};

/// Locks are taken in this order: a session in `sessions`, `subscriptions`, one session's state.
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) judge: Arc<Judge>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) sessions: Sessions,
    pub(crate) expiries: Expiries,
    pub(crate) subscriptions: RwLock<Subscriptions>,
    pub(crate) retained: Mutex<Retained>,
    pub(crate) presence: Arc<PresenceLog>,
    pub(crate) handshakes: HandshakeLog,
    pub(crate) inboxes: Mutex<Vec<Weak<Inbox>>>,
    pub(crate) observer: OnceLock<Arc<dyn Observer>>,
    closing: AtomicBool,
    keys: AtomicU64,
}

impl Core {
    pub(crate) fn new(
        settings: Settings,
        principals: Arc<dyn Principals>,
        clock: Clock,
        presence: Arc<PresenceLog>,
    ) -> Self {
        let judge = Arc::new(Judge::new(principals, clock, settings.scope.clone()));
        Self {
            settings,
            judge,
            counters: Arc::default(),
            sessions: Sessions::default(),
            expiries: Expiries::default(),
            subscriptions: RwLock::default(),
            retained: Mutex::default(),
            presence,
            handshakes: HandshakeLog::new(),
            inboxes: Mutex::default(),
            observer: OnceLock::new(),
            closing: AtomicBool::new(false),
            keys: AtomicU64::new(1),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.judge.now()
    }

    /// A number for a subscriber that no other has had.
    pub(crate) fn next_key(&self) -> u64 {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Looks at changed principals again: their sessions are cut, or held to their new policies.
    pub(crate) fn principals_changed(&self, ids: &[CertificateId]) {
        self.judge.note_change();
        for id in ids {
            for link in self.sessions.links_of(id) {
                self.recheck(&link);
            }
        }
    }

    /// Looks at whoever is connected under these client ids again.
    pub(crate) fn clients_changed(&self, ids: &[ClientId]) {
        self.judge.note_change();
        for link in ids.iter().filter_map(|id| self.sessions.live(id)) {
            self.recheck(&link);
        }
    }

    /// Asks the registry about a connected principal again.
    pub(crate) fn recheck(&self, link: &Arc<Link>) {
        link.rejudge();
        if let Some(session) = self.sessions.session_of(link) {
            session.recheck();
            self.drop_forbidden_subscriptions(&session, link);
        }
    }

    /// Removes the subscriptions that the connection's permissions do not allow.
    pub(crate) fn drop_forbidden_subscriptions(
        &self,
        session: &crate::session::Session,
        link: &Link,
    ) {
        let permissions = link.permissions();
        for filter in session.filters() {
            if !authorise::may_subscribe(&permissions, &filter) {
                session.unsubscribe(&filter);
                self.subscriptions.write().remove(&filter, session.key);
            }
        }
    }
}
