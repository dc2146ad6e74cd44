//! Recovery: what an expired certificate may still do, and what people hear of one that is too late.

use std::{sync::Arc, time::Duration};

use perennial_broker::Grace;
use perennial_core::{
    certificate::Validity,
    ids::{CertificateId, ThingName},
    notice::Fact,
    policy::{Document, PolicyError, Scope},
    time::Timestamp,
    topic::{Kind, Prefix},
};
use perennial_orchestrator::{
    SystemClock,
    port::{Clock as _, PortError, Registry as _},
};
use perennial_store::Store;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

/// How many certificates that came too late may wait to be written down.
const CAPACITY: usize = 1024;
/// How many are written down at once.
const BATCH: usize = 256;

/// How long certificates recover, and within which bounds.
pub(crate) struct Recovery {
    recovery_for: Duration,
    boundary: Arc<[Arc<Document>]>,
}

impl Recovery {
    /// # Errors
    /// [`PolicyError`] when `prefix` is too long to stand in a policy.
    pub(crate) fn new(
        recovery_for: Duration,
        prefix: &Prefix,
        scope: &Scope,
    ) -> Result<Self, PolicyError> {
        Ok(Self { recovery_for, boundary: boundary(prefix, scope)? })
    }

    /// The grace of a certificate with this validity; none when recovery is off.
    pub(crate) fn grace(&self, validity: Validity) -> Option<Grace> {
        let ends_at = validity.not_after + self.recovery_for;
        let boundary = Arc::clone(&self.boundary);
        (!self.recovery_for.is_zero()).then_some(Grace { ends_at, boundary })
    }
}

/// The exchange of docs/protocol.md §7.1 and nothing else: the thing's own name, its own topics.
/// A filter that selects more of them than it hears is as good as one that does not.
fn boundary(prefix: &Prefix, scope: &Scope) -> Result<Arc<[Arc<Document>]>, PolicyError> {
    let prefix = literal(prefix.as_str());
    let own = |level: &str| format!("{prefix}/${{iot:ClientId}}/{level}");
    let arns = |kind: &str, levels: &[&str]| {
        levels.iter().map(|level| scope.arn(kind, &own(level))).collect::<Vec<_>>()
    };
    let (heard, said) = (Kind::FROM_SERVER.map(Kind::as_str), Kind::FROM_DEVICE.map(Kind::as_str));
    let filters = [&heard[..], &["+", "#"]].concat();
    let name = scope.arn("client", "${iot:Connection.Thing.ThingName}");
    // One document each: a document has a length that it may not exceed.
    [
        json!({ "Effect": "Allow", "Action": "iot:Connect", "Resource": name,
            "Condition": { "Bool": { "iot:Connection.Thing.IsAttached": "true" } } }),
        json!({ "Effect": "Allow", "Action": "iot:Publish", "Resource": arns("topic", &said) }),
        json!({ "Effect": "Allow", "Action": "iot:Receive", "Resource": arns("topic", &heard) }),
        json!({ "Effect": "Allow", "Action": "iot:Subscribe",
            "Resource": arns("topicfilter", &filters) }),
    ]
    .iter()
    .map(|statement| {
        let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
        Document::parse(&document.to_string()).map(Arc::new)
    })
    .collect()
}

/// The text with what a policy would read as a wildcard or a variable written as itself.
fn literal(text: &str) -> String {
    let one = |c| match c {
        '*' | '?' | '$' => format!("${{{c}}}"),
        other => other.to_string(),
    };
    text.chars().map(one).collect()
}

/// A certificate that was shown after its end, and after its recovery if there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lapsed {
    pub(crate) certificate_id: CertificateId,
    pub(crate) ended_at: Timestamp,
}

/// Where lapsed certificates are put, to be told of. Never waits.
#[derive(Clone)]
pub(crate) struct LapsedInbox(mpsc::Sender<Lapsed>);

impl LapsedInbox {
    /// With what has people told, and the event log, which device has to be visited,
    /// until the inbox is gone.
    pub(crate) fn telling(store: Store) -> (Self, impl Future<Output = ()>) {
        let (inbox, lapsed) = mpsc::channel(CAPACITY);
        (Self(inbox), tell(store, lapsed))
    }

    pub(crate) fn put(&self, lapsed: Lapsed) {
        if self.0.try_send(lapsed).is_err() {
            let id = lapsed.certificate_id;
            warn!(certificate.id = %id, "a certificate came too late; there are too many to write down");
        }
    }
}

async fn tell(store: Store, mut inbox: mpsc::Receiver<Lapsed>) {
    loop {
        let mut lapsed = Vec::with_capacity(BATCH);
        if inbox.recv_many(&mut lapsed, BATCH).await == 0 {
            return;
        }
        if let Err(error) = write_down(&store, &lapsed).await {
            error!(%error, certificates = lapsed.len(), "certificates that came too late were not written down");
        }
    }
}

async fn write_down(store: &Store, lapsed: &[Lapsed]) -> Result<(), PortError> {
    let ids: Vec<_> = lapsed.iter().map(|it| it.certificate_id).collect();
    let things = store.things_of(&ids).await?;
    let told = lapsed
        .iter()
        .zip(things)
        .flat_map(|(lapsed, things)| things.into_iter().map(|thing| notice(lapsed, thing)));
    let (bodies, facts) = told.unzip();
    Ok(store.record_notices(bodies, facts, SystemClock.now()).await?)
}

fn notice(lapsed: &Lapsed, thing: ThingName) -> (Value, Fact) {
    let Lapsed { certificate_id, ended_at } = *lapsed;
    info!(
        thing.name = %thing, certificate.id = %certificate_id, ended_at = ended_at.as_secs(),
        "a device came too late: its certificate has expired and may not recover; enrol it again"
    );
    let body = json!({ "thingName": thing, "notice": {
        "notice": "certificate_lapsed", "certificate_id": certificate_id, "ended_at": ended_at } });
    (body, Fact::CertificateLapsed { thing, certificate_id, ended_at })
}

#[cfg(test)]
mod tests {
    use perennial_core::policy::{CertificateFacts, Permissions, Request, Subject, ThingFacts};

    use super::*;

    fn permissions(prefix: &str, client_id: &str, attached: bool) -> Permissions {
        let (prefix, scope) = (prefix.parse().unwrap(), Scope::default());
        let thing = ThingFacts {
            name: ThingName::new(client_id).unwrap(),
            is_attached: true,
            type_name: None,
            attributes: Default::default(),
            billing_group: None,
        };
        let subject = Subject {
            client_id: client_id.to_owned(),
            source_ip: None,
            thing: attached.then_some(thing),
            certificate: Arc::new(CertificateFacts::default()),
        };
        Permissions::compile(&boundary(&prefix, &scope).unwrap(), &subject, &scope)
    }

    #[test]
    fn the_boundary_is_the_things_own_exchange() {
        let own = permissions("management/topic", "pump-1", true);
        let topic = |kind: &str| format!("management/topic/pump-1/{kind}");

        let mut allowed = Vec::new();
        for kind in Kind::ALL.map(Kind::as_str) {
            let topic = topic(kind);
            let requests = [
                Request::Publish { topic: &topic },
                Request::RetainPublish { topic: &topic },
                Request::Receive { topic: &topic },
                Request::Subscribe { filter: &topic },
            ];
            allowed.push((kind, requests.map(|request| u8::from(own.allows(&request)))));
        }

        assert_eq!(
            allowed,
            [
                ("csr_req", [0, 0, 1, 1]),
                ("csr_res", [1, 0, 0, 0]),
                ("crt", [0, 0, 1, 1]),
                ("crt_ack", [1, 0, 0, 0]),
                ("crt_err", [1, 0, 0, 0]),
                ("refused", [0, 0, 1, 1]),
            ]
        );
        for filter in ["#", "management/topic/+/crt", "management/topic/pump-2/crt", "+/+/+/+"] {
            assert!(!own.allows(&Request::Subscribe { filter }), "{filter}");
        }
        assert!(own.allows(&Request::Subscribe { filter: &topic("#") }));
        assert!(!own.allows(&Request::Publish { topic: "management/topic/pump-2/csr_res" }));
        assert!(!own.allows(&Request::Publish { topic: "devices/pump-1/x" }));
    }

    #[test]
    fn only_the_attached_things_own_name_connects() {
        let connect =
            |client_id| Request::Connect { client_id, persistent: false, last_will_topic: None };

        assert!(permissions("m", "pump-1", true).allows(&connect("pump-1")));
        assert!(!permissions("m", "pump-1", true).allows(&connect("pump-2")));
        assert!(!permissions("m", "pump-1", false).allows(&connect("pump-1")));
    }

    #[test]
    fn a_prefix_is_no_pattern_and_may_be_as_long_as_a_topic() {
        let odd = permissions("a*/${x}?", "pump-1", true);
        let long = "p".repeat(180);

        assert!(odd.allows(&Request::Publish { topic: "a*/${x}?/pump-1/csr_res" }));
        assert!(!odd.allows(&Request::Publish { topic: "ab/${x}y/pump-1/csr_res" }));
        let topic = format!("{long}/pump-1/csr_res");
        assert!(permissions(&long, "pump-1", true).allows(&Request::Publish { topic: &topic }));
    }
}
