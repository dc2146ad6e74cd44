//! The notifier's promises: every notice is answered, and reaches somebody.
#![expect(missing_docs, reason = "a promise's name is the promise")]

use async_trait::async_trait;
use perennial_core::{
    message::HookResult,
    rotation::{Failure, Notice},
};

use super::samples::{NOW, certificate_id, rotation_id, thing};
use crate::port::{Notification, Notifier};

/// A notifier under examination.
#[async_trait]
pub trait NotifierSubject: Send + Sync {
    /// The port.
    fn notifier(&self) -> &dyn Notifier;

    /// How many notices were passed on.
    async fn passed_on(&self) -> usize;
}

pub async fn every_notice_is_answered_and_passed_on(subject: impl NotifierSubject) {
    let notices = [
        Notice::RotationFailed { reason: Failure::NoAck, rolled_back: true },
        Notice::HookFailed { hook: HookResult { exit_code: Some(1) } },
        Notice::CertificateLeftActive { certificate_id: certificate_id(1, 1) },
    ];
    let notification = |(number, notice)| Notification {
        rotation_id: rotation_id(1, number),
        thing: thing(number),
        ends_at: NOW,
        notice,
    };

    let batch = (0..).zip(notices).map(notification).collect();
    let answers = subject.notifier().notify(batch, NOW).await;

    assert_eq!(answers.len(), 3);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(subject.passed_on().await, 3);
}

pub async fn empty_batches_change_nothing(subject: impl NotifierSubject) {
    assert!(subject.notifier().notify(Vec::new(), NOW).await.is_empty());
    assert_eq!(subject.passed_on().await, 0);
}
