//! Who comes and goes: events for the process, and AWS IoT's lifecycle messages for subscribers.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use perennial_core::{
    ids::{CertificateId, ClientId},
    time::{Timestamp, days},
};
use serde::Serialize;
use tokio::sync::broadcast;

use crate::{
    DisconnectReason, Outgoing, Qos, core::Core, end::End, link::Link, message::Message, observer,
    route,
};

/// Events kept for a receiver that lags; one that lags more is told how many it missed.
const BACKLOG: usize = 4096;

/// How long a disconnected client's version number is remembered, as AWS IoT does.
const VERSION_KEPT_FOR: Duration = Duration::from_secs(3600);

/// How often it is said of a certificate that it came too late, and of how many that is
/// remembered.
const LAPSED_EVERY: Duration = days(1);
const LAPSED_KEPT: usize = 8192;

/// Something that a session did, or that kept one from coming about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It connected.
    Connected {
        /// Who.
        client_id: ClientId,
        /// With which certificate.
        principal: CertificateId,
        /// Names this connection: 32 hexadecimal digits.
        session_id: String,
        /// When.
        at: Timestamp,
        /// Counts the client's connections; the same in its Disconnected.
        version: u64,
        /// From where.
        address: IpAddr,
        /// Whether its certificate has ended and its grace alone lets it in.
        in_grace: bool,
    },
    /// It disconnected, or was.
    Disconnected {
        /// Who.
        client_id: ClientId,
        /// With which certificate.
        principal: CertificateId,
        /// Names the connection that ended.
        session_id: String,
        /// When.
        at: Timestamp,
        /// As in its Connected.
        version: u64,
        /// Why.
        reason: DisconnectReason,
    },
    /// It subscribed; only filters that were granted.
    Subscribed {
        /// Who.
        client_id: ClientId,
        /// With which certificate.
        principal: CertificateId,
        /// The filters.
        filters: Vec<String>,
    },
    /// It unsubscribed.
    Unsubscribed {
        /// Who.
        client_id: ClientId,
        /// With which certificate.
        principal: CertificateId,
        /// The filters.
        filters: Vec<String>,
    },
    /// An ACTIVE certificate was shown that has ended, and its grace if it had any: no session
    /// came about. Said once a day. Whoever showed it has not proven to have its key.
    Lapsed {
        /// Which.
        principal: CertificateId,
        /// The last moment of its validity.
        ended_at: Timestamp,
    },
}

/// AWS IoT's lifecycle event; the members that an event does not have are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    client_id: &'a str,
    timestamp: i64,
    event_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_initiated_disconnect: Option<bool>,
    session_identifier: String,
    principal_identifier: CertificateId,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_reason: Option<DisconnectReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topics: Option<&'a [String]>,
}

/// Tells everybody who wants to know.
pub(crate) struct PresenceLog {
    events: broadcast::Sender<Presence>,
    versions: Mutex<Versions>,
    lapsed: Mutex<HashMap<CertificateId, Timestamp>>,
}

/// What is remembered of clients: one entry each, however often one comes and goes.
#[derive(Default)]
struct Versions {
    clients: HashMap<ClientId, Version>,
    /// Disconnected clients by the time of their disconnection.
    forgettable: BTreeSet<(Timestamp, ClientId)>,
}

struct Version {
    number: u64,
    left_at: Option<Timestamp>,
}

impl Default for PresenceLog {
    fn default() -> Self {
        let (versions, lapsed) = (Mutex::default(), Mutex::default());
        Self { events: broadcast::channel(BACKLOG).0, versions, lapsed }
    }
}

impl PresenceLog {
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Presence> {
        self.events.subscribe()
    }

    /// Reports a connection; gives its version number.
    pub(crate) fn connected(&self, core: &Core, link: &Link) -> u64 {
        let at = link.connected_at;
        let version = self.versions.lock().connected(&link.client_id, at);
        let event = Event { version_number: Some(version), ..event(link, "connected", at) };
        tell(core, "presence", Event { ip_address: Some(link.address), ..event });
        self.send(|| Presence::Connected {
            client_id: link.client_id.clone(),
            principal: link.principal,
            session_id: session_id(link),
            at,
            version,
            address: link.address,
            in_grace: link.standing.in_grace,
        });
        version
    }

    pub(crate) fn disconnected(&self, core: &Core, link: &Link, version: u64, end: End) {
        let at = core.now();
        self.versions.lock().disconnected(&link.client_id, version, at);
        let told = Event {
            client_initiated_disconnect: Some(end.client_initiated()),
            disconnect_reason: Some(end.reason()),
            version_number: Some(version),
            ..event(link, "disconnected", at)
        };
        tell(core, "presence", told);
        self.send(|| Presence::Disconnected {
            client_id: link.client_id.clone(),
            principal: link.principal,
            session_id: session_id(link),
            at,
            version,
            reason: end.reason(),
        });
    }

    pub(crate) fn subscribed(&self, core: &Core, link: &Link, filters: Vec<String>) {
        let told = event(link, "subscribed", core.now());
        tell(core, "subscriptions", Event { topics: Some(&filters), ..told });
        let (client_id, principal) = (link.client_id.clone(), link.principal);
        self.send(|| Presence::Subscribed { client_id, principal, filters });
    }

    pub(crate) fn unsubscribed(&self, core: &Core, link: &Link, filters: Vec<String>) {
        let told = event(link, "unsubscribed", core.now());
        tell(core, "subscriptions", Event { topics: Some(&filters), ..told });
        let (client_id, principal) = (link.client_id.clone(), link.principal);
        self.send(|| Presence::Unsubscribed { client_id, principal, filters });
    }

    /// Reports a certificate that came too late, unless that was said within a day: it dials
    /// for ever.
    pub(crate) fn lapsed(&self, principal: CertificateId, ended_at: Timestamp, now: Timestamp) {
        let mut lapsed = self.lapsed.lock();
        if lapsed.get(&principal).is_some_and(|said_at| now.since(*said_at) < LAPSED_EVERY) {
            return;
        }
        if lapsed.len() >= LAPSED_KEPT {
            lapsed.clear();
        }
        lapsed.insert(principal, now);
        self.send(|| Presence::Lapsed { principal, ended_at });
    }

    fn send(&self, event: impl FnOnce() -> Presence) {
        if self.events.receiver_count() > 0 {
            self.events.send(event()).ok();
        }
    }
}

fn session_id(link: &Link) -> String {
    format!("{:032x}", link.session_id)
}

fn event<'a>(link: &'a Link, event_type: &'static str, at: Timestamp) -> Event<'a> {
    Event {
        client_id: link.client_id.as_str(),
        timestamp: at.as_millis(),
        event_type,
        client_initiated_disconnect: None,
        session_identifier: session_id(link),
        principal_identifier: link.principal,
        ip_address: None,
        disconnect_reason: None,
        version_number: None,
        topics: None,
    }
}

/// Publishes the event on `$aws/events/{family}/{type}/{clientId}`, if anybody listens.
fn tell(core: &Core, family: &str, event: Event<'_>) {
    let topic = format!("$aws/events/{family}/{}/{}", event.event_type, event.client_id);
    if core.subscriptions.read().matches(&topic).is_empty() && !observer::wants(core, &topic) {
        return;
    }
    let Ok(json) = serde_json::to_vec(&event) else { return };
    let payload = Bytes::from(json);
    let outgoing = Outgoing { topic, payload, qos: Qos::AtLeastOnce, retain: false };
    route::without_waiting(core, &Arc::new(Message::from_process(outgoing)), None);
}

impl Versions {
    fn connected(&mut self, client_id: &ClientId, now: Timestamp) -> u64 {
        self.forget(now);
        let Some(version) = self.clients.get_mut(client_id) else {
            self.clients.insert(client_id.clone(), Version { number: 0, left_at: None });
            return 0;
        };
        if let Some(at) = version.left_at.take() {
            self.forgettable.remove(&(at, client_id.clone()));
        }
        version.number += 1;
        version.number
    }

    fn disconnected(&mut self, client_id: &ClientId, number: u64, now: Timestamp) {
        self.forget(now);
        if let Some(version) = self.clients.get_mut(client_id).filter(|v| v.number == number) {
            version.left_at = Some(now);
            self.forgettable.insert((now, client_id.clone()));
        }
    }

    fn forget(&mut self, now: Timestamp) {
        let kept = |(at, _): &(Timestamp, ClientId)| now.since(*at) < VERSION_KEPT_FOR;
        while self.forgettable.first().is_some_and(|first| !kept(first)) {
            if let Some((_, client_id)) = self.forgettable.pop_first() {
                self.clients.remove(&client_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up_and_start_again_an_hour_after_the_disconnect() {
        let client_id = ClientId::new("pump").unwrap();
        let mut versions = Versions::default();
        let start = Timestamp::from_secs(1_000_000);

        assert_eq!(versions.connected(&client_id, start), 0);
        versions.disconnected(&client_id, 0, start);
        assert_eq!(versions.connected(&client_id, start), 1);
        versions.disconnected(&client_id, 1, start);
        assert_eq!(versions.connected(&client_id, start + VERSION_KEPT_FOR), 0);

        assert!(versions.forgettable.is_empty());
    }

    #[test]
    fn a_client_that_comes_and_goes_all_day_is_remembered_once() {
        let client_id = ClientId::new("pump").unwrap();
        let mut versions = Versions::default();

        for n in 0..1_000 {
            let now = Timestamp::from_secs(1_000_000 + n);
            let version = versions.connected(&client_id, now);
            versions.disconnected(&client_id, version, now);
        }

        assert_eq!((versions.clients.len(), versions.forgettable.len()), (1, 1));
    }
}
