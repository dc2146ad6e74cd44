//! AWS IoT's policy language for the MQTT actions: documents, and what they allow a principal.
//!
//! A [`Document`] is parsed once when it is stored. When a client connects, the documents of its
//! principal are compiled with what is known of it (the [`Subject`]) into [`Permissions`], which
//! then answer each [`Request`] without allocating. Where AWS's text leaves room, the reading
//! that allows less is taken; a document that cannot be understood whole is refused whole.
//!
//! Source: AWS IoT developer guide, "AWS IoT Core policies" and the pages below it; IAM user
//! guide, "IAM JSON policy elements".

mod action;
mod condition;
mod document;
mod error;
mod evaluate;
mod explain;
mod json;
mod lint;
mod pattern;
mod request;
mod scope;
mod statement;
mod subject;
mod template;
mod variable;

pub use action::Action;
pub use document::{Document, MAX_DOCUMENT_CHARS, MAX_DOCUMENT_LEN};
pub use error::{PolicyError, Problem};
pub use evaluate::Permissions;
pub use explain::Explanation;
pub use lint::Misconfiguration;
pub use request::{Decision, Request};
pub use scope::Scope;
pub use subject::{CertificateFacts, Subject, ThingFacts};
