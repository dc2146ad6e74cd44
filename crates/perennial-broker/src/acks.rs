//! Acknowledgements owed to a publisher: sent in the order of its publishes (MQTT 5 §4.6), each
//! only when everybody who must vouch for the message has.

use std::{collections::VecDeque, num::NonZeroU16};

use rmqtt_codec::v5::PublishAckReason;

/// The QoS 1 publishes of one connection that are not yet acknowledged.
#[derive(Default)]
pub(crate) struct Acks {
    /// The number of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
}

struct Slot {
    packet_id: NonZeroU16,
    code: PublishAckReason,
    /// How many have not vouched yet.
    waiting: u32,
    /// Somebody will never vouch: no PUBACK is sent.
    abandoned: bool,
}

impl Acks {
    /// Owes an acknowledgement, held by the caller until it calls [`vouch`](Self::vouch).
    pub(crate) fn open(&mut self, packet_id: NonZeroU16) -> u64 {
        let code = PublishAckReason::Success;
        self.slots.push_back(Slot { packet_id, code, waiting: 1, abandoned: false });
        self.first + self.slots.len() as u64 - 1
    }

    /// One more must vouch.
    pub(crate) fn hold(&mut self, slot: u64) {
        if let Some(slot) = self.slot(slot) {
            slot.waiting += 1;
        }
    }

    /// One of those who must has vouched.
    pub(crate) fn vouch(&mut self, slot: u64) {
        if let Some(slot) = self.slot(slot) {
            slot.waiting = slot.waiting.saturating_sub(1);
        }
    }

    /// One of those who must never will.
    pub(crate) fn abandon(&mut self, slot: u64) {
        if let Some(slot) = self.slot(slot) {
            slot.abandoned = true;
            slot.waiting = slot.waiting.saturating_sub(1);
        }
    }

    /// Settles a slot with a refusal.
    pub(crate) fn refuse(&mut self, slot: u64, code: PublishAckReason) {
        if let Some(slot) = self.slot(slot) {
            slot.code = code;
            slot.waiting = 0;
        }
    }

    /// The next acknowledgement that may be sent.
    pub(crate) fn next(&mut self) -> Option<(NonZeroU16, PublishAckReason)> {
        while self.slots.front()?.waiting == 0 {
            let slot = self.slots.pop_front()?;
            self.first += 1;
            if !slot.abandoned {
                return Some((slot.packet_id, slot.code));
            }
        }
        None
    }

    /// How many are owed.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u16) -> NonZeroU16 {
        NonZeroU16::new(n).unwrap()
    }

    #[test]
    fn acknowledgements_keep_the_order_of_the_publishes() {
        let mut acks = Acks::default();
        let first = acks.open(id(1));
        let second = acks.open(id(2));

        acks.vouch(second);
        assert_eq!(acks.next(), None);
        acks.vouch(first);

        assert_eq!(acks.next().map(|(id, _)| id), Some(id(1)));
        assert_eq!(acks.next().map(|(id, _)| id), Some(id(2)));
        assert_eq!(acks.next(), None);
    }

    #[test]
    fn an_abandoned_publish_is_never_acknowledged_and_holds_up_nobody() {
        let mut acks = Acks::default();
        let first = acks.open(id(1));
        let second = acks.open(id(2));
        acks.hold(first);

        acks.vouch(first);
        acks.abandon(first);
        acks.vouch(second);

        assert_eq!(acks.next().map(|(id, _)| id), Some(id(2)));
        assert_eq!(acks.len(), 0);
    }
}
