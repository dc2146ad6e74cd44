//! A load: what travels in one request, a parcel alone or several together.

use perennial_core::rule::{
    Message,
    action::{Delivery, HttpPost},
    failure::{BatchFailureMessage, Failure, FailureMessage},
};

use crate::{carrier::Undelivered, parcel::Parcel};

/// What travels in one request.
pub(crate) struct Load {
    first: Parcel,
    others: Vec<Parcel>,
    /// What is delivered of an action that batches.
    together: Option<Result<Delivery, Undelivered>>,
}

impl Load {
    /// A parcel that nothing goes with; one whose action batches is a batch all the same.
    pub(crate) fn alone(parcel: Parcel) -> Self {
        Self::of(parcel, Vec::new())
    }

    /// Parcels of one action, the latest last; nothing of none.
    pub(crate) fn batch(parcels: Vec<Parcel>) -> Option<Self> {
        let mut parcels = parcels.into_iter();
        parcels.next().map(|first| Self::of(first, parcels.collect()))
    }

    fn of(first: Parcel, others: Vec<Parcel>) -> Self {
        let all = std::iter::once(&first).chain(&others);
        let posts: Vec<&HttpPost> = all.filter_map(|it| batched(&it.delivery)).collect();
        let together = (!posts.is_empty()).then(|| {
            HttpPost::together(&posts).map(Delivery::Http).map_err(|_| {
                Undelivered::for_good(
                    "a batch is a JSON array, and this payload is no JSON: let the statement make \
                     some of it, or leave enableBatching out",
                )
            })
        });
        Self { first, others, together }
    }

    /// What is delivered.
    pub(crate) fn delivery(&self) -> Result<&Delivery, Undelivered> {
        match &self.together {
            Some(together) => together.as_ref().map_err(Clone::clone),
            None => Ok(&self.first.delivery),
        }
    }

    /// Each of its parcels, the earliest first.
    pub(crate) fn parcels(&self) -> impl Iterator<Item = &Parcel> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(crate) fn into_parcels(self) -> impl Iterator<Item = Parcel> {
        std::iter::once(self.first).chain(self.others)
    }

    pub(crate) const fn first(&self) -> &Parcel {
        &self.first
    }

    /// What an error action hears when it is given up.
    pub(crate) fn failure(&self, why: &str) -> Vec<u8> {
        let rule = self.first.rule.as_str();
        let failure = Failure::of(&self.first.delivery, why);
        match batched(&self.first.delivery) {
            Some(post) => {
                let messages: Vec<Message<'_>> =
                    self.parcels().map(|it| it.origin.message()).collect();
                BatchFailureMessage::new(rule, &messages, post.batching, failure).to_json()
            }
            None => FailureMessage::new(rule, &self.first.origin.message(), &[failure]).to_json(),
        }
    }
}

/// The request of an action that batches.
pub(crate) fn batched(delivery: &Delivery) -> Option<&HttpPost> {
    match delivery {
        Delivery::Http(post) => Some(post).filter(|it| !it.batching.is_alone()),
        Delivery::Republish(_)
        | Delivery::Sns { .. }
        | Delivery::Lambda { .. }
        | Delivery::File { .. }
        | Delivery::Stdout { .. } => None,
    }
}
