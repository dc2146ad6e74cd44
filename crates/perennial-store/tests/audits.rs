//! Audits over a real database: what each check finds there, pages, schedules, suppressions.
#![expect(clippy::unwrap_used, reason = "a test's own helpers fail the test")]

mod common;

use std::{collections::BTreeSet, time::Duration};

use common::{
    At, NOW, audit, audited, certificate_id, certificate_of, found, register, store, task_id, thing,
};
use perennial_core::{
    audit::{
        CheckName, CheckRunStatus, DayOfWeek, Frequency, KeyPrint, KeyQuality, MitigationTarget,
        ReasonCode, Recurrence, ResourceIdentifier, Suppression, TaskStatus, TaskType,
        revocation::{AuthorityFacts, CertificateNotes, Revocation, RevocationList, SerialNumber},
    },
    certificate::{CertificateStatus, Validity},
    ids::{AuditTaskId, ClientId, Digest, FindingId},
    logging::LogLevel,
    registry::{CertificateMode, Resource, Tag, Tags},
    time::{Timestamp, days},
};
use perennial_orchestrator::port::{Audit, Fact, FactId, Journal};
use perennial_store::{
    AuditFile, ConnectionChange, DAILY, FindingFilter, LoggingUpdate, MitigationRequest,
    NewCertificate, Store, StoreError, Surroundings, TaskFilter,
};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn an_audit_finds_what_is_about_to_end_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    register(&store, 30, days(7)).await;
    store.update_status(certificate_id(1, 3), CertificateStatus::Inactive, NOW).await.unwrap();

    let task = audit(&store, 1).await;

    let expiring = &task.audit_details[&CheckName::DeviceCertificateExpiring];
    assert_eq!(
        (task.task_status, expiring.total, expiring.non_compliant),
        (TaskStatus::Completed, 29, 29)
    );
    assert_eq!(found(&store, 1, CheckName::DeviceCertificateExpiring).await.len(), 29);
    assert_eq!(store.to_rotate(task_id(1), 0, 100).await.unwrap().len(), 29);
    assert!(store.verify_events().await.unwrap().is_ok());
}

#[tokio::test]
async fn a_page_border_hides_no_second_finding_of_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    register(&store, 7, days(7)).await;
    let certificates: Vec<_> = (0..7).map(|number| certificate_id(1, number)).collect();
    let id = task_id(1);
    let at = At(NOW + days(400));
    store.run_audit(id, &at).await.unwrap();

    let filter = FindingFilter { task: Some(id), ..FindingFilter::default() };
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = store.findings(filter.clone(), after, 3, at.0).await.unwrap();
        assert!(page.len() <= 3);
        pages.extend(page);
        let Some(next) = next else { break };
        after = Some(next);
    }

    for check in [CheckName::DeviceCertificateExpiring, CheckName::DeviceCertificateAge] {
        let mut seen: Vec<_> =
            pages.iter().filter(|it| it.check_name == check).map(certificate_of).collect();
        seen.sort_unstable();
        assert_eq!(seen, certificates, "{check}");
    }
    let ids: BTreeSet<_> = pages.iter().map(|it| it.finding_id).collect();
    assert_eq!(ids.len(), pages.len());
}

#[tokio::test]
async fn findings_are_listed_by_time_check_and_resource_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    register(&store, 5, days(7)).await;
    for (number, at) in [(1, NOW), (2, NOW + days(1))] {
        store.run_audit(task_id(number), &At(at)).await.unwrap();
    }
    let check = Some(CheckName::DeviceCertificateExpiring);
    let found = Some((NOW, NOW + days(1)));
    let one = Some(ResourceIdentifier::DeviceCertificateId(certificate_id(1, 2)));
    let count = async |filter: FindingFilter| {
        let mut count = 0;
        let mut after = None;
        loop {
            let (page, next) = store.findings(filter.clone(), after, 2, NOW).await.unwrap();
            count += page.len();
            if next.is_none() {
                return count;
            }
            after = next;
        }
    };
    let filter = FindingFilter { found, ..FindingFilter::default() };

    let first_day = count(FindingFilter { check, ..filter.clone() }).await;
    let of_one = count(FindingFilter { resource: one.clone(), check, ..filter.clone() }).await;
    let muted = count(FindingFilter { suppressed: Some(true), ..filter.clone() }).await;
    let both_days = Some((NOW, NOW + days(2)));
    let twice = count(FindingFilter { found: both_days, check, resource: one, ..filter }).await;

    assert_eq!((first_day, of_one, muted, twice), (5, 1, 0, 2));
    let too_early = Some((NOW - days(181), NOW));
    let refused = FindingFilter { found: too_early, ..FindingFilter::default() };
    assert!(store.findings(refused, None, 1, NOW).await.is_err());
    assert!(store.findings(FindingFilter::default(), None, 1, NOW).await.is_err());
}

#[tokio::test]
async fn a_muted_finding_is_kept_marked_and_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    register(&store, 3, days(7)).await;
    let check = CheckName::DeviceCertificateExpiring;
    let resource = ResourceIdentifier::DeviceCertificateId(certificate_id(1, 1));
    let until = (Some(NOW + days(1)), false);
    let new = || Suppression::new(check, resource.clone(), until, "known".into(), NOW).unwrap();
    store.create_suppression(new(), "token".into(), NOW).await.unwrap();
    store.create_suppression(new(), "token".into(), NOW).await.unwrap();
    let again = store.create_suppression(new(), "other".into(), NOW).await;

    let task = audit(&store, 1).await;
    store.run_audit(task_id(2), &At(NOW + days(1))).await.unwrap();

    assert!(matches!(again, Err(StoreError::Exists { .. })));
    let details = &task.audit_details[&check];
    assert_eq!((details.total, details.non_compliant, details.suppressed), (3, 2, 1));
    let muted: Vec<_> =
        found(&store, 1, check).await.into_iter().filter(|it| it.is_suppressed).collect();
    assert_eq!(muted.len(), 1);
    assert_eq!(certificate_of(&muted[0]), certificate_id(1, 1));
    assert_eq!(store.to_rotate(task_id(1), 0, 10).await.unwrap().len(), 2);
    assert_eq!(store.to_rotate(task_id(2), 0, 10).await.unwrap().len(), 3);
    let listed = store.suppressions((Some(check), None), None, true, 10).await.unwrap();
    assert_eq!(listed, [new()]);
    store.sweep_audits(100, NOW + days(2)).await.unwrap();
    assert!(store.suppression(check, resource).await.is_err());
}

#[tokio::test]
async fn a_completed_audit_is_told_in_snss_words_and_to_the_inbox() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    register(&store, 2, days(7)).await;

    audit(&store, 1).await;

    let facts = store.pending(FactId(0), 10).await.unwrap();
    assert_eq!(facts[0].1, Fact::AuditCompleted { task: task_id(1) });
    let (id, message) = store.audit_notifications(10).await.unwrap().remove(0);
    let message: serde_json::Value = serde_json::from_str(&message).unwrap();
    assert_eq!(message["accountId"], "000000000000");
    assert_eq!(message["taskType"], "ON_DEMAND_AUDIT_TASK");
    assert_eq!(message["taskStatus"], "COMPLETED");
    assert_eq!(message["taskStartTime"], NOW.as_millis());
    let details = message["auditDetails"].as_array().unwrap();
    let expiring = details.iter().find(|it| it["checkName"] == "DEVICE_CERTIFICATE_EXPIRING_CHECK");
    let expiring = expiring.unwrap();
    assert_eq!(expiring["checkRunStatus"], "COMPLETED_NON_COMPLIANT");
    assert_eq!(expiring["nonCompliantResourcesCount"], 2);
    store.audit_notified(id, NOW).await.unwrap();
    assert!(store.audit_notifications(10).await.unwrap().is_empty());
}

fn draw() -> AuditTaskId {
    task_id(42)
}

#[tokio::test]
async fn a_scheduled_audit_runs_once_a_day_and_again_after_a_cut() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;

    store.start_due(&draw, NOW).await.unwrap();
    let started = store.next_task().await.unwrap();
    store.start_due(&|| task_id(43), NOW).await.unwrap();
    let interrupted = store.fail_interrupted_audits(NOW).await.unwrap();
    store.start_due(&|| task_id(44), NOW).await.unwrap();
    store.run(task_id(44), &At(NOW)).await.unwrap();
    store.start_due(&|| task_id(45), NOW + HOUR).await.unwrap();
    store.start_due(&|| task_id(46), NOW + days(1)).await.unwrap();

    assert_eq!((started, interrupted), (Some(task_id(42)), 1));
    let tasks = store.list_audit_tasks(TaskFilter::default(), 10).await.unwrap();
    let statuses: Vec<_> = tasks.iter().map(|it| (it.task_id, it.task_status)).collect();
    assert_eq!(
        statuses,
        [
            (task_id(42), TaskStatus::Failed),
            (task_id(44), TaskStatus::Completed),
            (task_id(46), TaskStatus::InProgress)
        ]
    );
    assert!(tasks.iter().all(|it| it.scheduled_audit_name.as_deref() == Some(DAILY)));
}

#[tokio::test]
async fn scheduled_audits_are_few_known_by_name_and_need_enabled_checks() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    let weekly = Recurrence::new(Frequency::Weekly, None, Some(DayOfWeek::Mon)).unwrap();
    let checks = vec![CheckName::DeviceCertificateAge.to_string()];
    let create = async |name: &str| {
        store
            .create_scheduled_audit(name.into(), weekly, checks.clone(), Tags::default(), NOW)
            .await
    };
    for name in ["a", "b", "c", "d"] {
        create(name).await.unwrap();
    }

    assert!(matches!(create("e").await, Err(StoreError::LimitExceeded { .. })));
    assert!(matches!(create("a").await, Err(StoreError::Exists { .. })));
    assert!(matches!(create("no name").await, Err(StoreError::Refused(_))));
    let idle = vec!["IOT_ROLE_ALIAS_OVERLY_PERMISSIVE_CHECK".to_owned()];
    let idle = store.create_scheduled_audit("f".into(), weekly, idle, Tags::default(), NOW).await;
    assert!(matches!(idle, Err(StoreError::Refused(_))));
    let biweekly = Some(Frequency::Biweekly);
    store.update_scheduled_audit("a".into(), biweekly, (None, None), None, NOW).await.unwrap();
    let kept = store.scheduled_audit("a".into()).await.unwrap();
    assert_eq!(kept.recurrence.day_of_week, Some(DayOfWeek::Mon));
    assert_eq!(kept.recurrence.frequency, Frequency::Biweekly);
    store.delete_scheduled_audit("a".into(), NOW).await.unwrap();
    assert!(store.delete_scheduled_audit("a".into(), NOW).await.is_err());
    assert_eq!(store.scheduled_audits().await.unwrap().len(), 4);
    assert!(store.delete_audit_configuration(false, NOW).await.is_err());
    store.delete_audit_configuration(true, NOW).await.unwrap();
    assert!(store.audit_configuration().await.unwrap().enabled().is_empty());
}

#[tokio::test]
async fn the_eleventh_on_demand_audit_waits_and_a_cancelled_one_stops() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    register(&store, 3, days(7)).await;
    let checks = || vec![CheckName::DeviceCertificateExpiring.to_string()];
    for number in 1..=10 {
        store.start_audit(task_id(number), checks(), NOW).await.unwrap();
    }

    let eleventh = store.start_audit(task_id(11), checks(), NOW).await;
    store.cancel_audit(task_id(1), NOW).await.unwrap();
    let cancelled = store.run_audit_task(task_id(1), &At(NOW)).await.unwrap();
    let completed = store.run_audit_task(task_id(2), &At(NOW)).await.unwrap();

    assert!(matches!(eleventh, Err(StoreError::LimitExceeded { .. })));
    assert_eq!(cancelled.task_status, TaskStatus::Canceled);
    assert_eq!(cancelled.statistics().canceled_checks, 1);
    assert_eq!(completed.task_status, TaskStatus::Completed);
    assert!(store.to_rotate(task_id(1), 0, 10).await.unwrap().is_empty());
    assert!(store.cancel_audit(task_id(2), NOW).await.is_err());
    let filter =
        TaskFilter { task_type: Some(TaskType::OnDemandAuditTask), ..TaskFilter::default() };
    assert_eq!(store.list_audit_tasks(filter, 100).await.unwrap().len(), 10);
}

fn row(series: u8, number: u32, of: u32) -> NewCertificate {
    let certificate_id = certificate_id(series, number);
    NewCertificate {
        certificate_id,
        der: certificate_id.as_bytes().to_vec(),
        spki_digest: Digest::from_bytes(*certificate_id.as_bytes()),
        validity: Validity { not_before: NOW - days(1), not_after: NOW + days(90) },
        status: CertificateStatus::Active,
        issuer: None,
        mode: CertificateMode::Default,
        thing: Some(thing(of)),
        policies: Vec::new(),
    }
}

/// Reads the certificates of [`row`]: those of an odd number have a weak key, and all of one
/// series have the key of their number.
fn notes(der: &[u8]) -> Option<CertificateNotes> {
    let number = *der.get(3)?;
    Some(CertificateNotes {
        issuer: Digest::from_bytes([3; 32]),
        serial: SerialNumber::new(&[*der.get(4)?, number]),
        spki_digest: Digest::from_bytes([number; 32]),
        key: KeyQuality { roca: number % 2 == 1, print: Some(KeyPrint([number; 10])) },
    })
}

async fn read_all(store: &Store) {
    while store.read_new_certificates(notes, 2).await.unwrap() > 0 {}
}

#[tokio::test]
async fn keys_are_judged_by_what_was_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    store.register((1..=4).map(|number| row(1, number, number)).collect(), NOW).await.unwrap();
    read_all(&store).await;
    store.register(vec![row(2, 4, 4)], NOW).await.unwrap();
    read_all(&store).await;
    let mut blocklist = perennial_core::audit::Blocklist::default();
    blocklist.add("02020202020202020202").unwrap();
    store.surround_audits(Surroundings { blocklist, ..Surroundings::default() });
    let off = LoggingUpdate { default: Some(LogLevel::Disabled), ..LoggingUpdate::default() };
    store.update_logging(off, NOW).await.unwrap();

    audit(&store, 1).await;

    let weak = found(&store, 1, CheckName::DeviceCertificateKeyQuality).await;
    let mut weak: Vec<_> = weak.iter().map(|it| (certificate_of(it), it.reason_code)).collect();
    weak.sort_unstable();
    assert_eq!(
        weak,
        [
            (certificate_id(1, 1), ReasonCode::KeyVulnerabilityRoca),
            (certificate_id(1, 2), ReasonCode::KeyVulnerabilityDebian),
            (certificate_id(1, 3), ReasonCode::KeyVulnerabilityRoca),
        ]
    );
    let reused = found(&store, 1, CheckName::KeyReused).await;
    assert_eq!(reused.iter().map(certificate_of).collect::<Vec<_>>(), [certificate_id(2, 4)]);
    assert_eq!(found(&store, 1, CheckName::LoggingDisabled).await.len(), 1);
}

#[tokio::test]
async fn a_certificate_that_came_after_the_last_one_was_deleted_is_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    store.register(vec![row(1, 1, 1), row(1, 3, 3)], NOW).await.unwrap();
    read_all(&store).await;
    let id = perennial_core::ids::RotationId::from_bytes([1; 16]);
    let retirement = perennial_orchestrator::port::Retirement {
        rotation_id: id,
        thing: thing(3),
        certificate_id: certificate_id(1, 3),
    };
    use perennial_orchestrator::port::Registry as _;
    store.retire(vec![retirement], NOW).await.remove(0).unwrap();
    store.sweep(10, NOW + days(31)).await.unwrap();

    store.register(vec![row(1, 5, 5)], NOW).await.unwrap();
    read_all(&store).await;

    audit(&store, 1).await;
    let weak = found(&store, 1, CheckName::DeviceCertificateKeyQuality).await;
    let mut weak: Vec<_> = weak.iter().map(certificate_of).collect();
    weak.sort_unstable();
    assert_eq!(weak, [certificate_id(1, 1), certificate_id(1, 5)]);
}

fn authority() -> AuthorityFacts {
    AuthorityFacts {
        certificate_id: certificate_id(9, 9),
        status: CertificateStatus::Active,
        subject: "CN=Issuing".to_owned(),
        subject_digest: Digest::from_bytes([3; 32]),
        issuer_digest: Digest::from_bytes([4; 32]),
        serial: SerialNumber::new(&[9]),
        validity: Validity { not_before: NOW - days(1), not_after: NOW + days(20) },
        key: KeyQuality { roca: true, print: None },
        issues_for: Some(days(90)),
    }
}

fn list(issuer: u8, serial: &[u8], at: Timestamp) -> RevocationList {
    let serial = SerialNumber::new(serial);
    RevocationList {
        issuer: Digest::from_bytes([issuer; 32]),
        this_update: at,
        next_update: None,
        entries: vec![Revocation { serial, revoked_at: NOW - days(2) }],
    }
}

#[tokio::test]
async fn what_an_issuer_withdrew_is_found_in_device_authority_and_chain() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    store.register((1..=3).map(|number| row(1, number, number)).collect(), NOW).await.unwrap();
    read_all(&store).await;
    let authorities = vec![authority()];
    store.surround_audits(Surroundings { authorities, ..Surroundings::default() });
    let newer = store.replace_crl(list(3, &[1, 2], NOW), NOW).await.unwrap();
    let older = store.replace_crl(list(3, &[1, 3], NOW - days(1)), NOW).await.unwrap();
    store.replace_crl(list(4, &[9], NOW), NOW).await.unwrap();

    audit(&store, 1).await;

    assert!(newer && !older);
    let devices = found(&store, 1, CheckName::RevokedDeviceCertificateStillActive).await;
    assert_eq!(devices.iter().map(certificate_of).collect::<Vec<_>>(), [certificate_id(1, 2)]);
    let chain = found(&store, 1, CheckName::IntermediateCaRevoked).await;
    assert_eq!(chain[0].related.len(), 3);
    let related = store.related_resources(chain[0].finding_id, 1, 10).await.unwrap();
    assert_eq!(related.len(), 2);
    for check in [
        CheckName::RevokedCaCertificateStillActive,
        CheckName::CaCertificateExpiring,
        CheckName::CaCertificateKeyQuality,
        CheckName::IssuerLifeTooShort,
    ] {
        let found = found(&store, 1, check).await;
        let key = found[0].resource.resource_identifier.key();
        assert_eq!((found.len(), key), (1, format!("cacert/{}", certificate_id(9, 9))), "{check}");
    }
}

#[tokio::test]
async fn what_lies_about_in_the_registry_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    register(&store, 2, days(90)).await;
    store.register(vec![row(2, 0, 0)], NOW + HOUR).await.unwrap();

    audit(&store, 1).await;

    let several = found(&store, 1, CheckName::SeveralActiveCertificates).await;
    assert_eq!(several.iter().map(certificate_of).collect::<Vec<_>>(), [certificate_id(1, 0)]);
    let unattached = found(&store, 1, CheckName::CertificateUnattached).await;
    assert_eq!(unattached.iter().map(certificate_of).collect::<Vec<_>>(), [certificate_id(2, 0)]);
    assert_eq!(unattached[0].reason_code, ReasonCode::CertificateWithoutPolicy);
    let policies = found(&store, 1, CheckName::IotPolicyOverlyPermissive).await;
    assert_eq!(policies[0].resource.resource_identifier.key(), "policy/device/1");
}

fn client(name: &str) -> ClientId {
    ClientId::new(name).unwrap()
}

fn came(name: &str, number: u32, hours_ago: u32) -> ConnectionChange {
    let at = NOW - HOUR * hours_ago;
    let principal = certificate_id(1, number);
    ConnectionChange::Connected { client_id: client(name), principal, at }
}

fn went(name: &str, number: u32, hours_ago: u32, reason: &str) -> ConnectionChange {
    let (principal, at) = (certificate_id(1, number), NOW - HOUR * hours_ago);
    ConnectionChange::Disconnected { client_id: client(name), principal, at, reason: reason.into() }
}

#[tokio::test]
async fn connections_tell_of_shared_certificates_taken_names_and_silent_things() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    register(&store, 4, days(7)).await;
    let (lost, taken) = ("CONNECTION_LOST", "DUPLICATE_CLIENTID");
    let day = |days: u32| days * 24;
    store
        .record_connections(vec![
            // Certificate 0 is used by two at once; 1 has a name that certificate 2 takes.
            came("a", 0, 9),
            came("b", 0, 8),
            came("c", 1, 9),
            went("c", 1, 5, taken),
            came("c", 2, 5),
            // The device of thing 3 has come and gone often, and not for twenty days.
            came("d", 3, day(30)),
            went("d", 3, day(29), lost),
            came("d", 3, day(22)),
            went("d", 3, day(20), lost),
        ])
        .await
        .unwrap();

    let at = At(NOW);
    store.run_audit(task_id(1), &at).await.unwrap();

    let shared = found(&store, 1, CheckName::DeviceCertificateShared).await;
    assert_eq!(shared.iter().map(certificate_of).collect::<Vec<_>>(), [certificate_id(1, 0)]);
    assert_eq!(shared[0].related.len(), 2);
    let taken = found(&store, 1, CheckName::ConflictingClientIds).await;
    assert_eq!(taken[0].resource.resource_identifier, ResourceIdentifier::ClientId("c".into()));
    // Registered now, they may still be on their way.
    assert!(found(&store, 1, CheckName::SilentThing).await.is_empty());
    store.run_audit(task_id(2), &At(NOW + days(14))).await.unwrap();
    let silent = found(&store, 2, CheckName::SilentThing).await;
    // Those of 0 and 2 are connected still.
    let expected = [certificate_id(1, 1), certificate_id(1, 3)];
    assert_eq!(silent.iter().map(certificate_of).collect::<Vec<_>>(), expected);
    assert_eq!(store.forget_connections(100, NOW + days(12)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_mitigation_of_a_finding_that_is_not_there_never_begins() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    let target = MitigationTarget {
        finding_ids: vec![FindingId::from_bytes([7; 16])],
        ..MitigationTarget::default()
    };
    let request = MitigationRequest {
        task_id: "mend".to_owned(),
        target,
        audit_check_to_actions_mapping: [(CheckName::LoggingDisabled, vec!["log".to_owned()])]
            .into(),
        client_request_token: "token".to_owned(),
        forced: false,
    };

    let refused = store.start_mitigation(request, NOW).await.unwrap_err();

    assert!(matches!(refused, StoreError::NotFound { what: "audit finding", .. }), "{refused}");
    assert_eq!(store.next_mitigation().await.unwrap(), None);
}

#[tokio::test]
async fn findings_and_tasks_are_kept_for_180_days() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    register(&store, 30, days(7)).await;
    audit(&store, 1).await;

    let early = store.sweep_audits(10, NOW + days(180)).await.unwrap();
    let mut later = Vec::new();
    while let 1.. = {
        let swept = store.sweep_audits(10, NOW + days(181)).await.unwrap();
        later.push(swept);
        swept
    } {}

    assert_eq!(early, 0);
    assert!(later.iter().all(|it| *it <= 11) && later.len() > 3, "{later:?}");
    assert!(found(&store, 1, CheckName::DeviceCertificateExpiring).await.is_empty());
    assert!(store.audit_task(task_id(1)).await.is_err());
}

#[tokio::test]
async fn what_the_file_adds_is_enabled_and_what_a_hand_changed_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (age, expiring) = (CheckName::DeviceCertificateAge, CheckName::DeviceCertificateExpiring);
    let file = |checks: &[CheckName]| AuditFile { enable: checks.iter().copied().collect() };
    store.take_over_audit_file(file(&[expiring]), NOW).await.unwrap();
    store.delete_scheduled_audit(DAILY.into(), NOW).await.unwrap();

    store.take_over_audit_file(file(&[expiring]), NOW).await.unwrap();
    let unchanged = store.scheduled_audits().await.unwrap();
    store.take_over_audit_file(file(&[expiring, age]), NOW).await.unwrap();

    assert!(unchanged.is_empty());
    assert_eq!(store.audit_configuration().await.unwrap().enabled(), [expiring, age]);
    let task = audit(&store, 1).await;
    assert!(
        task.audit_details
            .values()
            .all(|it| it.check_run_status == CheckRunStatus::CompletedCompliant)
    );
}

#[tokio::test]
async fn a_scheduled_audits_tags_go_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    let weekly = Recurrence::new(Frequency::Weekly, None, Some(DayOfWeek::Mon)).unwrap();
    let checks = vec![CheckName::DeviceCertificateAge.to_string()];
    let create =
        || store.create_scheduled_audit("a".into(), weekly, checks.clone(), Tags::default(), NOW);
    let resource = || Resource::Other { kind: "scheduledaudit".into(), name: "a".into() };
    let tags = Tags::new(vec![Tag { key: "team".into(), value: "water".into() }]).unwrap();

    let missing = store.tag(resource(), tags.clone(), NOW).await.unwrap_err();
    create().await.unwrap();
    store.tag(resource(), tags, NOW).await.unwrap();
    let tagged = store.tags_of(resource()).await.unwrap();
    store.delete_scheduled_audit("a".into(), NOW).await.unwrap();
    create().await.unwrap();

    assert!(matches!(missing, StoreError::NotFound { .. }));
    assert_eq!(tagged.len(), 1);
    assert!(store.tags_of(resource()).await.unwrap().is_empty());
}
