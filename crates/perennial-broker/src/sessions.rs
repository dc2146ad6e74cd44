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

/// How many sessions are looked at before others have their turn.
const SWEEP_MOST: usize = 256;

/// The sessions of the broker.
#[derive(Default)]
pub(crate) struct Sessions {
    by_client: Mutex<HashMap<ClientId, Arc<Session>>>,
    /// With the connection's session id: many may show one certificate.
    by_principal: Mutex<BTreeMap<(CertificateId, u128), Arc<Link>>>,
    /// When sessions, by key, must be looked at; what is no longer meant is taken out.
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
        self.forget(&session);
        session.attach(Arc::clone(link), wanted.window, wanted.kept_for, &core.counters);
        by_client.insert(link.client_id.clone(), Arc::clone(&session));
        Ok(Claim::Taken(session, present))
    }

    /// Takes the session from its connection; throws it away unless it is kept.
    pub(crate) fn release(&self, core: &Core, session: &Arc<Session>) {
        let mut by_client = self.by_client.lock();
        match session.detach(Instant::now(), &core.counters) {
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

    /// Nobody need look at the session for what it had to be looked at so far.
    fn forget(&self, session: &Session) {
        let mut deadlines = self.deadlines.lock();
        for at in session.deadlines().into_iter().flatten() {
            deadlines.remove(&(at, session.key));
        }
    }

    /// Fires delayed wills and throws sessions away whose time has come, some at a time; says
    /// whether more are due.
    pub(crate) fn sweep(&self, core: &Core, now: Instant) -> bool {
        for _ in 0..SWEEP_MOST {
            let Some((key, client_id)) = self.next_due(now) else { return false };
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
        true
    }

    fn next_due(&self, now: Instant) -> Option<(u64, ClientId)> {
        let mut deadlines = self.deadlines.lock();
        let first = deadlines.first_entry().filter(|first| first.key().0 <= now)?;
        let ((_, key), client_id) = first.remove_entry();
        Some((key, client_id))
    }

    pub(crate) fn live(&self, client_id: &ClientId) -> Option<Arc<Link>> {
        self.by_client.lock().get(client_id)?.link()
    }

    pub(crate) fn session_of(&self, link: &Arc<Link>) -> Option<Arc<Session>> {
        let session = self.by_client.lock().get(&link.client_id).cloned()?;
        session.link().is_some_and(|live| Arc::ptr_eq(&live, link)).then_some(session)
    }

    pub(crate) fn links_of(&self, id: &CertificateId) -> Vec<Arc<Link>> {
        let by_principal = self.by_principal.lock();
        by_principal.range((*id, 0)..=(*id, u128::MAX)).map(|(_, link)| Arc::clone(link)).collect()
    }

    pub(crate) fn enter(&self, link: &Arc<Link>) {
        let place = (link.principal, link.session_id);
        self.by_principal.lock().insert(place, Arc::clone(link));
    }

    pub(crate) fn leave(&self, link: &Arc<Link>) {
        let mut by_principal = self.by_principal.lock();
        by_principal.remove(&(link.principal, link.session_id));
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
            let links: Vec<_> = self.by_principal.lock().values().cloned().collect();
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
    core.sessions.forget(session);
    let will = session.take_will(None);
    let filters = session.discard(&core.counters);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use perennial_core::{policy::Scope, time::Timestamp};

    use super::*;
    use crate::{Limits, LookupFailed, Principal, Principals, Settings, TlsVersion};

    struct Nobody;

    impl Principals for Nobody {
        fn principal(&self, _: &CertificateId) -> Result<Option<Arc<Principal>>, LookupFailed> {
            Ok(None)
        }
    }

    fn core() -> Core {
        let listen = ([127, 0, 0, 1], 0).into();
        let (scope, limits) = (Scope::default(), Limits::default());
        let log = Arc::new(crate::NoDeviceLog);
        let settings = Settings { listen, oldest_tls: TlsVersion::V1_3, scope, limits, log };
        Core::new(settings, Arc::new(Nobody), Arc::new(|| Timestamp::EPOCH), Arc::default())
    }

    fn link(client_id: &str) -> Arc<Link> {
        Arc::new(Link::powerless(client_id, Timestamp::MAX))
    }

    #[tokio::test]
    async fn a_session_that_comes_and_goes_all_day_is_to_be_looked_at_once() {
        let core = core();
        let kept_for = Duration::from_secs(3600);
        let wanted = Wanted { clean_start: false, window: 1, kept_for };

        for _ in 0..100 {
            let claimed = Sessions::claim(&core, &link("pump"), &wanted).await;
            let Ok((session, _)) = claimed else { panic!("not claimed") };
            core.sessions.release(&core, &session);
        }

        assert_eq!(core.sessions.deadlines.lock().len(), 1);
    }

    #[tokio::test]
    async fn sessions_that_expire_together_are_thrown_away_some_at_a_time() {
        let core = core();
        let kept_for = Duration::from_secs(1);
        let wanted = Wanted { clean_start: false, window: 1, kept_for };
        for n in 0..=SWEEP_MOST {
            let link = link(&format!("pump-{n}"));
            let claimed = Sessions::claim(&core, &link, &wanted).await;
            let Ok((session, _)) = claimed else { panic!("not claimed") };
            core.sessions.release(&core, &session);
        }
        let later = Instant::now() + kept_for;

        assert!(core.sessions.sweep(&core, later));
        assert_eq!(core.sessions.by_client.lock().len(), 1);
        assert!(!core.sessions.sweep(&core, later));

        assert!(core.sessions.by_client.lock().is_empty());
        assert_eq!(core.counters.stored_bytes.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_publisher_that_asks_again_and_again_waits_once() {
        let mut waiting = crate::waiting::Waiting::default();
        let publisher = link("pump");

        for _ in 0..100 {
            waiting.add(&publisher);
        }

        assert_eq!(waiting.len(), 1);
    }
}
