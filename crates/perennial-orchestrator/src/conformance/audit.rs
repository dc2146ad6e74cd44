//! The audit's promises: it finds what is about to end, and its end is a fact.
#![expect(missing_docs, reason = "a promise's name is the promise")]

use async_trait::async_trait;
use perennial_core::{ids::AuditTaskId, time::days};

use super::{
    RegistrySubject,
    samples::{NOW, active, certificate_id, thing},
};
use crate::port::{Audit, Fact, FactId, Journal};

/// An audit under examination, with the expiring check at its default of 30 days.
#[async_trait]
pub trait AuditSubject: RegistrySubject {
    /// The port.
    fn audit(&self) -> &dyn Audit;

    /// The journal that it writes its end to.
    fn inbox(&self) -> &dyn Journal;
}

const TASK: AuditTaskId = AuditTaskId::from_bytes([1; 16]);

/// Things 0 to 9, whose certificates end in as many times ten days, and one day.
async fn prepare(subject: &impl AuditSubject) {
    for number in 0..10 {
        let left_for = days(u64::from(number) * 10 + 1);
        subject.register(&thing(number), &active(certificate_id(1, number), left_for), &[]).await;
    }
}

pub async fn an_audit_finds_what_is_about_to_end_and_nothing_else(mut subject: impl AuditSubject) {
    prepare(&subject).await;
    subject.withdraw(certificate_id(1, 1)).await;

    subject.audit().run_scheduled(TASK, NOW).await.unwrap();
    subject.reopen().await;

    let found = subject.audit().to_rotate(TASK, None, 100).await.unwrap();
    assert_eq!(found, [certificate_id(1, 0), certificate_id(1, 2)]);
    let other = AuditTaskId::from_bytes([2; 16]);
    assert_eq!(subject.audit().to_rotate(other, None, 100).await.unwrap(), []);
}

pub async fn findings_are_read_in_pages(subject: impl AuditSubject) {
    for number in 0..7 {
        subject.register(&thing(number), &active(certificate_id(1, number), days(7)), &[]).await;
    }
    subject.audit().run_scheduled(TASK, NOW).await.unwrap();

    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = subject.audit().to_rotate(TASK, after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(*last);
        read.extend(page);
    }

    assert_eq!(read, (0..7).map(|number| certificate_id(1, number)).collect::<Vec<_>>());
}

pub async fn an_audits_end_is_in_the_inbox(mut subject: impl AuditSubject) {
    prepare(&subject).await;

    subject.audit().run_scheduled(TASK, NOW).await.unwrap();
    subject.reopen().await;

    let facts = subject.inbox().pending(FactId(0), 100).await.unwrap();
    let facts: Vec<_> = facts.into_iter().map(|(_, fact)| fact).collect();
    assert_eq!(facts, [Fact::AuditCompleted { task: TASK }]);
}

pub async fn an_audit_that_finds_nothing_ends_too(subject: impl AuditSubject) {
    subject.audit().run_scheduled(TASK, NOW).await.unwrap();

    assert_eq!(subject.audit().to_rotate(TASK, None, 100).await.unwrap(), []);
    assert_eq!(subject.inbox().pending(FactId(0), 100).await.unwrap().len(), 1);
}

pub async fn the_last_scheduled_audit_is_remembered(mut subject: impl AuditSubject) {
    let before = subject.audit().last_scheduled().await.unwrap();

    for (number, at) in [(1, NOW), (2, NOW + days(1))] {
        subject.audit().run_scheduled(AuditTaskId::from_bytes([number; 16]), at).await.unwrap();
    }
    subject.reopen().await;

    assert_eq!(before, None);
    assert_eq!(subject.audit().last_scheduled().await.unwrap(), Some(NOW + days(1)));
}
