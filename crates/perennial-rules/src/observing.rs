//! The engine as the broker's observer: every message, before its subscribers.

use std::sync::Arc;

use perennial_broker::{Observer, Published};
use perennial_core::rule::Incoming;

use crate::{
    engine::Rules,
    parcel::{Origin, trace_id},
    surroundings,
};

impl Observer for Rules {
    fn wants(&self, topic: &str) -> bool {
        !self.0.set.load().matching(topic).is_empty()
    }

    fn published(&self, message: Published<'_>) {
        let set = self.0.set.load();
        let matching = set.matching(message.topic);
        if matching.is_empty() {
            return;
        }
        let origin = Arc::new(Origin {
            topic: message.topic.into(),
            payload: message.payload.clone(),
            client_id: message.client_id.map(|id| id.as_str().into()),
            principal: message.principal.map(|id| id.to_string().into()),
            trace_id: trace_id(),
        });
        let post = &self.0.post;
        let surroundings = surroundings::at(&post.settings.account_id, (post.now)());
        let incoming = Incoming::new(origin.message(), surroundings);
        for named in matching {
            named.then.run(&incoming, &origin, post);
        }
    }
}
