//! Asks a principal's compiled policies whether an action is allowed; anything but Allow is no,
//! and in grace the boundary must allow it too.

use std::{net::IpAddr, sync::Arc};

use perennial_core::{
    ids::ClientId,
    policy::{self, Document, Request, Scope, Subject},
};

use crate::principal::{ConnectedThing, Grace, Principal, Standing};

/// What one connection may do.
pub(crate) struct Permissions {
    own: policy::Permissions,
    /// Only of a connection in grace.
    boundary: Option<Box<policy::Permissions>>,
}

impl Permissions {
    fn allow(&self, request: &Request<'_>) -> bool {
        self.own.allows(request)
            && self.boundary.as_ref().is_none_or(|boundary| boundary.allows(request))
    }
}

/// What a principal of this standing may do under this client id, if it has one, for this thing.
pub(crate) fn permissions(
    (principal, standing): (&Principal, Standing),
    thing: Option<ConnectedThing>,
    client_id: Option<&ClientId>,
    source_ip: IpAddr,
    scope: &Scope,
) -> Permissions {
    let (facts, of_groups) = thing.map(|thing| (thing.facts, thing.policies)).unzip();
    let policies: Vec<_> =
        principal.policies.iter().cloned().chain(of_groups.into_iter().flatten()).collect();
    let subject = Subject {
        // Without one the variable is not set, so that nothing that names it matches.
        client_id: client_id.map_or_else(String::new, |id| id.as_str().to_owned()),
        source_ip: Some(source_ip),
        thing: facts,
        certificate: Arc::clone(&principal.certificate),
    };
    let compile =
        |documents: &[Arc<Document>]| policy::Permissions::compile(documents, &subject, scope);
    let boundary = standing.in_grace.then(|| {
        // Without a grace nothing is left: no document allows nothing.
        Box::new(compile(principal.grace.as_ref().map_or(&[], Grace::boundary)))
    });
    Permissions { own: compile(&policies), boundary }
}

/// What somebody without any policy may do.
pub(crate) fn nothing(client_id: &ClientId, scope: &Scope) -> Permissions {
    let client_id = client_id.as_str().to_owned();
    let subject = Subject { client_id, source_ip: None, thing: None, certificate: Arc::default() };
    Permissions { own: policy::Permissions::compile(&[], &subject, scope), boundary: None }
}

pub(crate) fn may_connect(
    permissions: &Permissions,
    client_id: &str,
    persistent: bool,
    last_will_topic: Option<&str>,
) -> bool {
    permissions.allow(&Request::Connect { client_id, persistent, last_will_topic })
}

/// Whether a client may publish: never to the broker's own events, and with RETAIN neither to a
/// reserved topic nor without `iot:RetainPublish`.
pub(crate) fn may_publish(permissions: &Permissions, topic: &str, retain: bool) -> bool {
    !is_reserved(topic, retain)
        && permissions.allow(&Request::Publish { topic })
        && (!retain || permissions.allow(&Request::RetainPublish { topic }))
}

/// Why a publish that is not allowed is not.
pub(crate) fn why_not_publish(topic: &str, retain: bool) -> &'static str {
    match (is_reserved(topic, retain), retain) {
        (true, _) => "clients may not publish to this topic, or not with RETAIN",
        (false, true) => {
            "the certificate's policies do not allow iot:Publish and iot:RetainPublish here"
        }
        (false, false) => "the certificate's policies do not allow iot:Publish here",
    }
}

/// Whether the topic is the broker's own, or one on which nothing is retained.
pub(crate) fn is_reserved(topic: &str, retain: bool) -> bool {
    topic.starts_with("$aws/events/")
        || topic.starts_with("$perennial/")
        || retain && topic.starts_with('$')
}

pub(crate) fn may_subscribe(permissions: &Permissions, filter: &str) -> bool {
    permissions.allow(&Request::Subscribe { filter })
}

pub(crate) fn may_receive(permissions: &Permissions, topic: &str) -> bool {
    permissions.allow(&Request::Receive { topic })
}
