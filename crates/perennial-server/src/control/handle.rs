//! Answering: each request through the store, the authority or the ring.

use std::time::Duration;

use perennial_core::{
    certificate::CertificateStatus,
    ids::{AuditTaskId, CertificateId, PolicyName, RotationId, ThingName},
    policy::Document,
    registry::{NewThing, PolicyTarget, Tags},
};
use perennial_orchestrator::{
    SystemClock,
    port::{Clock as _, Fact, Journal as _, Stored},
};
use perennial_pki::pem_of_certificate;
use perennial_store::{FindingCursor, FindingFilter, RotationFilter, ThingFilter, ThingPlace};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Answer, Request};
use crate::{Candidate, Server};

/// The most objects in one answer.
const MAX_PAGE: usize = 10_000;

type Answered = anyhow::Result<Vec<Value>>;

impl Server {
    /// Does what an operator asks.
    pub async fn answer(&self, request: Request) -> Answer {
        match self.try_answer(request).await {
            Ok(objects) => Answer::Done(objects),
            Err(error) => Answer::Refused(crate::with_causes(&error)),
        }
    }

    async fn try_answer(&self, request: Request) -> Answered {
        let (store, now) = (self.store(), SystemClock.now());
        match request {
            Request::CreateThing { name, csr_pem, validity_secs } => {
                self.create_thing(name, csr_pem, validity_secs).await
            }
            Request::ListThings { after, limit } => {
                let after = after.map(|name| ThingPlace { name, value: String::new() });
                let filter = ThingFilter::default();
                objects(store.list_things(filter, after, page(limit)).await?.items)
            }
            Request::ShowThing { name } => self.show_thing(name).await,
            Request::ListCertificates { after, limit } => {
                objects(store.certificates(after, page(limit)).await?)
            }
            Request::ShowCertificate { id } => {
                let certificate = store.certificate(id).await?;
                let mut shown = serde_json::to_value(&certificate)?;
                shown["certificatePem"] = pem_of_certificate(&certificate.der).into();
                Ok(vec![shown])
            }
            Request::UpdateCertificate { id, status } => {
                let changed = self.update_certificate_status(id, status).await?;
                Ok(vec![json!({ "certificateId": id, "status": status, "changed": changed })])
            }
            Request::CreatePolicy { name, document } => {
                let document = Document::parse(&document)?;
                let created =
                    store.create_policy(name.clone(), &document, Tags::default(), now).await?;
                Ok(vec![json!({ "policyName": name, "created": created })])
            }
            Request::AttachPolicy { name, certificate_id } => {
                self.attach_policy(name, certificate_id).await
            }
            Request::ListPolicies { after, limit } => {
                objects(store.policies(after, page(limit)).await?)
            }
            Request::RunAudit => objects(vec![self.audit_now().await?]),
            Request::ListFindings { task, after, limit } => {
                self.findings(task, after, page(limit)).await
            }
            Request::StartRotation { thing, certificate_id } => {
                self.start_rotation(thing, certificate_id).await
            }
            Request::ListRotations { thing, open, limit } => {
                let filter = RotationFilter { thing, open, state: None };
                let order = perennial_store::Order::Descending;
                let found = store.list_rotations(filter, order, None, page(limit)).await?;
                found.items.iter().map(rotation).collect()
            }
            Request::ShowRotation { id } => self.show_rotation(id).await,
            Request::CancelRotation { id } => {
                self.intake().accept(vec![Fact::CancellationRequested { rotation_id: id }]).await?;
                Ok(vec![json!({ "rotationId": id, "cancellation": "requested" })])
            }
            Request::VerifyEvents => {
                let count = store.verify_events().await??;
                Ok(vec![json!({ "events": count, "intact": true })])
            }
            Request::ListEvents { after, limit } => {
                objects(store.events(after, page(limit)).await?)
            }
        }
    }

    async fn create_thing(
        &self,
        name: ThingName,
        csr_pem: Option<String>,
        validity_secs: Option<u64>,
    ) -> Answered {
        let Some(csr_pem) = csr_pem else {
            let new = NewThing::named(name.clone());
            let (_, created) = self.store().create_thing(new, SystemClock.now()).await?;
            return Ok(vec![json!({ "thingName": name, "created": created })]);
        };
        let secs = validity_secs.unwrap_or(self.config().certificates.device_secs);
        let candidate = Candidate { thing: name.clone(), csr_pem };
        let certified = self.certify(vec![candidate], Duration::from_secs(secs)).await?;
        let object = |it: crate::Certified| json!({ "thingName": name, "certificatePem": it.chain_pem, "caPem": self.authority().root_pem() });
        Ok(certified.into_iter().map(object).collect())
    }

    async fn show_thing(&self, name: ThingName) -> Answered {
        let (thing, certificates) = self.store().thing(name.clone()).await?;
        let rotation_now = self.store().latest_rotation(name).await?;
        let rotation = rotation_now.as_ref().map(rotation).transpose()?;
        Ok(vec![json!({ "thing": thing, "certificates": certificates, "rotation": rotation })])
    }

    /// Changes a certificate's status; answers whether that changed anything. Live sessions
    /// notice at once, and an open rotation that needs the certificate is called off.
    ///
    /// # Errors
    /// When there is no such certificate, or the change is not lawful.
    pub async fn update_certificate_status(
        &self,
        id: CertificateId,
        status: CertificateStatus,
    ) -> anyhow::Result<bool> {
        let changed = self.store().update_status(id, status, SystemClock.now()).await?;
        self.registry().changed(&[id]);
        self.intake().nudge();
        Ok(changed)
    }

    async fn attach_policy(&self, name: PolicyName, certificate_id: CertificateId) -> Answered {
        let target = PolicyTarget::Certificate(certificate_id);
        let change = self.store().attach_policy(name.clone(), target, SystemClock.now()).await?;
        self.registry().changed(&change.certificates);
        Ok(vec![json!({ "policyName": name, "certificateId": certificate_id })])
    }

    async fn findings(
        &self,
        task: Option<AuditTaskId>,
        after: Option<FindingCursor>,
        limit: usize,
    ) -> Answered {
        let latest = self.store().audit_tasks(1).await?;
        let task = task.or_else(|| latest.first().map(|task| task.task_id));
        let task = task.ok_or_else(|| anyhow::anyhow!("no audit has run yet"))?;
        let filter = FindingFilter { task: Some(task), ..FindingFilter::default() };
        let now = SystemClock.now();
        let (page, next) = self.store().findings(filter, after, limit, now).await?;
        let mut shown = objects(page)?;
        if let Some(next) = next {
            shown.push(json!({ "after": serde_json::to_string(&next)? }));
        }
        Ok(shown)
    }

    async fn start_rotation(
        &self,
        thing: ThingName,
        certificate_id: Option<CertificateId>,
    ) -> Answered {
        let (_, certificates) = self.store().thing(thing.clone()).await?;
        let wanted = certificate_id.or_else(|| certificates.first().map(|it| it.certificate_id));
        let found = certificates.iter().any(|it| Some(it.certificate_id) == wanted);
        anyhow::ensure!(found, "thing {thing} has no such ACTIVE certificate to rotate");
        let rekey = self.config().rotation.rekey;
        let fact = Fact::RotationRequested {
            rotation_id: None,
            thing: thing.clone(),
            certificate_id: wanted,
            rekey,
        };
        self.intake().accept(vec![fact]).await?;
        Ok(vec![json!({ "thingName": thing, "outgoing": wanted, "rotation": "requested" })])
    }

    async fn show_rotation(&self, id: RotationId) -> Answered {
        let found = self.store().load(&[id]).await?.into_iter().flatten().next();
        let stored = found.ok_or_else(|| anyhow::anyhow!("there is no rotation {id}"))?;
        let mut shown = rotation(&stored)?;
        shown["history"] = serde_json::to_value(self.store().history(id).await?)?;
        Ok(vec![shown])
    }
}

fn page(limit: usize) -> usize {
    limit.clamp(1, MAX_PAGE)
}

fn objects<T: Serialize>(items: Vec<T>) -> Answered {
    Ok(items.iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
}

fn rotation(stored: &Stored) -> anyhow::Result<Value> {
    let mut shown = serde_json::to_value(&stored.rotation)?;
    shown["outcome"] = serde_json::to_value(stored.state.outcome())?;
    shown["progress"] = serde_json::to_value(&stored.state)?;
    if let Some(csr) = shown.pointer_mut("/progress/csr/pem") {
        *csr = Value::Null;
    }
    Ok(shown)
}
