//! Messaging over the embedded broker.

use async_trait::async_trait;
use perennial_broker::{BrokerHandle, Outgoing, Qos};
use perennial_core::{ids::ClientId, rotation::Presence, topic::Prefix};
use perennial_orchestrator::port::{Messaging, PortError, Publication, Reach};

/// The embedded broker as the ring sees it.
pub(crate) struct BrokerMessaging {
    broker: BrokerHandle,
    prefix: Prefix,
}

impl BrokerMessaging {
    pub(crate) fn new(broker: BrokerHandle, prefix: Prefix) -> Self {
        Self { broker, prefix }
    }
}

#[async_trait]
impl Messaging for BrokerMessaging {
    async fn publish(&self, batch: Vec<Publication>) -> Vec<Result<Reach, PortError>> {
        let outgoing = |it: Publication| Outgoing {
            topic: self.prefix.topic(&it.client_id, it.kind),
            payload: it.payload,
            qos: Qos::AtLeastOnce,
            retain: false,
        };
        let deliveries = self.broker.publish(batch.into_iter().map(outgoing).collect());
        deliveries.into_iter().map(|it| Ok(Reach::Sessions(it.online + it.stored))).collect()
    }

    async fn presence(&self, client_ids: &[ClientId]) -> Result<Vec<Presence>, PortError> {
        let presence = |client_id| match self.broker.session(client_id) {
            Some(session) => Presence::Online(session.principal),
            None => Presence::Offline,
        };
        Ok(client_ids.iter().map(presence).collect())
    }
}
