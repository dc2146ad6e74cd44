//! The registry's promises: enrolling and retiring are whole, repeatable, and never too much.
#![expect(missing_docs, reason = "a promise's name is the promise")]

use async_trait::async_trait;
use perennial_core::{
    certificate::{Certificate, CertificateStatus},
    ids::{CertificateId, PolicyName, RotationId, ThingName},
    rotation::FaultKind,
    time::days,
};

use super::samples::{NOW, active, certificate_id, policy, rotation_id, thing};
use crate::port::{Enrolment, Registry, Retirement};

/// A registry under examination.
#[async_trait]
pub trait RegistrySubject: Send + Sync {
    /// The port.
    fn registry(&self) -> &dyn Registry;

    /// Ends the process that has the registry open, and opens it again on what is durable.
    async fn reopen(&mut self);

    /// Registers a certificate of a thing, with policies, all of which are made if need be.
    async fn register(&self, thing: &ThingName, certificate: &Certificate, policies: &[PolicyName]);

    /// Stores `certificate`, INACTIVE and attached to nothing, as issued for a rotation.
    async fn store_issued(
        &self,
        rotation_id: RotationId,
        thing: &ThingName,
        certificate: &Certificate,
    );

    /// Deactivates a certificate by hand.
    async fn withdraw(&self, id: CertificateId);

    /// The policies of a certificate, in any order.
    async fn policies_of(&self, id: CertificateId) -> Vec<PolicyName>;
}

fn outgoing(number: u32) -> CertificateId {
    certificate_id(1, number)
}

fn incoming(number: u32) -> CertificateId {
    certificate_id(2, number)
}

/// Thing `number` with an ACTIVE certificate, and another one issued for its rotation.
async fn prepare(subject: &impl RegistrySubject, number: u32) {
    let policies = [policy("device"), policy("extra")];
    subject.register(&thing(number), &active(outgoing(number), days(7)), &policies).await;
    let issued =
        Certificate { status: CertificateStatus::Inactive, ..active(incoming(number), days(90)) };
    subject.store_issued(rotation_id(1, number), &thing(number), &issued).await;
}

fn enrolment(number: u32) -> Enrolment {
    Enrolment {
        rotation_id: rotation_id(1, number),
        thing: thing(number),
        outgoing: outgoing(number),
        incoming: incoming(number),
    }
}

fn retirement(number: u32, certificate_id: CertificateId) -> Retirement {
    Retirement { rotation_id: rotation_id(1, number), thing: thing(number), certificate_id }
}

async fn enroll(subject: &impl RegistrySubject, number: u32) {
    subject.registry().enroll(vec![enrolment(number)], NOW).await.remove(0).unwrap();
}

async fn status(subject: &impl RegistrySubject, id: CertificateId) -> CertificateStatus {
    subject.registry().describe(&[id]).await.unwrap().remove(0).unwrap().status
}

/// Status, things and policies of a certificate.
async fn shown(
    subject: &impl RegistrySubject,
    id: CertificateId,
) -> (CertificateStatus, Vec<ThingName>, Vec<PolicyName>) {
    let things = subject.registry().things_of(&[id]).await.unwrap().remove(0);
    let mut policies = subject.policies_of(id).await;
    policies.sort();
    (status(subject, id).await, things, policies)
}

pub async fn answers_stand_where_they_were_asked_for(subject: impl RegistrySubject) {
    for number in 1..4 {
        prepare(&subject, number).await;
    }
    let numbers = [3, 9, 1, 3];
    let ids = numbers.map(outgoing);

    let described = subject.registry().describe(&ids).await.unwrap();
    let things = subject.registry().things_of(&ids).await.unwrap();
    let certificates = subject.registry().certificates_of(&numbers.map(thing)).await.unwrap();

    let wanted = numbers.map(|it| (it != 9).then(|| active(outgoing(it), days(7))));
    assert_eq!(described, wanted);
    assert_eq!(things, numbers.map(|it| if it == 9 { vec![] } else { vec![thing(it)] }));
    assert_eq!(certificates, wanted.map(|it| it.into_iter().collect::<Vec<_>>()));
}

pub async fn a_things_certificates_are_its_active_ones_the_latest_first(
    subject: impl RegistrySubject,
) {
    let made = |series, day| Certificate {
        created_at: NOW + days(day),
        ..active(certificate_id(series, 1), days(9))
    };
    for (series, day) in [(1, 0), (3, 2), (4, 1), (5, 3)] {
        subject.register(&thing(1), &made(series, day), &[]).await;
    }
    subject.withdraw(certificate_id(3, 1)).await;

    let found = subject.registry().certificates_of(&[thing(1)]).await.unwrap().remove(0);

    let ids: Vec<_> = found.into_iter().map(|it| it.certificate_id).collect();
    assert_eq!(ids, [5, 4, 1].map(|series| certificate_id(series, 1)));
}

pub async fn enrolling_gives_thing_and_policies_and_may_be_repeated(
    mut subject: impl RegistrySubject,
) {
    prepare(&subject, 1).await;

    enroll(&subject, 1).await;
    subject.reopen().await;
    enroll(&subject, 1).await;

    let wanted =
        (CertificateStatus::Active, vec![thing(1)], vec![policy("device"), policy("extra")]);
    assert_eq!(shown(&subject, incoming(1)).await, wanted);
    assert_eq!(shown(&subject, outgoing(1)).await, wanted);
}

pub async fn an_outgoing_certificate_that_is_not_active_gives_nothing(
    subject: impl RegistrySubject,
) {
    prepare(&subject, 1).await;
    subject.withdraw(outgoing(1)).await;

    let refused = subject.registry().enroll(vec![enrolment(1)], NOW).await.remove(0);

    assert_eq!(refused.unwrap_err().kind, FaultKind::Permanent);
    let nothing = (CertificateStatus::Inactive, Vec::new(), Vec::new());
    assert_eq!(shown(&subject, incoming(1)).await, nothing);
}

pub async fn one_refused_enrolment_keeps_no_other_from_its_own(subject: impl RegistrySubject) {
    for number in 1..4 {
        prepare(&subject, number).await;
    }
    let unknown = Enrolment { incoming: certificate_id(9, 9), ..enrolment(2) };

    let batch = vec![enrolment(1), unknown, enrolment(3)];
    let answers = subject.registry().enroll(batch, NOW).await;

    let went_well: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(went_well, [true, false, true]);
    for number in [1, 3] {
        assert_eq!(status(&subject, incoming(number)).await, CertificateStatus::Active);
    }
    assert_eq!(status(&subject, incoming(2)).await, CertificateStatus::Inactive);
}

pub async fn a_retired_certificate_stays_retired(mut subject: impl RegistrySubject) {
    prepare(&subject, 1).await;
    enroll(&subject, 1).await;

    for _ in 0..2 {
        let retire = vec![retirement(1, incoming(1))];
        subject.registry().retire(retire, NOW).await.remove(0).unwrap();
        subject.reopen().await;
    }
    let again = subject.registry().enroll(vec![enrolment(1)], NOW).await.remove(0);

    assert_eq!(again.unwrap_err().kind, FaultKind::Permanent);
    let nothing = (CertificateStatus::Inactive, Vec::new(), Vec::new());
    assert_eq!(shown(&subject, incoming(1)).await, nothing);
}

pub async fn retiring_what_is_gone_is_done(subject: impl RegistrySubject) {
    prepare(&subject, 1).await;

    let batch = vec![retirement(1, certificate_id(9, 9)), retirement(1, outgoing(1))];
    let answers = subject.registry().retire(batch, NOW).await;

    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(status(&subject, outgoing(1)).await, CertificateStatus::Inactive);
}

pub async fn retiring_the_outgoing_certificate_leaves_the_incoming_one(
    subject: impl RegistrySubject,
) {
    prepare(&subject, 1).await;
    enroll(&subject, 1).await;

    let retire = vec![retirement(1, outgoing(1))];
    subject.registry().retire(retire, NOW).await.remove(0).unwrap();

    let wanted =
        (CertificateStatus::Active, vec![thing(1)], vec![policy("device"), policy("extra")]);
    assert_eq!(shown(&subject, incoming(1)).await, wanted);
    let left = subject.registry().certificates_of(&[thing(1)]).await.unwrap().remove(0);
    assert_eq!(left.len(), 1);
}

pub async fn empty_batches_change_nothing(subject: impl RegistrySubject) {
    let registry = subject.registry();

    assert_eq!(registry.describe(&[]).await.unwrap(), []);
    assert_eq!(registry.things_of(&[]).await.unwrap(), [[]; 0]);
    assert_eq!(registry.certificates_of(&[]).await.unwrap(), [[]; 0]);
    assert!(registry.enroll(Vec::new(), NOW).await.is_empty());
    assert!(registry.retire(Vec::new(), NOW).await.is_empty());
}

pub async fn a_huge_batch_is_one_batch(subject: impl RegistrySubject) {
    const MANY: u32 = 300;
    for number in 0..MANY {
        prepare(&subject, number).await;
    }

    let enrolled = subject.registry().enroll((0..MANY).map(enrolment).collect(), NOW).await;
    let retire = (0..MANY).map(|number| retirement(number, outgoing(number))).collect();
    let retired = subject.registry().retire(retire, NOW).await;

    assert_eq!((enrolled.len(), retired.len()), (MANY as usize, MANY as usize));
    assert!(enrolled.iter().chain(&retired).all(Result::is_ok));
    let things: Vec<_> = (0..MANY).map(thing).collect();
    for (number, left) in (0..).zip(subject.registry().certificates_of(&things).await.unwrap()) {
        assert_eq!(left.iter().map(|it| it.certificate_id).collect::<Vec<_>>(), [incoming(number)]);
    }
}
