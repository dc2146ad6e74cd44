//! Who does it: what every event of a request's transaction says about the request.
//!
//! The writer runs one job at a time on one thread, and for that time the thread knows whose it
//! is. So no function between the job and the event has to pass it on, and none can forget to.

use std::{cell::RefCell, net::IpAddr, sync::Arc};

use perennial_core::ids::AccessKeyId;
use serde::Serialize;
use serde_json::Value;

/// A request to the API, as events name it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// The access key that signed it; none, when it is let in for a token that it brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<AccessKeyId>,
    /// The operation.
    pub operation: &'static str,
    /// The request's id, which its sender knows too.
    pub request_id: String,
    /// Where it came from.
    pub source: Option<IpAddr>,
}

thread_local! {
    static ACTOR: RefCell<Option<Arc<Actor>>> = const { RefCell::new(None) };
}

/// Runs `job` for `actor`.
pub(crate) fn during<T>(actor: Option<Arc<Actor>>, job: impl FnOnce() -> T) -> T {
    ACTOR.replace(actor);
    let done = job();
    ACTOR.take();
    done
}

/// `body`, with the member `actor` when somebody's request is under way.
pub(crate) fn signed(body: &Value) -> Value {
    let mut body = body.clone();
    let actor = ACTOR.with_borrow(|actor| serde_json::to_value(actor.as_deref()));
    if let (Value::Object(members), Ok(actor @ Value::Object(_))) = (&mut body, actor) {
        members.insert("actor".to_owned(), actor);
    }
    body
}
