//! Notice topics: what is published to them, durable until everybody who wants it has it.
//!
//! A message is durable before its publisher hears so. It is then *spread*: page by page, each
//! subscription that wants it gets a delivery. Deliveries wait in *lanes*, one an endpoint, so that
//! one that does not answer holds up nobody else.

mod deliveries;
mod failing;
mod publishing;
mod subscriptions;
mod sweeping;
mod topics;

pub use deliveries::{
    DeliveryState, Due, DueDelivery, EndedDelivery, Lane, Outcome, Settled, Waiting,
};
pub use subscriptions::{Confirming, Subscribed, Subscribing, Subscription};
pub use topics::{NOTICE_TOPIC, NoticeTopic};
