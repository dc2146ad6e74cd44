//! The control plane in AWS IoT's words: HTTPS, Signature Version 4, REST-JSON.
//!
//! A request passes [`Listener`] (TLS, limits), the gate (who signed it, may they), the table
//! (which operation), and comes to one function in `operation/` that is given typed input and
//! answers with typed output. What the API asks of the running system stands in [`Running`].
#![warn(missing_docs)]

mod acknowledging;
mod api;
mod arn;
mod body;
mod call;
mod confirming;
mod data_plane;
mod decode;
mod described;
mod devices;
mod enrolment;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gate;
mod json;
mod key_ring;
mod links;
mod listener;
#[cfg(test)]
mod members;
mod notice_delivery;
mod openapi;
mod operation;
mod page;
mod parts;
mod pem;
mod router;
mod routing;
mod running;
pub mod sigv4;
mod sns;
mod table;
mod wire;

pub use api::Api;
pub use data_plane::{DataPlane, Disconnection, Message, NotPublished, Publisher, Retained};
pub use enrolment::{Candidate, Enrolled, Enrolment, EnrolmentError};
pub use error::{ApiError, Code};
pub use key_ring::{KeyRing, NewKey};
pub use links::Links;
pub use listener::{BindError, Limits, Listener, Peer};
pub use notice_delivery::NoticeDelivery;
pub use operation::{aws_operation_names, own_operation_names};
pub use parts::{Outside, Settings};
pub use perennial_core::bucket::Rate;
pub use routing::{Confirmation, Routing};
pub use running::{NotInForce, Running};
pub use sns::sns_operation_names;
