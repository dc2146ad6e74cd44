//! Publishing to another topic of the same broker.

use std::num::NonZeroU32;

use bytes::Bytes;
use perennial_broker::{BrokerHandle, Properties, Publication, PublishRefused, Qos};
use perennial_core::rule::action::{FilledHeaders, Republication};

use super::Undelivered;

pub(crate) struct Republish(pub(crate) BrokerHandle);

impl Republish {
    /// Reaches whoever subscribed; a subscriber without room counts as not reached.
    pub(crate) fn carry(&self, it: &Republication) -> Result<(), Undelivered> {
        let publication = Publication {
            topic: it.topic.clone(),
            payload: Bytes::from_owner(std::sync::Arc::clone(&it.payload.0)),
            qos: if it.at_least_once { Qos::AtLeastOnce } else { Qos::AtMostOnce },
            retain: false,
            properties: properties(&it.headers),
        };
        self.0.publish_for_operator(publication).map_err(|error| {
            let reason = error.to_string();
            match error {
                PublishRefused::Full(_)
                | PublishRefused::NotRetained
                | PublishRefused::Unavailable(_) => Undelivered::for_now(reason),
                PublishRefused::Topic(_)
                | PublishRefused::Reserved(_)
                | PublishRefused::Payload { .. }
                | PublishRefused::Property(_)
                | PublishRefused::NotAuthorized => Undelivered::for_good(reason),
            }
        })
    }
}

fn properties(headers: &FilledHeaders) -> Properties {
    Properties {
        user: headers.user_properties.clone(),
        is_utf8: headers.is_utf8,
        content_type: headers.content_type.clone(),
        response_topic: headers.response_topic.clone(),
        correlation_data: headers.correlation_data.clone().map(Bytes::from),
        expiry: headers.message_expiry.and_then(NonZeroU32::new),
    }
}
