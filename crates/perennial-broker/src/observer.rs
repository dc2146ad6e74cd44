//! Who sees every message that is published, whoever publishes it.

use std::sync::Arc;

use bytes::Bytes;
use perennial_core::ids::{CertificateId, ClientId};

use crate::{BrokerHandle, core::Core, message::Message};

/// A message that was let in: its publisher may publish it.
#[derive(Debug, Clone, Copy)]
pub struct Published<'m> {
    /// The client id of the session that published it, as its last will included; `None` for a
    /// request over HTTPS, an operator and the process itself.
    pub client_id: Option<&'m ClientId>,
    /// The certificate of the publisher, if it has one.
    pub principal: Option<CertificateId>,
    /// Where.
    pub topic: &'m str,
    /// What.
    pub payload: &'m Bytes,
}

/// Sees messages before their subscribers do, on the publisher's time: what takes long is to be
/// done elsewhere.
pub trait Observer: Send + Sync {
    /// Whether it has any use for messages of this topic.
    fn wants(&self, topic: &str) -> bool;

    /// A message was published. The same one again, when its publisher sends it again.
    fn published(&self, message: Published<'_>);
}

impl BrokerHandle {
    /// Lets `observer` see every message from now on; `false` when there is one already, which
    /// stays.
    pub fn observe(&self, observer: Arc<dyn Observer>) -> bool {
        self.0.observer.set(observer).is_ok()
    }
}

/// Shows a message to the observer, if there is one.
pub(crate) fn show(
    core: &Core,
    message: &Message,
    (client_id, principal): (Option<&ClientId>, Option<CertificateId>),
) {
    if let Some(observer) = core.observer.get() {
        let Message { topic, payload, .. } = message;
        observer.published(Published { client_id, principal, topic, payload });
    }
}

/// Whether the observer has any use for messages of this topic.
pub(crate) fn wants(core: &Core, topic: &str) -> bool {
    core.observer.get().is_some_and(|observer| observer.wants(topic))
}
