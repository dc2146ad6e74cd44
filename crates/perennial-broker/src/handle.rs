//! What the rest of the process may ask of a running broker.

use std::{fmt, sync::Arc, time::Duration};

use perennial_core::{
    ids::{CertificateId, ClientId},
    time::Timestamp,
    topic::{TopicError, check_filter, check_name},
};
use tokio::sync::broadcast;

use crate::{
    Counters, Delivery, Outgoing, Presence, Subscription, core::Core, end::End, inprocess::Inbox,
    message::Message, route, subscriptions::Subscriber,
};

/// A cheap, clonable way to talk to the broker from inside the process.
#[derive(Clone)]
pub struct BrokerHandle(pub(crate) Arc<Core>);

/// Who is connected under a client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionView {
    /// The certificate it authenticated with.
    pub principal: CertificateId,
    /// Since when.
    pub connected_at: Timestamp,
}

/// How an operator disconnects a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnection {
    /// Whether its session is thrown away, whatever the client asked for.
    pub clean_session: bool,
    /// Whether its last will is published.
    pub with_will: bool,
}

impl BrokerHandle {
    /// Receives what clients publish to topics that `filter` selects, at most `capacity` at a
    /// time; while it is full, publishers of QoS 1 to it wait and QoS 0 is dropped and counted.
    ///
    /// No policy applies. What the process itself publishes does not come here.
    ///
    /// # Errors
    /// [`TopicError`] when `filter` is not a topic filter.
    pub fn subscribe(&self, filter: &str, capacity: usize) -> Result<Subscription, TopicError> {
        check_filter(filter)?;
        let inbox = Arc::new(Inbox::new(capacity));
        let key = self.0.next_key();
        let subscriber = Subscriber::InProcess(Arc::clone(&inbox));
        self.0.subscriptions.write().insert(filter, key, subscriber);
        let mut inboxes = self.0.inboxes.lock();
        inboxes.retain(|inbox| inbox.strong_count() > 0);
        inboxes.push(Arc::downgrade(&inbox));
        Ok(Subscription::new(Arc::clone(&self.0), inbox, filter.to_owned(), key))
    }

    /// Publishes messages to the sessions that subscribed and may receive them; never waits.
    ///
    /// A message to a topic that cannot be published to reaches nobody.
    pub fn publish(&self, messages: Vec<Outgoing>) -> Vec<Delivery> {
        let publish = |outgoing: Outgoing| {
            if check_name(&outgoing.topic).is_err() {
                tracing::warn!(mqtt.topic = %outgoing.topic, "not published: not a topic");
                return Delivery::default();
            }
            route::without_waiting(&self.0, &Arc::new(Message::from_process(outgoing)), None)
        };
        messages.into_iter().map(publish).collect()
    }

    /// Looks at principals again after the registry changed: sessions of those that no longer
    /// authenticate are cut at once (MQTT 5: 0x87), the others are held to their new policies.
    pub fn principals_changed(&self, ids: &[CertificateId]) {
        self.0.principals_changed(ids);
    }

    /// Looks at the sessions under these client ids again, as
    /// [`principals_changed`](Self::principals_changed) does at those of a certificate.
    pub fn clients_changed(&self, ids: &[ClientId]) {
        self.0.clients_changed(ids);
    }

    /// Lets `mark` mark [`Source`](crate::Source)s as changed. Every session whose rights come
    /// from one of them is judged anew before the next thing that it does or receives; nobody
    /// else pays for it. What a session no longer may subscribe to is dropped then, too.
    pub fn sources_changed(&self, mark: impl FnOnce()) {
        self.0.judge.sources_changed(mark);
    }

    /// Looks at sessions of these certificates, and under these client ids, that may be out of
    /// date because of a marked source. Those that are not cost next to nothing.
    pub fn look_again(&self, principals: &[CertificateId], clients: &[ClientId]) {
        let sessions = &self.0.sessions;
        let named = clients.iter().filter_map(|id| sessions.live(id));
        let links = principals.iter().flat_map(|id| sessions.links_of(id)).chain(named);
        links.for_each(|link| drop(link.permissions()));
    }

    /// Who comes and goes from now on. A receiver that lags is told how many events it missed.
    pub fn presence(&self) -> broadcast::Receiver<Presence> {
        self.0.presence.subscribe()
    }

    /// Who is connected under `client_id` now.
    pub fn session(&self, client_id: &ClientId) -> Option<SessionView> {
        let link = self.0.sessions.live(client_id)?;
        Some(SessionView { principal: link.principal, connected_at: link.connected_at })
    }

    /// Ends the connection under `client_id` and answers once it has ended; `false` when there is
    /// none. Its session is kept as its client asked, unless it is to be cleaned.
    pub async fn disconnect(&self, client_id: &ClientId, how: Disconnection) -> bool {
        let Some(link) = self.0.sessions.live(client_id) else { return false };
        let session = self.0.sessions.session_of(&link);
        if let Some(session) = session.filter(|_| how.clean_session) {
            session.keep_for(Duration::ZERO);
        }
        link.end(End::Operator { with_will: how.with_will });
        link.ended().await;
        true
    }

    /// What the broker has counted.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.0.counters)
    }
}

impl fmt::Debug for BrokerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrokerHandle")
    }
}
