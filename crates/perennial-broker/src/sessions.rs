//! Every session by client id, every live connection by certificate, and when sessions expire.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use perennial_core::ids::{CertificateId, ClientId};
use tokio::{sync::Notify, time::Instant};

use crate::{core::Core, end::End, link::Link, session::Session};

/// The sessions of the broker.
#[derive(Default)]
pub(crate) struct Sessions {
    by_client: Mutex<HashMap<ClientId, Arc<Session>>>,
    by_principal: Mutex<HashMap<CertificateId, Vec<Arc<Link>>>>,
    deadlines: Mutex<BTreeMap<(Instant, u64), ClientId>>,
    /// Woken when the last live connection has left.
    empty: Notify,
}

/// How a connection wants its session.
pub(crate) struct Wanted {
    pub(crate) clean_start: bool,
    pub(crate) window: u16,
    pub(crate) kept_for: Duration,
}

/// There are as many sessions as there may be.
pub(crate) struct TooManySessions;

enum Claim {
    Taken(Arc<Session>, bool),
    Occupied(Arc<Link>),
}

impl Sessions {
    /// Gives `link` the session of its client id, after the connection that had it has ended;
    /// says whether the session was there before.
    pub(crate) async fn claim(
        core: &Core,
        link: &Arc<Link>,
        wanted: &Wanted,
    ) -> Result<(Arc<Session>, bool), TooManySessions> {
        loop {
            match core.sessions.try_claim(core, link, wanted)? {
                Claim::Taken(session, present) => return Ok((session, present)),
                Claim::Occupied(other) => {
                    other.end(End::TakenOver);
                    other.ended().await;
                }
            }
        }
    }

    fn try_claim(
        &self,
        core: &Core,
        link: &Arc<Link>,
        wanted: &Wanted,
    ) -> Result<Claim, TooManySessions> {
        let mut by_client = self.by_client.lock();
        let kept = by_client.get(&link.client_id).cloned();
        if let Some(other) = kept.as_ref().and_then(|session| session.link()) {
            return Ok(Claim::Occupied(other));
        }
        let now = Instant::now();
        let resumed = kept.filter(|session| {
            let stays = !wanted.clean_start && !session.expired(now);
            if !stays {
                throw_away(core, session);
            }
            stays
        });
        let present = resumed.is_some();
        if !present
            && by_client.len() >= core.settings.limits.sessions
            && !by_client.contains_key(&link.client_id)
        {
            return Err(TooManySessions);
        }
        let session = resumed
            .unwrap_or_else(|| Arc::new(Session::new(core.next_key(), link.client_id.clone())));
        session.attach(Arc::clone(link), wanted.window, wanted.kept_for);
        by_client.insert(link.client_id.clone(), Arc::clone(&session));
        Ok(Claim::Taken(session, present))
    }

    /// Takes the session from its connection; throws it away unless it is kept.
    pub(crate) fn release(&self, core: &Core, session: &Arc<Session>) {
        let mut by_client = self.by_client.lock();
        match session.detach(Instant::now()) {
            Some(at) => self.remember(at, session),
            None => {
                by_client.remove(&session.client_id);
                throw_away(core, session);
            }
        }
    }

    /// Looks at the session again at `at`.
    pub(crate) fn remember(&self, at: Instant, session: &Session) {
        self.deadlines.lock().insert((at, session.key), session.client_id.clone());
    }

    /// Fires the delayed wills and throws away the sessions whose time has come.
    pub(crate) fn sweep(&self, core: &Core, now: Instant) {
        for (key, client_id) in self.due(now) {
            let mut by_client = self.by_client.lock();
            let Some(session) = by_client.get(&client_id).filter(|s| s.key == key).cloned() else {
                continue;
            };
            if session.expired(now) {
                by_client.remove(&client_id);
                drop(by_client);
                throw_away(core, &session);
            } else {
                drop(by_client);
                if let Some(will) = session.take_will(Some(now)) {
                    will.fire(core);
                }
            }
        }
    }

    fn due(&self, now: Instant) -> Vec<(u64, ClientId)> {
        let mut deadlines = self.deadlines.lock();
        let later = deadlines.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut *deadlines, later);
        due.into_iter().map(|((_, key), client_id)| (key, client_id)).collect()
    }

    pub(crate) fn live(&self, client_id: &ClientId) -> Option<Arc<Link>> {
        self.by_client.lock().get(client_id)?.link()
    }

    pub(crate) fn session_of(&self, link: &Arc<Link>) -> Option<Arc<Session>> {
        let session = self.by_client.lock().get(&link.client_id).cloned()?;
        session.link().is_some_and(|live| Arc::ptr_eq(&live, link)).then_some(session)
    }

    pub(crate) fn links_of(&self, id: &CertificateId) -> Vec<Arc<Link>> {
        self.by_principal.lock().get(id).cloned().unwrap_or_default()
    }

    pub(crate) fn enter(&self, link: &Arc<Link>) {
        self.by_principal.lock().entry(link.principal).or_default().push(Arc::clone(link));
    }

    pub(crate) fn leave(&self, link: &Arc<Link>) {
        let mut by_principal = self.by_principal.lock();
        if let Some(links) = by_principal.get_mut(&link.principal) {
            links.retain(|other| !Arc::ptr_eq(other, link));
            if links.is_empty() {
                by_principal.remove(&link.principal);
            }
        }
        if by_principal.is_empty() {
            self.empty.notify_waiters();
        }
    }

    /// Ends every live connection and returns when all have left.
    pub(crate) async fn end_all(&self, end: End) {
        loop {
            let empty = self.empty.notified();
            tokio::pin!(empty);
            empty.as_mut().enable();
            let links: Vec<_> = self.by_principal.lock().values().flatten().cloned().collect();
            if links.is_empty() {
                return;
            }
            links.iter().for_each(|link| link.end(end));
            empty.await;
        }
    }
}

/// Ends a session that is no longer in the table. MQTT 5 §3.1.3.2.2: its delayed will, if any,
/// is published at once.
fn throw_away(core: &Core, session: &Session) {
    let will = session.take_will(None);
    let filters = session.discard();
    if !filters.is_empty() {
        let mut subscriptions = core.subscriptions.write();
        for filter in filters {
            subscriptions.remove(&filter, session.key);
        }
    }
    if let Some(will) = will {
        will.fire(core);
    }
}
