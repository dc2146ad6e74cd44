//! A fact in words: what it is about, and what happened.

use std::fmt;

use super::Fact;
use crate::{audit::TaskStatus, message::HookResult};

impl Fact {
    /// What it is about: a thing, a certificate, a task.
    pub fn subject(&self) -> String {
        match self {
            Self::AuditCompleted { task, .. } => format!("audit {task}"),
            Self::RotationFailed { thing, .. }
            | Self::RotationStuck { thing, .. }
            | Self::HookFailed { thing, .. }
            | Self::CertificateLeftActive { thing, .. }
            | Self::CertificateLapsed { thing, .. }
            | Self::DeviceUnreachable { thing, .. } => thing.to_string(),
            Self::AuthorityEnding { name, .. } => name.clone(),
            Self::ServerCertificateEnding { .. } => "the server's certificate".to_owned(),
            Self::StoreTrouble { .. } => "the store".to_owned(),
            Self::DiskLow { .. } => "the disk with the data folder".to_owned(),
            Self::Unauthorized { .. } => "the broker".to_owned(),
            Self::RuleFailing { rule, .. } => format!("rule {rule}"),
            Self::SubscriptionFailing { topic, .. } => format!("notice topic {topic}"),
        }
    }
}

impl fmt::Display for Fact {
    /// What happened, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuditCompleted {
                non_compliant_checks,
                failed_checks,
                total_checks,
                status,
                ..
            } => {
                let ended = match status {
                    TaskStatus::Canceled => "was stopped",
                    TaskStatus::Failed => "failed",
                    TaskStatus::InProgress | TaskStatus::Completed => "ended",
                };
                write!(
                    f,
                    "{ended}: of {total_checks} checks {non_compliant_checks} found something, \
                     {failed_checks} could not run"
                )
            }
            Self::RotationFailed { rotation_id, reason, .. } => {
                write!(f, "{reason} (rotation {rotation_id})")
            }
            Self::RotationStuck { rotation_id, waits_for, reason, .. } => {
                write!(f, "still waits for {waits_for}: {reason} (rotation {rotation_id})")
            }
            Self::HookFailed { hook: HookResult { exit_code }, rotation_id, .. } => match exit_code
            {
                Some(code) => write!(f, "its hook ended with {code} (rotation {rotation_id})"),
                None => write!(f, "its hook did not end by itself (rotation {rotation_id})"),
            },
            Self::CertificateLeftActive { certificate_id, .. } => {
                write!(f, "certificate {certificate_id} is still ACTIVE: deactivate it")
            }
            Self::CertificateLapsed { certificate_id, .. } => {
                write!(f, "certificate {certificate_id} may not recover any more: enrol it again")
            }
            Self::DeviceUnreachable { certificate_id, left, .. } => {
                write!(f, "away, and certificate {certificate_id} ends within {left}")
            }
            Self::AuthorityEnding { certificate_id, left, .. } => {
                write!(f, "its certificate {certificate_id} ends within {left}")
            }
            Self::ServerCertificateEnding { left, .. } => {
                write!(f, "ends within {left} and was not renewed")
            }
            Self::StoreTrouble { reason } => f.write_str(reason),
            Self::DiskLow { free, total } => {
                write!(f, "{} MiB of {} MiB are free", free >> 20, total >> 20)
            }
            Self::Unauthorized { what, count } => write!(f, "{count} {}", what.in_words()),
            Self::RuleFailing { place, resource, reason, count, .. } => {
                write!(f, "{place} gave {count} up, the first for {resource}: {reason}")
            }
            Self::SubscriptionFailing { subscription, protocol, reason, .. } => {
                write!(f, "subscription {subscription} ({protocol}) gets nothing: {reason}")
            }
        }
    }
}
