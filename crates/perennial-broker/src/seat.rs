//! A connection's place in the broker; however the connection ends, leaving it puts all in order.

use std::sync::{Arc, atomic::Ordering};

use tokio::time::Instant;

use crate::{core::Core, device_log::Did, end::End, link::Link, session::Session, will::Testament};

/// Held by the connection's task from CONNECT on. Its drop publishes the will, reports the
/// disconnection, frees the session, and only then lets another connection have the client id.
pub(crate) struct Seat {
    core: Arc<Core>,
    pub(crate) link: Arc<Link>,
    pub(crate) session: Arc<Session>,
    will: Option<Box<Testament>>,
    version: u64,
    end: End,
}

impl Seat {
    pub(crate) fn take(
        core: &Arc<Core>,
        link: Arc<Link>,
        session: Arc<Session>,
        will: Option<Box<Testament>>,
    ) -> Self {
        core.sessions.enter(&link);
        core.expiries.enter(&link);
        core.counters.connected.fetch_add(1, Ordering::Relaxed);
        let version = core.presence.connected(core, &link);
        core.settings.log.client(&link, Did::connecting(link.standing.in_grace));
        Self { core: Arc::clone(core), link, session, will, version, end: End::Lost }
    }

    /// Gives the place up for a known reason.
    pub(crate) fn leave(mut self, end: End) {
        self.end = end;
    }

    fn publish_will(&mut self) {
        let Some(will) = self.will.take().filter(|_| self.end.fires_will()) else { return };
        let delay = will.will.delay;
        if delay.is_zero() {
            will.fire(&self.core);
        } else {
            let due = Instant::now() + delay;
            self.session.delay_will(due, will);
            self.core.sessions.remember(due, &self.session);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let core = Arc::clone(&self.core);
        self.publish_will();
        core.presence.disconnected(&core, &self.link, self.version, self.end);
        core.sessions.release(&core, &self.session);
        core.counters.connected.fetch_sub(1, Ordering::Relaxed);
        core.expiries.leave(&self.link);
        core.sessions.leave(&self.link);
        self.link.set_ended();
        core.settings.log.ended(&self.link, self.end);
    }
}
