//! Trying dead letters again: a lane for each action and place, so that an endpoint that hangs holds
//! up no other's, and each letter once at a time.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Weak},
};

use http::Uri;
use parking_lot::Mutex;
use perennial_core::{ids::RuleName, rule::action::Delivery};
use tokio_util::task::TaskTracker;

use crate::{
    delivering::Post,
    parcel::{Letter, Parcel},
    queue::{ActionQueue, Pace},
};

/// How many dead letters of a lane are tried again at a time.
const AT_A_TIME: usize = 4;

/// The lanes in which something is tried again.
pub(crate) struct Replays {
    post: Arc<Post>,
    tasks: TaskTracker,
    lanes: Arc<Mutex<Lanes>>,
}

#[derive(Default)]
struct Lanes {
    open: BTreeMap<Place, Lane>,
    /// The letters that are being tried.
    under_way: HashSet<i64>,
    closed: bool,
}

struct Lane {
    queue: ActionQueue,
    /// How many letters it has.
    letters: usize,
}

/// A rule's action, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place(RuleName, &'static str, String);

/// Why a letter is not tried again now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTried {
    /// It is being tried.
    UnderWay,
    /// Its lane is full, or the server stops.
    NoRoom,
}

/// That a letter is being tried, for as long as this is there.
pub(crate) struct Turn {
    lanes: Weak<Mutex<Lanes>>,
    place: Place,
    id: i64,
}

impl Replays {
    pub(crate) fn new(post: &Arc<Post>, tasks: &TaskTracker) -> Self {
        Self { post: Arc::clone(post), tasks: tasks.clone(), lanes: Arc::default() }
    }

    /// Has a parcel of the dead letter `id` tried.
    pub(crate) fn put(
        &self,
        (id, unfinished): (i64, bool),
        mut parcel: Parcel,
    ) -> Result<(), NotTried> {
        let place = Place::of(&parcel);
        let mut lanes = self.lanes.lock();
        if lanes.closed {
            return Err(NotTried::NoRoom);
        }
        if !lanes.under_way.insert(id) {
            return Err(NotTried::UnderWay);
        }
        let turn = Turn { lanes: Arc::downgrade(&self.lanes), place: place.clone(), id };
        parcel.letter = Some(Letter { id, unfinished, _turn: turn });
        let lane = lanes.open.entry(place).or_insert_with(|| Lane {
            queue: ActionQueue::open(&self.post, None, Pace::AtATime(AT_A_TIME), &self.tasks),
            letters: 0,
        });
        lane.letters += 1;
        let put = lane.queue.put(parcel);
        // What did not fit ends its turn, for which the lanes must be free.
        drop(lanes);
        put.map_err(|_| NotTried::NoRoom)
    }

    /// Takes nothing more; lanes end when they are empty.
    pub(crate) fn close(&self) {
        let mut lanes = self.lanes.lock();
        lanes.closed = true;
        lanes.open.clear();
    }
}

impl Place {
    fn of(parcel: &Parcel) -> Self {
        let delivery = &parcel.delivery;
        let place = match delivery {
            Delivery::Http(post) => {
                let uri: Option<Uri> = post.url.parse().ok();
                uri.and_then(|uri| Some(uri.authority()?.to_string())).unwrap_or_default()
            }
            Delivery::Sns { .. } | Delivery::Lambda { .. } => delivery.resource().to_owned(),
            Delivery::Republish(_) | Delivery::File { .. } | Delivery::Stdout { .. } => {
                String::new()
            }
        };
        Self(parcel.rule.clone(), delivery.action(), place)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(lanes) = self.lanes.upgrade() else { return };
        let mut lanes = lanes.lock();
        lanes.under_way.remove(&self.id);
        let Some(lane) = lanes.open.get_mut(&self.place) else { return };
        lane.letters = lane.letters.saturating_sub(1);
        if lane.letters == 0 {
            lanes.open.remove(&self.place);
        }
    }
}
