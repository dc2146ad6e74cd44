//! Audit checks, tasks and schedules at their boundaries.
#![expect(clippy::unwrap_used, reason = "a test's own helpers fail the test")]

use std::time::Duration;

use perennial_core::{
    audit::{
        AuditTask, CheckName, CheckRunStatus, Counted, ReasonCode, Schedule, TaskError, TaskStatus,
        TaskType, Threshold, validity,
    },
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{AuditTaskId, CertificateId},
    time::{Timestamp, days},
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const MILLI: Duration = Duration::from_millis(1);

fn certificate(not_after: Timestamp, created_at: Timestamp) -> Certificate {
    Certificate {
        certificate_id: CertificateId::from_bytes([7; 32]),
        status: CertificateStatus::Active,
        validity: Validity { not_before: Timestamp::EPOCH, not_after },
        created_at,
    }
}

#[test]
fn expiry_is_found_from_the_threshold_on_to_the_millisecond() {
    use ReasonCode::*;
    for (not_after, expected) in [
        (NOW + days(30) + MILLI, None),
        (NOW + days(30), Some(CertificateApproachingExpiration)),
        (NOW, Some(CertificateApproachingExpiration)),
        (NOW - MILLI, Some(CertificatePastExpiration)),
    ] {
        let found = validity::expiring(&certificate(not_after, NOW), Threshold::EXPIRY, NOW);

        assert_eq!(found.map(|found| found.reason_code), expected, "{not_after:?}");
    }
}

#[test]
fn age_is_found_from_the_threshold_on_to_the_millisecond() {
    for (created_at, expected) in [(NOW - days(365), true), (NOW - days(365) + MILLI, false)] {
        let found = validity::aged(&certificate(Timestamp::MAX, created_at), Threshold::AGE, NOW);

        assert_eq!(found.is_some(), expected, "{created_at:?}");
    }
}

#[test]
fn only_an_active_certificate_fails() {
    for status in CertificateStatus::ALL {
        let certificate = Certificate { status, ..certificate(NOW, Timestamp::EPOCH) };

        let expiring = validity::expiring(&certificate, Threshold::EXPIRY, NOW);
        let aged = validity::aged(&certificate, Threshold::AGE, NOW);

        let active = status == CertificateStatus::Active;
        assert_eq!((expiring.is_some(), aged.is_some()), (active, active), "{status}");
    }
}

#[test]
fn days_keep_to_awss_range_and_custom_spans_may_be_shorter() {
    assert!(Threshold::days(30).is_ok() && Threshold::days(3652).is_ok());
    for n in [0, 29, 3653, u64::MAX] {
        let error = Threshold::days(n).unwrap_err().to_string();
        assert_eq!(error, format!("a threshold must be 30 to 3652 days, not {n}"));
    }
    assert!(Threshold::custom(Duration::from_secs(60)).is_ok());
    assert!(Threshold::custom(Duration::ZERO).is_err());
    assert!(Threshold::custom(days(3652) + MILLI).is_err());
}

#[test]
fn names_are_awss_both_ways() {
    for name in CheckName::ALL {
        assert_eq!(name.as_str().parse(), Ok(name));
        assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
    }
    for code in ReasonCode::ALL {
        assert_eq!(code.as_str().parse(), Ok(*code));
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
    assert!("LOGGING_CHECK".parse::<CheckName>().is_err());
}

fn task() -> AuditTask {
    let id = AuditTaskId::from_bytes([1; 16]);
    let checks = [CheckName::DeviceCertificateExpiring, CheckName::DeviceCertificateAge];
    AuditTask::start(id, TaskType::OnDemandAuditTask, &checks, NOW).unwrap()
}

fn counted(total: u64, non_compliant: u64) -> Counted {
    Counted { total, non_compliant, ..Counted::default() }
}

#[test]
fn a_task_completes_with_its_last_check() {
    let mut task = task();

    task.complete_check(CheckName::DeviceCertificateExpiring, counted(6, 1), NOW).unwrap();
    assert_eq!(task.task_status, TaskStatus::InProgress);
    task.complete_check(CheckName::DeviceCertificateAge, counted(0, 0), NOW + MILLI).unwrap();

    assert_eq!((task.task_status, task.ended_at), (TaskStatus::Completed, Some(NOW + MILLI)));
    assert_eq!(task.count(CheckRunStatus::CompletedNonCompliant), 1);
    assert_eq!(task.count(CheckRunStatus::CompletedCompliant), 1);
    assert!(matches!(task.cancel(NOW), Err(TaskError::Ended(_, TaskStatus::Completed))));
}

#[test]
fn a_task_fails_only_when_every_check_does() {
    let (mut all, mut one) = (task(), task());

    for check in all.audit_details.clone().into_keys() {
        all.fail_check(check, "the disk", NOW).unwrap();
    }
    one.fail_check(CheckName::DeviceCertificateAge, "the disk", NOW).unwrap();
    one.complete_check(CheckName::DeviceCertificateExpiring, counted(1, 0), NOW).unwrap();

    assert_eq!(all.task_status, TaskStatus::Failed);
    assert_eq!(one.task_status, TaskStatus::Completed);
}

#[test]
fn what_a_task_does_not_allow_changes_nothing() {
    let (age, expiring) = (CheckName::DeviceCertificateAge, CheckName::DeviceCertificateExpiring);
    let mut task = task();
    task.complete_check(age, counted(2, 2), NOW).unwrap();
    let before = task.clone();

    let again = task.fail_check(age, "the disk", NOW);
    let impossible = task.complete_check(expiring, counted(1, 2), NOW);

    assert_eq!(again, Err(TaskError::NotRunning(task.task_id, age)));
    assert_eq!(impossible, Err(TaskError::Counts { total: 1, failed: 2 }));
    assert_eq!(task, before);
    assert_eq!(AuditTask::start(task.task_id, task.task_type, &[], NOW), Err(TaskError::NoChecks));
}

#[test]
fn a_cancelled_task_keeps_what_its_ended_checks_found() {
    let mut task = task();
    task.complete_check(CheckName::DeviceCertificateAge, counted(2, 2), NOW).unwrap();

    task.cancel(NOW).unwrap();

    assert_eq!(task.task_status, TaskStatus::Canceled);
    assert_eq!(task.count(CheckRunStatus::Canceled), 1);
    assert_eq!(task.count(CheckRunStatus::CompletedNonCompliant), 1);
}

#[test]
fn a_daily_audit_runs_once_a_day_and_makes_up_for_missed_days_once() {
    let hour = Duration::from_secs(3600);
    let schedule = Schedule::daily(hour * 2).unwrap();
    let midnight = Timestamp::EPOCH + days(20_000);
    let slot = midnight + hour * 2;
    for (last, now, next) in [
        (None, midnight, midnight),
        (Some(slot), slot + hour, slot + days(1)),
        (Some(slot + hour * 5), slot + hour * 5, slot + days(1)),
        (Some(slot), slot + days(1) - MILLI, slot + days(1)),
        (Some(slot), slot + days(1), slot + days(1)),
        (Some(slot), slot + days(9) + hour, slot + days(9) + hour),
        (Some(slot - MILLI), slot, slot),
        (Some(slot + days(400)), slot + hour, slot + days(1)),
        (Some(slot - days(1)), slot - MILLI, slot),
    ] {
        assert_eq!(schedule.next_after(last, now), next, "{last:?} {now:?}");
    }
}

#[test]
fn a_schedule_that_cannot_be_kept_is_refused() {
    assert!(Schedule::daily(days(1)).is_err());
    assert!(Schedule::daily(days(1) - MILLI).is_ok());
    assert!(Schedule::every(Duration::from_millis(999)).is_err());
    assert!(Schedule::every(Duration::from_secs(1)).is_ok());
    assert!(Schedule::every(days(367)).is_err());
}
