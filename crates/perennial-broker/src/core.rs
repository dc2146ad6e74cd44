//! What every connection shares: the registry, the clock, the tables, the counters.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use parking_lot::{Mutex, RwLock};
use perennial_core::{ids::CertificateId, time::Timestamp};

use crate::{
    authorise,
    counters::Counters,
    end::End,
    expiry::Expiries,
    inprocess::Inbox,
    link::Link,
    presence::PresenceLog,
    principal::{Clock, LookupFailed, Principal, Principals, Standing},
    retained::Retained,
    sessions::Sessions,
    settings::Settings,
    subscriptions::Subscriptions,
};

/// Locks are taken in this order: a session in `sessions`, `subscriptions`, one session's state.
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) principals: Arc<dyn Principals>,
    pub(crate) clock: Clock,
    pub(crate) counters: Arc<Counters>,
    pub(crate) sessions: Sessions,
    pub(crate) expiries: Expiries,
    pub(crate) subscriptions: RwLock<Subscriptions>,
    pub(crate) retained: Mutex<Retained>,
    pub(crate) presence: Arc<PresenceLog>,
    pub(crate) inboxes: Mutex<Vec<Weak<Inbox>>>,
    /// How often the registry said that principals changed.
    changes: AtomicU64,
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
        Self {
            settings,
            principals,
            clock,
            counters: Arc::default(),
            sessions: Sessions::default(),
            expiries: Expiries::default(),
            subscriptions: RwLock::default(),
            retained: Mutex::default(),
            presence,
            inboxes: Mutex::default(),
            changes: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            keys: AtomicU64::new(1),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// A number for a subscriber that no other has had.
    pub(crate) fn next_key(&self) -> u64 {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    /// Changes whenever principals change, so that an admission can tell it was overtaken.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// The principal with how it may be connected now, if it may.
    pub(crate) fn authenticated(
        &self,
        id: &CertificateId,
    ) -> Result<Option<(Arc<Principal>, Standing)>, LookupFailed> {
        let Some(principal) = self.principals.principal(id)? else { return Ok(None) };
        Ok(principal.standing(self.now()).ok().map(|standing| (principal, standing)))
    }

    /// Looks at changed principals again: their sessions are cut, or held to their new policies.
    pub(crate) fn principals_changed(&self, ids: &[CertificateId]) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        for id in ids {
            for link in self.sessions.links_of(id) {
                self.recheck(&link);
            }
        }
    }

    /// Asks the registry about a connected principal again.
    pub(crate) fn recheck(&self, link: &Arc<Link>) {
        match self.authenticated(&link.principal) {
            Ok(Some((_, standing))) if standing.in_grace != link.standing.in_grace => {
                link.end(End::Expired);
            }
            Ok(Some((principal, _))) => self.hold_to_policies(link, &principal),
            Ok(None) => link.end(End::NotAuthorized),
            Err(failed) => {
                tracing::error!(client.id = %link.client_id, error = %failed, "session cut unasked");
                link.end(End::RegistryUnavailable);
            }
        }
    }

    fn hold_to_policies(&self, link: &Arc<Link>, principal: &Principal) {
        let scope = &self.settings.scope;
        let Link { client_id, address, standing, .. } = &**link;
        let permissions = authorise::permissions(principal, *standing, client_id, *address, scope);
        link.set_permissions(Arc::new(permissions));
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
