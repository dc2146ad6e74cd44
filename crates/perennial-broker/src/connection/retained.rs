//! Retained messages on their way to a new subscription: a page at a time, each when nothing else
//! waits, so that however many there are, none is dropped and no publisher is held up for them.

use std::{collections::VecDeque, ops::ControlFlow};

use bytestring::ByteString;
use rmqtt_codec::v5::SubscriptionOptions;
use tokio::time::Instant;

use super::Connection;
use crate::{core::Core, session::Session};

/// Messages of a page.
const PAGE: usize = 64;

/// One subscription's retained messages, as far as it has got.
pub(super) struct Walk {
    filter: ByteString,
    options: SubscriptionOptions,
    /// The topic of the last message that was queued.
    after: Option<ByteString>,
}

impl Connection {
    pub(super) fn begin_walk(&mut self, filter: ByteString, options: SubscriptionOptions) {
        self.end_walk(&filter);
        self.walks.push_back(Walk { filter, options, after: None });
    }

    /// The subscription was replaced, or is over.
    pub(super) fn end_walk(&mut self, filter: &str) {
        self.walks.retain(|walk| *walk.filter != *filter);
    }

    /// Queues the next page if nothing waits; says whether it did.
    pub(super) fn advance_walks(&mut self) -> bool {
        let Some(walk) = self.walks.front_mut() else { return false };
        if !self.seat.session.has_nothing_queued() {
            return false;
        }
        if walk.advance(&self.core, &self.seat.session).is_break() {
            self.walks.pop_front();
            if self.walks.is_empty() {
                self.walks = VecDeque::new();
            }
        }
        true
    }
}

impl Walk {
    /// Queues a page; breaks after the last one.
    fn advance(&mut self, core: &Core, session: &Session) -> ControlFlow<()> {
        let now = Instant::now();
        let page = core.retained.lock().page(&self.filter, self.after.as_deref(), PAGE, now);
        let whole = page.len() == PAGE;
        let limits = &core.settings.limits;
        let taken = page.iter().take_while(|m| session.offer_retained(m, self.options, limits));
        let taken = taken.count();
        let Some(last) = taken.checked_sub(1) else { return ControlFlow::Break(()) };
        if taken == page.len() && !whole {
            return ControlFlow::Break(());
        }
        self.after = Some(page[last].topic.clone());
        ControlFlow::Continue(())
    }
}
