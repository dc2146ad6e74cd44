//! Held: open rotations as they were committed last, so that no step reads back what the step
//! before it wrote.
//!
//! Nobody but the driver steps a rotation, and none is opened for a thing while one is open: an open
//! rotation that was committed here is what the journal has, and its thing's latest. What is taken
//! out is put back only when it is committed again; until then, and after any trouble, it is read.

use std::collections::HashMap;

use perennial_core::ids::{RotationId, ThingName};

use crate::port::Stored;

/// How many rotations are held at most. One takes about two kilobytes.
const HELD: usize = 8192;

/// Open rotations, those put in lately surely among them.
#[derive(Debug, Default)]
pub(super) struct Held {
    recent: Rotations,
    /// Those before them: thrown away when `recent` is full again.
    earlier: Rotations,
}

#[derive(Debug, Default)]
struct Rotations {
    by_id: HashMap<RotationId, Stored>,
    by_thing: HashMap<ThingName, RotationId>,
}

impl Held {
    /// Takes out the rotation with this id.
    pub(super) fn take(&mut self, id: &RotationId) -> Option<Stored> {
        self.recent.take(id).or_else(|| self.earlier.take(id))
    }

    /// Takes out the open rotation of this thing.
    pub(super) fn take_of(&mut self, thing: &ThingName) -> Option<Stored> {
        let of = |rotations: &Rotations| rotations.by_thing.get(thing).copied();
        let id = of(&self.recent).or_else(|| of(&self.earlier))?;
        self.take(&id)
    }

    /// Holds what the journal has, if it is open.
    pub(super) fn put(&mut self, stored: Stored) {
        if !stored.state.is_open() {
            return;
        }
        // In one place only, lest an earlier state comes to light.
        self.take(&stored.rotation.id);
        if self.recent.by_id.len() >= HELD / 2 {
            self.earlier = std::mem::take(&mut self.recent);
        }
        let id = stored.rotation.id;
        self.recent.by_thing.insert(stored.rotation.thing.clone(), id);
        self.recent.by_id.insert(id, stored);
    }
}

impl Rotations {
    fn take(&mut self, id: &RotationId) -> Option<Stored> {
        let stored = self.by_id.remove(id)?;
        self.by_thing.remove(&stored.rotation.thing);
        Some(stored)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use perennial_core::{
        certificate::{Certificate, CertificateStatus, Validity},
        ids::CertificateId,
        rotation::{Cause, Opening, Timing, open},
        time::Timestamp,
    };

    use super::*;

    fn rotation(number: u128) -> Stored {
        let validity = Validity { not_before: Timestamp::EPOCH, not_after: Timestamp::MAX };
        let outgoing = Certificate {
            certificate_id: CertificateId::from_bytes([1; 32]),
            status: CertificateStatus::Active,
            validity,
            created_at: Timestamp::EPOCH,
        };
        let opening = Opening {
            id: RotationId::from_bytes(number.to_be_bytes()),
            thing: thing(number),
            outgoing,
            cause: Cause::Operator,
            rekey: true,
            draw: 0,
        };
        let (rotation, state) = open(opening, &Timing::default(), Timestamp::EPOCH);
        Stored { rotation: Arc::new(rotation), state, version: 0, ignored: 0 }
    }

    fn thing(number: u128) -> ThingName {
        ThingName::new(&format!("thing-{number}")).unwrap()
    }

    #[test]
    fn what_is_taken_out_by_thing_or_by_id_is_gone_until_it_is_put_back() {
        let mut held = Held::default();
        held.put(rotation(1));
        held.put(rotation(2));

        let by_thing = held.take_of(&thing(1));
        let by_id = held.take(&rotation(2).rotation.id);

        assert_eq!(by_thing, Some(rotation(1)));
        assert_eq!(by_id, Some(rotation(2)));
        assert_eq!(held.take(&rotation(1).rotation.id), None);
        assert_eq!(held.take_of(&thing(2)), None);
    }

    #[test]
    fn a_later_state_takes_the_place_of_an_earlier_one_however_long_ago_it_was_put_in() {
        let mut held = Held::default();
        held.put(rotation(0));
        (1..=HELD as u128 / 2).for_each(|number| held.put(rotation(number)));

        held.put(Stored { version: 7, ..rotation(0) });

        assert_eq!(held.take_of(&thing(0)).map(|stored| stored.version), Some(7));
        assert_eq!(held.take_of(&thing(0)), None);
    }

    #[test]
    fn no_more_are_held_than_there_is_room_for() {
        let mut held = Held::default();

        (0..3 * HELD as u128).for_each(|number| held.put(rotation(number)));

        let count = held.recent.by_id.len() + held.earlier.by_id.len();
        let things = held.recent.by_thing.len() + held.earlier.by_thing.len();
        assert!(count <= HELD, "{count}");
        assert_eq!(things, count);
        assert!(held.take_of(&thing(3 * HELD as u128 - 1)).is_some());
    }
}
