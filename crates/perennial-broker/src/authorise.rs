//! Asks a principal's compiled policies whether an action is allowed; anything but Allow is no.

use std::{net::IpAddr, sync::Arc};

use perennial_core::{
    ids::ClientId,
    policy::{Decision, Permissions, Request, Scope, Subject, ThingFacts},
};

use crate::principal::Principal;

/// What a principal may do under this client id.
pub(crate) fn permissions(
    principal: &Principal,
    client_id: &ClientId,
    source_ip: IpAddr,
    scope: &Scope,
) -> Permissions {
    let subject = Subject {
        client_id: client_id.as_str().to_owned(),
        source_ip: Some(source_ip),
        thing: thing(&principal.things, client_id),
        certificate: Arc::clone(&principal.certificate),
    };
    Permissions::compile(&principal.policies, &subject, scope)
}

/// The thing that policy variables read: the attached one with the client id as its name.
fn thing(things: &[ThingFacts], client_id: &ClientId) -> Option<ThingFacts> {
    things.iter().find(|thing| thing.name.as_str() == client_id.as_str()).cloned()
}

fn allows(permissions: &Permissions, request: &Request<'_>) -> bool {
    permissions.decide(request) == Decision::Allowed
}

pub(crate) fn may_connect(
    permissions: &Permissions,
    client_id: &str,
    persistent: bool,
    last_will_topic: Option<&str>,
) -> bool {
    allows(permissions, &Request::Connect { client_id, persistent, last_will_topic })
}

/// Whether a client may publish: never to the broker's own events, and with RETAIN neither to a
/// reserved topic nor without `iot:RetainPublish`.
pub(crate) fn may_publish(permissions: &Permissions, topic: &str, retain: bool) -> bool {
    if topic.starts_with("$aws/events/") || retain && topic.starts_with('$') {
        return false;
    }
    allows(permissions, &Request::Publish { topic })
        && (!retain || allows(permissions, &Request::RetainPublish { topic }))
}

pub(crate) fn may_subscribe(permissions: &Permissions, filter: &str) -> bool {
    allows(permissions, &Request::Subscribe { filter })
}

pub(crate) fn may_receive(permissions: &Permissions, topic: &str) -> bool {
    allows(permissions, &Request::Receive { topic })
}
