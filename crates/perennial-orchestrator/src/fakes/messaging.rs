//! Messaging in memory: who is connected, and messages on their way to devices.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use perennial_core::{
    ids::{CertificateId, ClientId, RotationId},
    message::{Crt, CsrReq, Message as _},
    rotation::Presence,
    topic::Kind,
};
use tokio::sync::Notify;

use super::{Seen, Verb, Witness, fault::Gate};
use crate::port::{Messaging, PortError, Publication, Reach};

/// What a broker has in its memory: nothing of it is durable.
#[derive(Default)]
pub(super) struct Wire {
    sessions: HashMap<ClientId, CertificateId>,
    under_way: VecDeque<Publication>,
}

/// The broker as one process has it.
#[derive(Clone)]
pub struct FakeMessaging {
    pub(super) wire: Arc<Mutex<Wire>>,
    pub(super) news: Arc<Notify>,
    pub(super) witness: Witness,
    pub(super) gate: Gate,
}

impl FakeMessaging {
    /// A device connects, in place of any session it had.
    pub fn connect(&self, client_id: ClientId, principal: CertificateId) {
        self.wire.lock().sessions.insert(client_id.clone(), principal);
        self.witness.saw(Seen::Connected { client_id, principal });
    }

    /// A device disconnects.
    pub fn disconnect(&self, client_id: &ClientId) {
        self.wire.lock().sessions.remove(client_id);
    }

    /// The certificate that a device is connected with.
    pub fn session(&self, client_id: &ClientId) -> Option<CertificateId> {
        self.wire.lock().sessions.get(client_id).copied()
    }

    /// The next message on its way to a device that is connected, once there is one.
    pub async fn next(&self) -> Publication {
        loop {
            let news = self.news.notified();
            if let Some(publication) = self.wire.lock().under_way.pop_front() {
                return publication;
            }
            news.await;
        }
    }

    /// Loses every session and every message on its way.
    pub(super) fn lose_everything(&self) {
        *self.wire.lock() = Wire::default();
    }

    fn send(&self, publication: Publication) -> Reach {
        self.witness.saw(Seen::Published(publication.clone()));
        let mut wire = self.wire.lock();
        if !wire.sessions.contains_key(&publication.client_id) {
            return Reach::Sessions(0);
        }
        wire.under_way.push_back(publication);
        Reach::Sessions(1)
    }
}

#[async_trait]
impl Messaging for FakeMessaging {
    async fn publish(&self, batch: Vec<Publication>) -> Vec<Result<Reach, PortError>> {
        for publication in &batch {
            if let Some(rotation_id) = rotation_of(publication) {
                self.witness.saw(Seen::Asked { verb: Verb::Publish, rotation_id });
            }
        }
        let size = batch.len();
        let write = || batch.into_iter().map(|it| Ok(self.send(it))).collect();
        let answers = self.gate.call_each(Verb::Publish, size, write).await;
        self.news.notify_one();
        answers
    }

    async fn presence(&self, client_ids: &[ClientId]) -> Result<Vec<Presence>, PortError> {
        let presence = |id: &ClientId| self.session(id).map_or(Presence::Offline, Presence::Online);
        let read = || Ok(client_ids.iter().map(presence).collect());
        self.gate.call(Verb::Presence, client_ids.len(), read).await
    }
}

/// The rotation that a request or a delivery names.
fn rotation_of(publication: &Publication) -> Option<RotationId> {
    match publication.kind {
        Kind::CsrReq => CsrReq::from_payload(&publication.payload).ok()?.rotation_id,
        Kind::Crt => Crt::from_payload(&publication.payload).ok()?.rotation_id,
        Kind::CsrRes | Kind::CrtAck | Kind::CrtErr | Kind::Refused => None,
    }
}
