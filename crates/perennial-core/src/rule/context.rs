//! What a rule may look at: the message, and what surrounds it. Whoever runs rules brings it.

use std::cell::OnceCell;

use super::{json, value::Value};
use crate::time::Timestamp;

/// A message as the broker has it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    /// Where it was published.
    pub topic: &'m str,
    /// What it says.
    pub payload: &'m [u8],
    /// Who sent it, if a client did.
    pub client_id: Option<&'m str>,
    /// The sender's principal: a certificate's id.
    pub principal: Option<&'m str>,
    /// The id under which its way is recorded.
    pub trace_id: Option<&'m str>,
}

/// What the functions know beside the message.
#[derive(Clone, Copy)]
pub struct Surroundings<'s> {
    /// The account that owns the rules.
    pub account_id: &'s str,
    /// The time.
    pub now: Timestamp,
    /// Where random numbers come from.
    pub random: &'s dyn Random,
    /// Where digests come from.
    pub digests: &'s dyn Digests,
    /// Where time zones come from.
    pub zones: &'s dyn Zones,
}

/// A source of random numbers.
pub trait Random {
    /// 128 random bits, others each time.
    fn bits(&self) -> u128;
}

/// Digests, which the core has none of.
pub trait Digests {
    /// The digest of `octets`.
    fn digest(&self, algorithm: Algorithm, octets: &[u8]) -> Vec<u8>;
}

/// A digest's algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each says all that there is to say")]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The time zones of the IANA database, which the core has none of.
pub trait Zones {
    /// What holds in `zone`, such as `America/Belize`, at `instant`; `None` when there is no
    /// such zone.
    fn at(&self, zone: &str, instant: Timestamp) -> Option<Offset>;

    /// What holds in `zone` when its clocks show `local`, milliseconds as if it were UTC. Of two
    /// offsets the earlier; in a gap, what holds before it.
    fn when_clocks_show(&self, zone: &str, local: i64) -> Option<Offset>;
}

/// How far a zone's clocks are from UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offset {
    /// Seconds ahead of UTC.
    pub seconds: i32,
    /// What this time is called: `CST`.
    pub abbreviation: String,
}

/// A message on its way through the rules; its payload is read once, when the first rule wants
/// to know.
pub struct Incoming<'m> {
    pub(super) message: Message<'m>,
    pub(super) surroundings: Surroundings<'m>,
    payload: OnceCell<Value>,
}

impl<'m> Incoming<'m> {
    /// `message`, in these surroundings.
    pub const fn new(message: Message<'m>, surroundings: Surroundings<'m>) -> Self {
        Self { message, surroundings, payload: OnceCell::new() }
    }

    /// The payload as a value; Undefined when it is not JSON.
    pub(super) fn payload(&self) -> &Value {
        self.payload.get_or_init(|| json::read(self.message.payload).unwrap_or_default())
    }
}
