//! The fakes keep every promise that the adapters must keep.
#![expect(clippy::unwrap_used, reason = "a test's own set-up")]

use async_trait::async_trait;
use bytes::Bytes;
use perennial_core::{
    certificate::Certificate,
    ids::{AuditTaskId, CertificateId, ClientId, PolicyName, RotationId, ThingName},
    message::{Proof, ProofKind},
    rotation::Csr,
    time::days,
    topic::Kind,
};
use perennial_orchestrator::{
    conformance::{
        AuditSubject, AuthoritySubject, JournalSubject, MessagingSubject, NOW, NotifierSubject,
        RegistrySubject,
    },
    fakes::{
        FakeAudit, FakeAuthority, FakeJournal, FakeMessaging, FakeNotifier, FakeRegistry, World,
    },
    port::{Audit, Authority, HistoryEntry, Journal, Messaging, Notifier, Registry},
};

/// The ports of the process that runs now.
struct Subject {
    world: World,
    journal: FakeJournal,
    registry: FakeRegistry,
    audit: FakeAudit,
    authority: FakeAuthority,
    messaging: FakeMessaging,
    notifier: FakeNotifier,
}

impl Subject {
    fn new() -> Self {
        Self::of(World::new(NOW))
    }

    fn of(world: World) -> Self {
        Self {
            journal: world.journal(),
            registry: world.registry(),
            audit: world.audit(),
            authority: world.authority(),
            messaging: world.messaging(),
            notifier: world.notifier(),
            world,
        }
    }

    fn certifying() -> Self {
        let subject = Self::new();
        for number in [1, 2] {
            let thing = ThingName::new(&format!("pump-{number}")).unwrap();
            let id = subject.outgoing(number);
            let validity =
                perennial_core::certificate::Validity { not_before: NOW, not_after: NOW + days(7) };
            subject.registry.register(thing.clone(), id, [], validity, NOW);
            subject.authority.certified(id, &format!("key-{number}"), thing);
        }
        subject
    }

    fn restart(&mut self) {
        self.world.crash();
        *self = Self::of(self.world.clone());
    }
}

#[async_trait]
impl JournalSubject for Subject {
    fn journal(&self) -> &dyn Journal {
        &self.journal
    }

    async fn reopen(&mut self) {
        self.restart();
    }

    async fn history(&self, id: RotationId) -> Vec<HistoryEntry> {
        self.journal.history(id)
    }
}

#[async_trait]
impl RegistrySubject for Subject {
    fn registry(&self) -> &dyn Registry {
        &self.registry
    }

    async fn reopen(&mut self) {
        self.restart();
    }

    async fn register(
        &self,
        thing: &ThingName,
        certificate: &Certificate,
        policies: &[PolicyName],
    ) {
        let Certificate { certificate_id, validity, created_at, .. } = certificate.clone();
        let policies = policies.iter().cloned();
        self.registry.register(thing.clone(), certificate_id, policies, validity, created_at);
    }

    async fn store_issued(&self, _: RotationId, _: &ThingName, certificate: &Certificate) {
        self.registry.store(certificate.clone());
    }

    async fn withdraw(&self, id: CertificateId) {
        self.registry.withdraw(id);
    }

    async fn policies_of(&self, id: CertificateId) -> Vec<PolicyName> {
        self.registry.row(&id).into_iter().flat_map(|row| row.policies).collect()
    }
}

#[async_trait]
impl AuditSubject for Subject {
    fn audit(&self) -> &dyn Audit {
        &self.audit
    }

    async fn start(&self, task: AuditTaskId) {
        self.audit.start(task);
    }

    fn inbox(&self) -> &dyn Journal {
        &self.journal
    }
}

#[async_trait]
impl AuthoritySubject for Subject {
    fn authority(&self) -> &dyn Authority {
        &self.authority
    }

    async fn reopen(&mut self) {
        self.restart();
    }

    fn outgoing(&self, number: u32) -> CertificateId {
        CertificateId::from_bytes([u8::try_from(number).unwrap(); 32])
    }

    fn csr_for(&self, _: u32, key: u32) -> String {
        FakeAuthority::csr_for(&format!("key-{key}"))
    }

    fn proof(
        &self,
        _: u32,
        certificate_id: CertificateId,
        kind: ProofKind,
        rotation_id: RotationId,
        csr: Option<&Csr>,
    ) -> Proof {
        FakeAuthority::proof(certificate_id, kind, rotation_id, csr)
    }

    async fn describe(&self, id: CertificateId) -> Option<Certificate> {
        self.registry.row(&id).map(|row| row.certificate)
    }
}

#[async_trait]
impl MessagingSubject for Subject {
    fn messaging(&self) -> &dyn Messaging {
        &self.messaging
    }

    async fn connect(&mut self, number: u32) -> CertificateId {
        let principal = self.outgoing(number);
        self.messaging.connect(ClientId::new(&format!("pump-{number}")).unwrap(), principal);
        principal
    }

    async fn received(&mut self) -> (ClientId, Kind, Bytes) {
        let publication = self.messaging.next().await;
        (publication.client_id, publication.kind, publication.payload)
    }
}

#[async_trait]
impl NotifierSubject for Subject {
    fn notifier(&self) -> &dyn Notifier {
        &self.notifier
    }

    async fn passed_on(&self) -> usize {
        self.notifier.told().len()
    }
}

perennial_orchestrator::conformance!(journal, Subject::new());
perennial_orchestrator::conformance!(registry, Subject::new());
perennial_orchestrator::conformance!(audit, Subject::new());
perennial_orchestrator::conformance!(authority, Subject::certifying());
perennial_orchestrator::conformance!(messaging, Subject::new());
perennial_orchestrator::conformance!(notifier, Subject::new());
