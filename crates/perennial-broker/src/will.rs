//! The last will: checked against the publish policy at CONNECT, and again when it is published.

use std::{net::IpAddr, sync::Arc};

use perennial_core::{
    ids::{CertificateId, ClientId},
    logging::{LoggedEvent, Protocol},
};
use tokio::time::Instant;

use crate::{
    authorise,
    core::Core,
    counters::count,
    device_log::Did,
    message::{Message, Qos},
    route::{self, Origin},
    wire::Will,
};

/// A last will, with whose it is.
pub(crate) struct Testament {
    pub(crate) client_id: ClientId,
    pub(crate) principal: CertificateId,
    pub(crate) address: IpAddr,
    pub(crate) will: Will,
}

impl Testament {
    /// Publishes the will, if its owner's certificate still may.
    pub(crate) fn fire(self, core: &Core) {
        if !self.is_allowed(core) {
            count(&core.counters.unauthorized);
            let did = Did::badly(LoggedEvent::PublishIn, "the last will may not be published");
            let (who, client_id) = ((self.principal, self.address), Some(self.client_id.as_str()));
            let did = did.on(&self.will.topic);
            core.settings.log.holder(&core.judge, who, client_id, Protocol::Mqtt, did);
            return;
        }
        let Self { client_id, principal, will, .. } = self;
        let expiry = will.properties.as_ref().and_then(|p| p.message_expiry_interval);
        let message = Message {
            topic: will.topic,
            payload: will.payload,
            qos: if will.qos == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce },
            retain: will.retain,
            properties: will.properties,
            expires_at: expiry.map(|secs| Instant::now() + seconds(secs.get())),
            sender: 0,
        };
        route::without_waiting(
            core,
            &Arc::new(message),
            Some(Origin { client_id: Some(client_id), principal }),
        );
    }

    fn is_allowed(&self, core: &Core) -> bool {
        let judged = core.judge.judge(&self.principal, Some(&self.client_id), self.address);
        let Ok(verdict) = judged else { return false };
        authorise::may_publish(&verdict, &self.will.topic, self.will.retain)
    }
}

fn seconds(secs: u32) -> std::time::Duration {
    std::time::Duration::from_secs(secs.into())
}
