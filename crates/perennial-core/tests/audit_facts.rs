//! Checks over connections, authorities and the registry, mitigation and configuration.
#![expect(clippy::unwrap_used, reason = "a test's own helpers fail the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use perennial_core::{
    audit::{
        AccountConfiguration, ActionParams, CertificateAction, CheckConfiguration, CheckName,
        ConfigurationError, ConfigurationUpdate, HeldBy, KeyQuality, MitigationTarget,
        PolicyTemplate, PolicyVersion, Refusal, Remedy, ResourceIdentifier, Suppression,
        SuppressionError, Threshold,
        connections::{Connection, Window, conflicting, shared, silent},
        hygiene, plan,
        revocation::{AuthorityFacts, Revocation, SerialNumber},
    },
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, ClientId, Digest, FindingId, PolicyName, ThingName},
    time::{Timestamp, days},
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn id(number: u8) -> CertificateId {
    CertificateId::from_bytes([number; 32])
}

fn client(name: &str) -> ClientId {
    ClientId::new(name).unwrap()
}

/// A connection of `name` with certificate `number`, from and to so many hours ago.
fn connection(name: &str, number: u8, from: u32, to: Option<u32>) -> Connection {
    Connection {
        client_id: client(name),
        principal: id(number),
        connected_at: NOW - HOUR * from,
        disconnected_at: to.map(|to| NOW - HOUR * to),
        taken_over: false,
    }
}

fn taken_over(connection: Connection) -> Connection {
    Connection { taken_over: true, ..connection }
}

#[test]
fn a_certificate_used_twice_at_once_is_shared_and_one_after_the_other_is_not() {
    let window = Window::of_shared(None, NOW);
    for (connections, sharing) in [
        (vec![connection("a", 1, 10, None), connection("b", 1, 8, Some(7))], 2),
        (vec![connection("a", 1, 10, Some(9)), connection("b", 1, 8, Some(7))], 0),
        (vec![connection("a", 1, 10, Some(8)), connection("b", 1, 8, Some(7))], 0),
        (vec![connection("a", 1, 10, Some(5)), connection("a", 1, 8, None)], 0),
        // Both too recent to be judged.
        (vec![connection("a", 1, 1, None), connection("b", 1, 1, None)], 0),
        (vec![connection("a", 1, 10, None)], 0),
    ] {
        let found = shared(id(1), &connections, window);

        let related = found.map_or(0, |found| found.related.len());
        assert_eq!(related, sharing, "{connections:?}");
    }
}

#[test]
fn a_client_id_taken_by_another_certificate_is_a_conflict_and_a_rotation_is_not() {
    let old = taken_over(connection("a", 1, 5, Some(3)));
    let by_another = [old.clone(), connection("a", 2, 3, None)];
    let by_itself = [old.clone(), connection("a", 1, 3, None)];
    let window = Window::of_conflicts(None, NOW);
    let never = |_, _| false;

    let found = conflicting(&client("a"), &by_another, never, window).unwrap();

    assert_eq!(found.related.len(), 1);
    assert_eq!(
        found.related[0].resource_identifier,
        ResourceIdentifier::DeviceCertificateId(id(1))
    );
    assert!(conflicting(&client("a"), &by_itself, never, window).is_none());
    assert!(conflicting(&client("a"), &by_another, |_, _| true, window).is_none());
    let since = Window::of_conflicts(Some(NOW - HOUR), NOW);
    assert!(conflicting(&client("a"), &by_another, never, since).is_none());
}

fn certificate(left_for: Duration) -> Certificate {
    Certificate {
        certificate_id: id(1),
        status: CertificateStatus::Active,
        validity: Validity { not_before: NOW - days(60), not_after: NOW + left_for },
        created_at: NOW - days(60),
    }
}

#[test]
fn a_thing_is_silent_only_while_its_certificate_is_about_to_end() {
    let thing = ThingName::new("pump-1").unwrap();
    let thresholds = (Threshold::custom(days(14)).unwrap(), Threshold::EXPIRY);
    for (left, heard, found) in [(7, 14, true), (7, 13, false), (60, 40, false)] {
        let heard_at = NOW - days(heard);

        let silence = silent(&certificate(days(left)), &thing, heard_at, thresholds, NOW);

        assert_eq!(silence.is_some(), found, "{left} {heard}");
    }
}

fn authority() -> AuthorityFacts {
    AuthorityFacts {
        certificate_id: id(9),
        status: CertificateStatus::Active,
        subject: "CN=Issuing".to_owned(),
        subject_digest: Digest::from_bytes([1; 32]),
        issuer_digest: Digest::from_bytes([2; 32]),
        serial: SerialNumber::new(&[0, 5]),
        validity: Validity { not_before: NOW - days(10), not_after: NOW + days(365) },
        key: KeyQuality::default(),
        issues_for: Some(days(90)),
    }
}

#[test]
fn an_authority_is_found_when_it_ends_too_soon_or_was_withdrawn() {
    let ends_in = |span: Duration| {
        let validity = Validity { not_before: NOW, not_after: NOW + span };
        AuthorityFacts { validity, ..authority() }
    };
    let withdrawn = Revocation { serial: SerialNumber::new(&[5]), revoked_at: NOW };

    assert!(ends_in(days(30)).expiring(NOW).is_some());
    assert!(ends_in(days(31)).expiring(NOW).is_none());
    assert!(ends_in(days(119)).too_little_life(NOW).is_some());
    assert!(ends_in(days(120)).too_little_life(NOW).is_none());
    assert_eq!(authority().serial, withdrawn.serial);
    assert!(authority().revoked(Some(&withdrawn)).is_some());
    assert!(authority().revoked(None).is_none());
    assert!(authority().revoked_intermediate(Some(&withdrawn), &[]).is_none());
    let found = authority().revoked_intermediate(Some(&withdrawn), &[id(1), id(2)]).unwrap();
    assert_eq!(found.related.len(), 2);
    let inactive = AuthorityFacts { status: CertificateStatus::Inactive, ..authority() };
    assert!(inactive.revoked(Some(&withdrawn)).is_none());
}

#[test]
fn of_several_active_certificates_all_but_the_latest_are_found() {
    let thing = ThingName::new("pump-1").unwrap();
    let latest_first = [id(3), id(2), id(1)];

    assert_eq!(hygiene::several_active(&thing, &latest_first, false).len(), 2);
    assert!(hygiene::several_active(&thing, &latest_first, true).is_empty());
    assert!(hygiene::several_active(&thing, &[id(1)], false).is_empty());
    assert!(hygiene::several_active(&thing, &[], false).is_empty());
}

#[test]
fn a_mitigation_that_cuts_a_device_off_is_refused_unless_it_is_forced() {
    let check = CheckName::DeviceCertificateExpiring;
    let resource = ResourceIdentifier::DeviceCertificateId(id(1));
    let deactivate =
        ActionParams::UpdateDeviceCertificate { action: CertificateAction::Deactivate };
    let thing = ThingName::new("pump-1").unwrap();
    let held = |has_other| HeldBy { things: vec![(thing.clone(), has_other)], ..HeldBy::default() };
    let remedy = Ok(Remedy::DeactivateDeviceCertificate(id(1)));

    let refused = plan(check, &resource, &deactivate, &held(false), false);

    assert_eq!(refused, Err(Refusal::CutsOff(thing.clone())));
    assert_eq!(plan(check, &resource, &deactivate, &held(true), false), remedy);
    assert_eq!(plan(check, &resource, &deactivate, &held(false), true), remedy);
    assert_eq!(plan(check, &resource, &deactivate, &HeldBy::default(), false), remedy);
    let age = CheckName::DeviceCertificateAge;
    let refused = plan(age, &resource, &deactivate, &held(true), true);
    assert!(matches!(refused, Err(Refusal::NotForCheck(..))));
}

#[test]
fn a_blank_policy_is_refused_while_devices_have_the_policy() {
    let check = CheckName::IotPolicyOverlyPermissive;
    let version = PolicyVersion {
        policy_name: PolicyName::new("all").unwrap(),
        policy_version_id: "1".to_owned(),
    };
    let resource = ResourceIdentifier::PolicyVersionIdentifier(version.clone());
    let blank =
        ActionParams::ReplaceDefaultPolicyVersion { template_name: PolicyTemplate::BlankPolicy };
    let in_use = HeldBy { policy_in_use: true, ..HeldBy::default() };

    assert!(matches!(
        plan(check, &resource, &blank, &in_use, false),
        Err(Refusal::CutsOffHolders(_))
    ));
    assert_eq!(
        plan(check, &resource, &blank, &in_use, true),
        Ok(Remedy::BlankPolicy(version.clone()))
    );
    assert_eq!(
        plan(check, &resource, &blank, &HeldBy::default(), false),
        Ok(Remedy::BlankPolicy(version))
    );
}

#[test]
fn action_parameters_are_written_as_aws_has_them() {
    for text in [
        r#"{"updateDeviceCertificateParams":{"action":"DEACTIVATE"}}"#,
        r#"{"updateCACertificateParams":{"action":"DEACTIVATE"}}"#,
        r#"{"addThingsToThingGroupParams":{"thingGroupNames":["a"],"overrideDynamicGroups":true}}"#,
        r#"{"replaceDefaultPolicyVersionParams":{"templateName":"BLANK_POLICY"}}"#,
        r#"{"enableIoTLoggingParams":{"roleArnForLogging":"r","logLevel":"WARN"}}"#,
        r#"{"publishFindingToSnsParams":{"topicArn":"t"}}"#,
    ] {
        let params: ActionParams = serde_json::from_str(text).unwrap();

        assert_eq!(serde_json::to_string(&params).unwrap(), text);
    }
}

#[test]
fn resources_are_written_as_aws_has_them_and_one_certificate_has_one_key() {
    let by_id = ResourceIdentifier::DeviceCertificateId(id(1));
    let arn = format!("arn:aws:iot:local-1:000000000000:cert/{}", id(1));

    let json = serde_json::to_value(&by_id).unwrap();

    assert_eq!(json, serde_json::json!({ "deviceCertificateId": id(1).to_string() }));
    assert_eq!(ResourceIdentifier::DeviceCertificateArn(arn).key(), by_id.key());
    let policy: ResourceIdentifier = serde_json::from_str(
        r#"{"policyVersionIdentifier":{"policyName":"p","policyVersionId":"1"}}"#,
    )
    .unwrap();
    assert_eq!(policy.key(), "policy/p/1");
}

fn enabling(check: &str, key: Option<(&str, &str)>) -> ConfigurationUpdate {
    let configuration: BTreeMap<_, _> =
        key.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
    let check_configuration = CheckConfiguration { enabled: true, configuration };
    ConfigurationUpdate {
        audit_check_configurations: BTreeMap::from([(check.to_owned(), check_configuration)]),
        ..ConfigurationUpdate::default()
    }
}

#[test]
fn a_configuration_takes_what_is_sent_and_keeps_the_rest() {
    let none = BTreeSet::new();
    let age = "DEVICE_CERTIFICATE_AGE_CHECK";
    let days_of = |days| Some(("CERT_AGE_THRESHOLD_IN_DAYS", days));
    let first = AccountConfiguration::default();

    let second = first.updated(enabling(age, days_of("90")), &none).unwrap();
    let third = second.updated(enabling("LOGGING_DISABLED_CHECK", None), &none).unwrap();

    assert_eq!(third.threshold(CheckName::DeviceCertificateAge), Threshold::days(90).ok());
    assert_eq!(third.enabled().len(), 2);
    assert_eq!(third.all_checks().len(), CheckName::ALL.len());
    for (update, wanted) in [
        (enabling("NO_CHECK", None), "is no audit check"),
        (enabling(age, days_of("29")), "30 to 3652"),
        (enabling(age, days_of("+30")), "30 to 3652"),
        (enabling(age, Some(("X", "30"))), "has no configuration"),
    ] {
        let refused = third.updated(update, &none).unwrap_err().to_string();

        assert!(refused.contains(wanted), "{refused}");
    }
}

#[test]
fn a_check_that_a_scheduled_audit_needs_stays_enabled() {
    let check = CheckName::DeviceCertificateExpiring;
    let mut update = enabling(check.as_str(), None);
    let enabled =
        AccountConfiguration::default().updated(update.clone(), &BTreeSet::new()).unwrap();
    for it in update.audit_check_configurations.values_mut() {
        it.enabled = false;
    }

    let refused = enabled.updated(update.clone(), &BTreeSet::from([check]));
    let allowed = enabled.updated(update, &BTreeSet::new()).unwrap();

    assert_eq!(refused, Err(ConfigurationError::InUse(check)));
    assert!(matches!(allowed.runnable(&[check.to_string()]), Err(ConfigurationError::Disabled(_))));
    assert_eq!(enabled.runnable(&[check.to_string()]), Ok(vec![check]));
}

#[test]
fn a_suppression_has_one_kind_of_end_and_a_resource_of_its_check() {
    let check = CheckName::DeviceCertificateExpiring;
    let resource = ResourceIdentifier::DeviceCertificateId(id(1));
    let new = |expiry, resource: &ResourceIdentifier| {
        Suppression::new(check, resource.clone(), expiry, String::new(), NOW)
    };
    let later = Some(NOW + days(1));

    let finite = new((later, false), &resource).unwrap();

    assert!(finite.is_in_force(NOW) && !finite.is_in_force(NOW + days(1)));
    assert!(new((None, true), &resource).unwrap().is_in_force(Timestamp::MAX));
    assert_eq!(new((later, true), &resource), Err(SuppressionError::Expiry));
    assert_eq!(new((None, false), &resource), Err(SuppressionError::Expiry));
    assert_eq!(new((Some(NOW), false), &resource), Err(SuppressionError::Past));
    let foreign = ResourceIdentifier::ClientId("a".to_owned());
    assert_eq!(new((None, true), &foreign), Err(SuppressionError::WrongResource(check)));
}

#[test]
fn a_mitigation_target_names_findings_in_one_way() {
    let task = Some(perennial_core::ids::AuditTaskId::from_bytes([1; 16]));
    let finding = FindingId::from_bytes([1; 16]);
    let target = |audit_task_id, findings: usize| MitigationTarget {
        audit_task_id,
        finding_ids: vec![finding; findings],
        ..MitigationTarget::default()
    };

    let lawful: Vec<bool> = [(task, 0), (None, 1), (None, 25), (None, 0), (task, 1), (None, 26)]
        .map(|(task, findings)| target(task, findings).is_lawful())
        .to_vec();

    assert_eq!(lawful, [true, true, true, false, false, false]);
}

#[test]
fn every_check_says_what_it_examines_and_four_have_nothing_to_examine() {
    let idle: Vec<_> = CheckName::ALL.into_iter().filter(|check| !check.has_subject()).collect();

    assert_eq!(idle.len(), 4);
    assert!(CheckName::ALL.into_iter().all(|it| !it.descriptor().mitigations.is_empty()));
}
