//! The engine as the broker's observer: every message, before its subscribers.

use std::sync::{Arc, Weak};

use perennial_broker::{Observer, Published};
use perennial_core::rule::Incoming;

use crate::{
    engine::Inner,
    parcel::{Origin, trace_id},
    surroundings,
};

/// Shows the engine what the broker lets in, as long as there is one: the engine holds the broker,
/// and the broker must not hold the engine.
pub(crate) struct Watch(pub(crate) Weak<Inner>);

impl Observer for Watch {
    fn wants(&self, topic: &str) -> bool {
        let inner = self.0.upgrade();
        inner.is_some_and(|inner| !inner.set.load().matching(topic).is_empty())
    }

    fn published(&self, message: Published<'_>) {
        let Some(inner) = self.0.upgrade() else { return };
        let set = inner.set.load();
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
        let post = &inner.post;
        let surroundings = surroundings::at(&post.settings.account_id, (post.now)());
        let incoming = Incoming::new(origin.message(), surroundings);
        for named in matching {
            named.then.run(&incoming, &origin, post);
        }
    }
}
