//! The audit's promises: it finds what is about to end, and its end is a fact.
#![expect(missing_docs, reason = "a promise's name is the promise")]

use async_trait::async_trait;
use perennial_core::{
    ids::{AuditTaskId, CertificateId},
    time::{Timestamp, days},
};

use super::{
    RegistrySubject,
    samples::{NOW, active, certificate_id, thing},
};
use crate::port::{Audit, Clock, Fact, FactId, Journal};

/// An audit under examination, with the expiring check at its default of 30 days.
#[async_trait]
pub trait AuditSubject: RegistrySubject {
    /// The port.
    fn audit(&self) -> &dyn Audit;

    /// Starts a task of that check, as an operator does.
    async fn start(&self, task: AuditTaskId);

    /// The journal that it writes its end to.
    fn inbox(&self) -> &dyn Journal;
}

const TASK: AuditTaskId = AuditTaskId::from_bytes([1; 16]);

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

async fn run(subject: &impl AuditSubject) {
    subject.start(TASK).await;
    subject.audit().run(TASK, &Still).await.unwrap();
}

async fn found(subject: &impl AuditSubject, task: AuditTaskId) -> Vec<CertificateId> {
    let found = subject.audit().to_rotate(task, 0, 100).await.unwrap();
    found.into_iter().map(|it| it.certificate_id).collect()
}

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

    run(&subject).await;
    subject.reopen().await;

    assert_eq!(found(&subject, TASK).await, [certificate_id(1, 0), certificate_id(1, 2)]);
    assert_eq!(found(&subject, AuditTaskId::from_bytes([2; 16])).await, []);
}

pub async fn findings_are_read_in_pages(subject: impl AuditSubject) {
    for number in 0..7 {
        subject.register(&thing(number), &active(certificate_id(1, number), days(7)), &[]).await;
    }
    run(&subject).await;

    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        let page = subject.audit().to_rotate(TASK, after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = last.place;
        read.extend(page.into_iter().map(|it| it.certificate_id));
    }

    assert_eq!(read, (0..7).map(|number| certificate_id(1, number)).collect::<Vec<_>>());
}

pub async fn an_audits_end_is_in_the_inbox(mut subject: impl AuditSubject) {
    prepare(&subject).await;

    run(&subject).await;
    subject.reopen().await;

    let facts = subject.inbox().pending(FactId(0), 100).await.unwrap();
    let facts: Vec<_> = facts.into_iter().map(|(_, fact)| fact).collect();
    assert_eq!(facts, [Fact::AuditCompleted { task: TASK }]);
}

pub async fn an_audit_that_finds_nothing_ends_too(subject: impl AuditSubject) {
    run(&subject).await;

    assert_eq!(found(&subject, TASK).await, []);
    assert_eq!(subject.inbox().pending(FactId(0), 100).await.unwrap().len(), 1);
}

pub async fn a_task_that_was_started_is_run_once(mut subject: impl AuditSubject) {
    let before = subject.audit().next_task().await.unwrap();

    subject.start(TASK).await;
    subject.reopen().await;
    let next = subject.audit().next_task().await.unwrap();
    subject.audit().run(TASK, &Still).await.unwrap();

    assert_eq!((before, next), (None, Some(TASK)));
    assert_eq!(subject.audit().next_task().await.unwrap(), None);
}
