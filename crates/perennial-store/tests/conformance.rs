//! The store keeps every promise of the journal, the registry and the audit, on a real disk.
#![expect(clippy::unwrap_used, reason = "a test's own set-up")]

mod common;

use async_trait::async_trait;
use perennial_core::{
    audit::CheckName,
    certificate::{Certificate, CertificateStatus},
    ids::{AuditTaskId, CertificateId, Digest, PolicyName, RotationId, ThingName},
    policy::Document,
    registry::{CertificateMode, Tags},
};
use perennial_orchestrator::{
    conformance::{AuditSubject, JournalSubject, NOW, RegistrySubject},
    port::{Audit, HistoryEntry, Journal, Registry},
};
use perennial_store::{
    AuditFile, Intent, IntentOutcome, IntentRequest, IssuedCertificate, NewCertificate, Store,
};
use tempfile::TempDir;

/// A store on a folder that goes with it.
struct Subject {
    store: Option<Store>,
    folder: TempDir,
}

impl Subject {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: Some(common::store(folder.path())), folder }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn close_and_open(&mut self) {
        self.store.take().unwrap().close();
        self.store = Some(common::store(self.folder.path()));
    }

    async fn make_policies(&self, names: &[PolicyName]) {
        let document = Document::parse(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
        );
        for name in names {
            self.store()
                .create_policy(name.clone(), document.as_ref().unwrap(), Tags::default(), NOW)
                .await
                .unwrap();
        }
    }
}

#[async_trait]
impl JournalSubject for Subject {
    fn journal(&self) -> &dyn Journal {
        self.store()
    }

    async fn reopen(&mut self) {
        self.close_and_open();
    }

    async fn history(&self, id: RotationId) -> Vec<HistoryEntry> {
        self.store().history(id).await.unwrap()
    }
}

#[async_trait]
impl RegistrySubject for Subject {
    fn registry(&self) -> &dyn Registry {
        self.store()
    }

    async fn reopen(&mut self) {
        self.close_and_open();
    }

    async fn register(&self, thing: &ThingName, it: &Certificate, policies: &[PolicyName]) {
        self.make_policies(policies).await;
        let registered = NewCertificate {
            certificate_id: it.certificate_id,
            der: vec![7; 600],
            spki_digest: Digest::from_bytes(*it.certificate_id.as_bytes()),
            validity: it.validity,
            status: it.status,
            issuer: None,
            mode: CertificateMode::Default,
            thing: Some(thing.clone()),
            policies: policies.to_vec(),
        };
        self.store().register(vec![registered], it.created_at).await.unwrap();
    }

    async fn store_issued(&self, rotation_id: RotationId, thing: &ThingName, it: &Certificate) {
        let (certificate_id, validity) = (it.certificate_id, it.validity);
        let mut serial = [0; 20];
        serial.copy_from_slice(&certificate_id.as_bytes()[..20]);
        let intent = Intent { thing: thing.clone(), serial, validity, spki: vec![1; 91] };
        let spki_digest = Digest::from_bytes(*certificate_id.as_bytes());
        let intents = vec![IntentRequest { rotation_id, intent, spki_digest }];
        let recorded = self.store().record_intents(intents).await.unwrap();
        assert!(matches!(recorded[..], [IntentOutcome::Sign(_)]));
        let (der, issuer) = (vec![1; 500], CertificateId::from_bytes([0xca; 32]));
        let issued = IssuedCertificate { rotation_id, certificate_id, der, validity, issuer };
        let stored = self.store().store_issued(vec![issued], it.created_at).await.unwrap();
        assert_eq!(stored, [certificate_id]);
    }

    async fn withdraw(&self, id: CertificateId) {
        let inactive = CertificateStatus::Inactive;
        assert!(self.store().update_status(id, inactive, NOW).await.unwrap());
    }

    async fn policies_of(&self, id: CertificateId) -> Vec<PolicyName> {
        self.store().certificate(id).await.unwrap().policies
    }
}

#[async_trait]
impl AuditSubject for Subject {
    fn audit(&self) -> &dyn Audit {
        self.store()
    }

    async fn start(&self, task: AuditTaskId) {
        let check = CheckName::DeviceCertificateExpiring;
        let file = AuditFile { enable: [check].into() };
        self.store().take_over_audit_file(file, NOW).await.unwrap();
        self.store().start_audit(task, vec![check.as_str().to_owned()], NOW).await.unwrap();
    }

    fn inbox(&self) -> &dyn Journal {
        self.store()
    }
}

perennial_orchestrator::conformance!(journal, Subject::new());
perennial_orchestrator::conformance!(registry, Subject::new());
perennial_orchestrator::conformance!(audit, Subject::new());
