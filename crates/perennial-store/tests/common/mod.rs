//! A store in a temporary folder, and the rows that stories about it begin with.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test's own set-up")]

use std::time::Duration;

use perennial_core::{
    audit::{AuditTask, CheckName, Finding},
    certificate::{CertificateStatus, Validity},
    ids::{AuditTaskId, CertificateId, Digest, PolicyName, ThingName},
    policy::Document,
    registry::{CertificateMode, Tags},
    time::{Timestamp, days},
};
use perennial_store::{AuditFile, FindingFilter, NewCertificate, Settings, Store};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

pub(crate) fn store(folder: &std::path::Path) -> Store {
    Store::open(folder, Settings::default()).unwrap()
}

pub(crate) fn thing(number: u32) -> ThingName {
    ThingName::new(&format!("pump-{number}")).unwrap()
}

/// A certificate id that `series` and `number` make.
pub(crate) fn certificate_id(series: u8, number: u32) -> CertificateId {
    let mut id = [series; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    CertificateId::from_bytes(id)
}

pub(crate) fn policy() -> PolicyName {
    PolicyName::new("device").unwrap()
}

/// Registers pumps 0 to `count`, each with one ACTIVE certificate that ends in `left_for`.
pub(crate) async fn register(store: &Store, count: u32, left_for: Duration) {
    let document =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let document = Document::parse(document).unwrap();
    store.create_policy(policy(), &document, Tags::default(), NOW).await.unwrap();
    let row = |number| {
        let certificate_id = certificate_id(1, number);
        NewCertificate {
            certificate_id,
            der: vec![7; 600],
            spki_digest: Digest::from_bytes(*certificate_id.as_bytes()),
            validity: Validity { not_before: NOW - days(1), not_after: NOW + left_for },
            status: CertificateStatus::Active,
            issuer: None,
            mode: CertificateMode::Default,
            thing: Some(thing(number)),
            policies: vec![policy()],
        }
    };
    store.register((0..count).map(row).collect(), NOW).await.unwrap();
}

/// A clock that stands still.
pub(crate) struct At(pub(crate) Timestamp);

impl perennial_orchestrator::port::Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A week: inside the audit's threshold.
pub(crate) const fn days_left() -> Duration {
    days(7)
}

pub(crate) fn task_id(number: u8) -> AuditTaskId {
    AuditTaskId::from_bytes([number; 16])
}

/// A store in which every check that has something to examine is enabled.
pub(crate) async fn audited(folder: &std::path::Path) -> Store {
    let store = store(folder);
    let enable = CheckName::ALL.into_iter().filter(|check| check.has_subject()).collect();
    store.take_over_audit_file(AuditFile { enable }, NOW - days(100)).await.unwrap();
    store
}

pub(crate) async fn audit(store: &Store, number: u8) -> AuditTask {
    store.run_audit(task_id(number), &At(NOW)).await.unwrap()
}

pub(crate) async fn found(store: &Store, number: u8, check: CheckName) -> Vec<Finding> {
    let filter = FindingFilter {
        task: Some(task_id(number)),
        check: Some(check),
        ..FindingFilter::default()
    };
    store.findings(filter, None, 1000, NOW).await.unwrap().0
}

pub(crate) fn certificate_of(finding: &Finding) -> CertificateId {
    finding.resource.resource_identifier.device_certificate().unwrap()
}
