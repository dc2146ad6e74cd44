//! Certificates and the customer's CAs: registration, lists, and what may be deleted when.
#![allow(clippy::unwrap_used, reason = "a test's own set-up")]

mod common;

use std::time::Duration;

use common::{NOW, certificate_id, register, store, thing};
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{CertificateId, Digest, RotationId, TemplateName},
    registry::{
        AutoRegistration, CaStatus, CertificateMode, PrincipalType, RegistrationConfig, Tags,
    },
    time::days,
};
use perennial_orchestrator::port::{Enrolment, Registry, Retirement};
use perennial_store::{
    CaUpdate, Intent, IntentRequest, IssuedCertificate, NewCa, NewCertificate, Order, Presented,
    Store, StoreError,
};

const VALIDITY: Validity = Validity { not_before: NOW, not_after: NOW };

fn ca_id(number: u32) -> CertificateId {
    certificate_id(0xca, number)
}

fn new_ca(number: u32) -> NewCa {
    NewCa {
        certificate_id: ca_id(number),
        der: vec![1; 700],
        subject_digest: Digest::from_bytes([5; 32]),
        validity: VALIDITY,
        status: CaStatus::Active,
        auto_registration: AutoRegistration::Enable,
        mode: CertificateMode::Default,
        registration_config: None,
        tags: Tags::default(),
    }
}

/// A certificate that belongs to no thing yet.
fn of_issuer(number: u32, issuer: Option<CertificateId>) -> NewCertificate {
    NewCertificate {
        certificate_id: certificate_id(2, number),
        der: vec![2; 600],
        spki_digest: Digest::from_bytes(*certificate_id(2, number).as_bytes()),
        validity: VALIDITY,
        status: CertificateStatus::Inactive,
        issuer,
        mode: if issuer.is_some() { CertificateMode::Default } else { CertificateMode::SniOnly },
        thing: None,
        policies: Vec::new(),
    }
}

fn presented(number: u32, ca: u32) -> Presented {
    Presented {
        certificate_id: certificate_id(3, number),
        der: vec![3; 600],
        spki_digest: Digest::from_bytes([3; 32]),
        validity: VALIDITY,
        ca_certificate_id: ca_id(ca),
    }
}

fn vouched_for(store: &Store, id: CertificateId) -> bool {
    store.principal_record(&id, &|_| false).unwrap().unwrap().vouched_for
}

#[tokio::test]
async fn a_certificate_is_deleted_when_nothing_hangs_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;
    let id = certificate_id(1, 0);

    let active = store.delete_certificate(id, true, NOW).await.unwrap_err();
    store.update_status(id, CertificateStatus::Inactive, NOW).await.unwrap();
    let attached = store.delete_certificate(id, true, NOW).await.unwrap_err();
    store.detach_principal(thing(0), id, NOW).await.unwrap();
    let with_policies = store.delete_certificate(id, false, NOW).await.unwrap_err();
    store.delete_certificate(id, true, NOW).await.unwrap();
    let gone = store.delete_certificate(id, true, NOW).await.unwrap_err();

    assert!(matches!(active, StoreError::StateConflict(_)), "{active}");
    assert!(matches!(attached, StoreError::DeleteConflict(_)), "{attached}");
    assert!(matches!(with_policies, StoreError::DeleteConflict(_)), "{with_policies}");
    assert!(matches!(gone, StoreError::NotFound { .. }));
}

#[tokio::test]
async fn each_change_of_status_is_a_version_and_revocation_is_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;
    let (id, later) = (certificate_id(1, 0), NOW + days(1));

    store.update_status(id, CertificateStatus::Inactive, later).await.unwrap();
    store.update_status(id, CertificateStatus::Inactive, later + days(1)).await.unwrap();
    let shown = store.certificate(id).await.unwrap();
    store.update_status(id, CertificateStatus::Revoked, later).await.unwrap();
    let again = store.update_status(id, CertificateStatus::Active, later).await.unwrap_err();

    assert_eq!((shown.customer_version, shown.modified_at), (2, later));
    assert!(matches!(again, StoreError::Unlawful(_)));
}

#[tokio::test]
async fn certificates_are_listed_in_both_orders_and_by_issuer() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.register_ca(new_ca(1), NOW).await.unwrap();
    for (number, issuer) in [(1, Some(ca_id(1))), (2, None), (3, Some(ca_id(1)))] {
        let at = NOW + Duration::from_secs(number.into());
        store.register(vec![of_issuer(number, issuer)], at).await.unwrap();
    }
    let ids = |numbers: &[u32]| {
        numbers.iter().map(|number| certificate_id(2, *number)).collect::<Vec<_>>()
    };
    let list = |issuer, order| {
        let store = store.clone();
        async move {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = store.list_certificates(issuer, order, after, 2).await.unwrap();
                found.extend(page.items.iter().map(|(it, _)| it.certificate_id));
                after = page.next;
                if after.is_none() {
                    return found;
                }
            }
        }
    };

    assert_eq!(list(None, Order::Ascending).await, ids(&[1, 2, 3]));
    assert_eq!(list(None, Order::Descending).await, ids(&[3, 2, 1]));
    assert_eq!(list(Some(ca_id(1)), Order::Ascending).await, ids(&[1, 3]));
    assert_eq!(list(Some(ca_id(1)), Order::Descending).await, ids(&[3, 1]));
    assert_eq!(list(Some(ca_id(2)), Order::Descending).await, []);
    let shown = store.certificate(certificate_id(2, 1)).await.unwrap();
    assert_eq!(shown.ca_certificate_id, Some(ca_id(1)));
}

#[tokio::test]
async fn a_ca_is_registered_once_changed_and_deleted_when_inactive() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let template = TemplateName::new("factory").unwrap();
    let config = RegistrationConfig { template_name: Some(template.clone()), ..Default::default() };
    let update = CaUpdate {
        status: Some(CaStatus::Inactive),
        registration_config: Some(config),
        ..CaUpdate::default()
    };
    store.register_ca(new_ca(1), NOW).await.unwrap();

    let twice = store.register_ca(new_ca(1), NOW).await.unwrap_err();
    let active = store.delete_ca(ca_id(1), NOW).await.unwrap_err();
    let changed = store.update_ca(ca_id(1), update.clone(), NOW + days(1)).await.unwrap();
    let again = store.update_ca(ca_id(1), update, NOW + days(1)).await.unwrap();
    let shown = store.ca_certificate(ca_id(1)).await.unwrap();
    let issued = store.register(vec![of_issuer(1, Some(ca_id(1)))], NOW).await.unwrap_err();
    let by_template = store.ca_certificates(Some(template), Order::Ascending, None, 9).await;
    store.delete_ca(ca_id(1), NOW).await.unwrap();

    assert!(matches!(twice, StoreError::Exists { .. }));
    assert!(matches!(active, StoreError::StateConflict(_)));
    assert!(changed && !again);
    assert_eq!((shown.customer_version, shown.modified_at), (2, NOW + days(1)));
    assert!(matches!(issued, StoreError::StateConflict(_)), "{issued}");
    assert_eq!(by_template.unwrap().items, [shown]);
    let left = store.ca_certificates(None, Order::Descending, None, 9).await.unwrap();
    assert!(left.items.is_empty());
}

#[tokio::test]
async fn ten_cas_may_have_the_same_subject() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for number in 1..=10 {
        store.register_ca(new_ca(number), NOW).await.unwrap();
    }

    let eleventh = store.register_ca(new_ca(11), NOW).await.unwrap_err();

    assert!(matches!(eleventh, StoreError::LimitExceeded(_)));
    assert_eq!(store.cas_named(Digest::from_bytes([5; 32])).await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_presented_certificate_waits_for_activation_if_its_ca_lets_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.register_ca(new_ca(1), NOW).await.unwrap();
    let off = CaUpdate { remove_auto_registration: true, ..CaUpdate::default() };

    let first = store.register_presented(presented(1, 1), NOW).await.unwrap();
    store.update_ca(ca_id(1), off, NOW).await.unwrap();
    let again = store.register_presented(presented(1, 1), NOW + days(1)).await.unwrap();
    let refused = store.register_presented(presented(2, 1), NOW).await.unwrap_err();
    let unknown = store.register_presented(presented(2, 2), NOW).await.unwrap_err();

    assert_eq!(first, (CertificateStatus::PendingActivation, NOW));
    assert_eq!(again, first);
    assert!(matches!(refused, StoreError::StateConflict(_)));
    assert!(matches!(unknown, StoreError::NotFound { .. }));
}

#[tokio::test]
async fn a_revoked_certificate_that_was_deleted_never_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.register_ca(new_ca(1), NOW).await.unwrap();
    let id = presented(1, 1).certificate_id;
    store.register_presented(presented(1, 1), NOW).await.unwrap();
    store.update_status(id, CertificateStatus::Revoked, NOW).await.unwrap();
    store.delete_certificate(id, false, NOW).await.unwrap();

    let by_itself = store.register_presented(presented(1, 1), NOW).await.unwrap_err();
    let by_hand = NewCertificate { certificate_id: id, ..of_issuer(1, Some(ca_id(1))) };
    let by_hand = store.register(vec![by_hand], NOW).await.unwrap_err();

    for refused in [by_itself, by_hand] {
        assert!(
            matches!(&refused, StoreError::StateConflict(why) if why.contains("revoked")),
            "{refused}"
        );
    }
    assert!(matches!(store.certificate(id).await.unwrap_err(), StoreError::NotFound { .. }));
}

#[tokio::test]
async fn a_retired_certificate_that_was_deleted_comes_back_only_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.register_ca(new_ca(1), NOW).await.unwrap();
    let id = presented(1, 1).certificate_id;
    store.register_presented(presented(1, 1), NOW).await.unwrap();
    store.update_status(id, CertificateStatus::Active, NOW).await.unwrap();
    let retirement = Retirement {
        rotation_id: RotationId::from_bytes([1; 16]),
        thing: thing(1),
        certificate_id: id,
    };
    store.retire(vec![retirement], NOW).await.pop().unwrap().unwrap();
    let swept = store.sweep(10, NOW + days(40)).await.unwrap();

    let by_itself = store.register_presented(presented(1, 1), NOW).await.unwrap_err();
    let by_hand = NewCertificate { certificate_id: id, ..of_issuer(1, Some(ca_id(1))) };
    store.register(vec![by_hand], NOW).await.unwrap();

    assert_eq!(swept, [id]);
    assert!(
        matches!(&by_itself, StoreError::StateConflict(why) if why.contains("retired")),
        "{by_itself}"
    );
}

#[tokio::test]
async fn one_that_was_only_deactivated_and_deleted_may_register_itself_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.register_ca(new_ca(1), NOW).await.unwrap();
    let id = presented(1, 1).certificate_id;
    store.register_presented(presented(1, 1), NOW).await.unwrap();
    store.update_status(id, CertificateStatus::Active, NOW).await.unwrap();
    store.update_status(id, CertificateStatus::Inactive, NOW).await.unwrap();
    store.delete_certificate(id, false, NOW).await.unwrap();

    let again = store.register_presented(presented(1, 1), NOW).await.unwrap();

    assert_eq!(again, (CertificateStatus::PendingActivation, NOW));
}

#[tokio::test]
async fn what_could_not_be_registered_any_more_needs_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.register_ca(new_ca(1), NOW).await.unwrap();
    let id = presented(1, 1).certificate_id;
    store.register_presented(presented(1, 1), NOW).await.unwrap();
    store.update_status(id, CertificateStatus::Revoked, NOW).await.unwrap();
    store.delete_certificate(id, false, NOW).await.unwrap();

    let before = store.forget_withdrawn(10, presented(1, 1).validity.not_after).await.unwrap();
    let after =
        store.forget_withdrawn(10, presented(1, 1).validity.not_after + days(1)).await.unwrap();

    assert_eq!((before, after), (0, 1));
}

#[tokio::test]
async fn the_registry_alone_vouches_for_what_has_no_ca_or_none_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;
    store.register_ca(new_ca(1), NOW).await.unwrap();
    let batch = vec![of_issuer(1, Some(ca_id(1))), of_issuer(2, None)];
    store.register(batch, NOW).await.unwrap();
    let of_ca = certificate_id(2, 1);

    let before = vouched_for(&store, of_ca);
    let inactive = CaUpdate { status: Some(CaStatus::Inactive), ..CaUpdate::default() };
    store.update_ca(ca_id(1), inactive, NOW).await.unwrap();
    store.delete_ca(ca_id(1), NOW).await.unwrap();
    let after = vouched_for(&store, of_ca);
    store.register_ca(new_ca(1), NOW).await.unwrap();

    assert!(!before && after && !vouched_for(&store, of_ca));
    assert!(vouched_for(&store, certificate_id(2, 2)));
}

#[tokio::test]
async fn no_registered_ca_has_a_say_in_what_this_server_issued() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.register_ca(new_ca(1), NOW).await.unwrap();

    store
        .register(
            vec![of_issuer(1, Some(certificate_id(0x15, 0))), of_issuer(2, Some(ca_id(1)))],
            NOW,
        )
        .await
        .unwrap();

    assert!(vouched_for(&store, certificate_id(2, 1)));
    assert!(!vouched_for(&store, certificate_id(2, 2)));
}

#[tokio::test]
async fn a_registration_code_stays_until_it_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());

    let none = store.delete_registration_code(NOW).await.unwrap_err();
    let first = store.registration_code(NOW).await.unwrap();
    let again = store.registration_code(NOW).await.unwrap();
    store.delete_registration_code(NOW).await.unwrap();
    let other = store.registration_code(NOW).await.unwrap();

    assert!(matches!(none, StoreError::NotFound { .. }));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[tokio::test]
async fn a_rotation_passes_on_how_the_thing_is_attached_and_names_the_issuer() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;
    let (outgoing, incoming) = (certificate_id(1, 0), certificate_id(2, 0));
    store.detach_principal(thing(0), outgoing, NOW).await.unwrap();
    let exclusive = PrincipalType::ExclusiveThing;
    store.attach_principal(thing(0), outgoing, exclusive, NOW).await.unwrap();
    let rotation_id = RotationId::from_bytes([9; 16]);
    let intent = Intent { thing: thing(0), serial: [1; 20], validity: VALIDITY, spki: vec![1; 91] };
    let spki_digest = Digest::from_bytes([1; 32]);
    store.record_intents(vec![IntentRequest { rotation_id, intent, spki_digest }]).await.unwrap();
    let issued = IssuedCertificate {
        rotation_id,
        certificate_id: incoming,
        der: vec![1; 500],
        validity: VALIDITY,
        issuer: ca_id(7),
    };
    store.store_issued(vec![issued], NOW).await.unwrap();

    let enrolment = Enrolment { rotation_id, thing: thing(0), outgoing, incoming };
    store.enroll(vec![enrolment], NOW).await.remove(0).unwrap();

    let attached = store.things_of_principal(incoming, None, None, 9).await.unwrap();
    assert_eq!(attached.items, [(thing(0), exclusive)]);
    let shown = store.certificate(incoming).await.unwrap();
    assert_eq!(shown.ca_certificate_id, Some(ca_id(7)));
    assert_eq!((shown.certificate_mode, shown.customer_version), (CertificateMode::Default, 2));
}
