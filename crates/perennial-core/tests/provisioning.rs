//! Provisioning templates: what comes out of them, and what is refused where.
#![expect(clippy::unwrap_used, reason = "a test's own machinery")]

use std::collections::BTreeMap;

use perennial_core::{
    certificate::CertificateStatus,
    ids::CertificateId,
    provisioning::{
        CertificateSource, Override, Provision, TemplateError, check_just_in_time, resolve,
        resolve_just_in_time,
    },
};
use serde_json::{Value, json};

/// AWS's own kind of template: a lamp with a serial number.
fn template() -> Value {
    json!({
        "Parameters": {
            "SerialNumber": { "Type": "String" },
            "Location": { "Type": "String", "Default": "WA" },
            "CSR": { "Type": "String" },
        },
        "Mappings": { "Types": { "WA": { "name": "lamp" }, "TX": { "name": "lantern" } } },
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {
                    "ThingName": { "Fn::Join": ["-", ["lamp", { "Ref": "SerialNumber" }]] },
                    "ThingTypeName": { "Fn::FindInMap": ["Types", { "Ref": "Location" }, "name"] },
                    "AttributePayload": {
                        "version": "v1",
                        "series": { "Fn::Select": [0, { "Fn::Split": [".", { "Ref": "SerialNumber" }] }] },
                    },
                    "ThingGroups": ["lamps", { "Ref": "Location" }],
                },
                "OverrideSettings": { "AttributePayload": "MERGE", "ThingTypeName": "REPLACE",
                    "ThingGroups": "DO_NOTHING" },
            },
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": { "CertificateSigningRequest": { "Ref": "CSR" } },
            },
            "policy": {
                "Type": "AWS::IoT::Policy",
                "Properties": { "PolicyName": { "Fn::Sub": "for-${Location}" } },
            },
        },
    })
}

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The template with something else in a place of it.
fn with(pointer: &str, value: Value) -> Result<Provision, TemplateError> {
    let mut template = template();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    template.pointer_mut(parent).unwrap()[member] = value;
    resolve(&template.to_string(), &given(&[("SerialNumber", "7:12"), ("CSR", "pem")]))
}

#[test]
fn a_template_and_parameters_become_what_is_wanted() {
    let parameters = given(&[("SerialNumber", "7:12"), ("CSR", "pem"), ("Location", "TX")]);

    let wanted = resolve(&template().to_string(), &parameters).unwrap();

    let thing = wanted.thing.unwrap();
    assert_eq!(thing.name.as_str(), "lamp-7:12");
    assert_eq!(thing.type_name.unwrap().as_str(), "lantern");
    let attributes = thing.attributes.unwrap();
    let attributes: Vec<_> = attributes.as_map().iter().collect();
    assert_eq!(
        attributes,
        [(&"series".to_owned(), &"7:12".to_owned()), (&"version".to_owned(), &"v1".to_owned())]
    );
    let groups: Vec<_> = thing.groups.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(groups, ["TX", "lamps"]);
    let overrides = (thing.attributes_override, thing.type_override, thing.groups_override);
    assert_eq!(overrides, (Override::Merge, Override::Replace, Override::DoNothing));
    assert_eq!(wanted.certificate.source, CertificateSource::Request("pem".to_owned()));
    assert_eq!(wanted.certificate.status, CertificateStatus::Active);
    assert_eq!(wanted.certificate.status_override, Override::Fail);
    assert_eq!(wanted.policies[0].name.as_ref().unwrap().as_str(), "for-TX");
    assert_eq!(wanted.policies[0].document, None);
}

#[test]
fn functions_make_texts() {
    let name = "/Resources/thing/Properties/ThingName";
    let made = |value: Value| with(name, value).unwrap().thing.unwrap().name.to_string();

    assert_eq!(made(json!({ "Fn::Sub": "a-${Location}" })), "a-WA");
    let with_values = json!({ "Fn::Sub": ["${a}_${Location}", { "a": { "Ref": "Location" } }] });
    assert_eq!(made(with_values), "WA_WA");
    assert_eq!(made(json!({ "Fn::Select": ["1", ["a", "b"]] })), "b");
    let split = json!({ "Fn::Join": ["_", { "Fn::Split": [":", { "Ref": "SerialNumber" }] }] });
    assert_eq!(made(split), "7_12");
}

#[test]
fn a_policys_variables_are_left_to_the_policy() {
    let statement = json!({ "Effect": "Allow", "Action": "iot:Connect",
        "Resource": "arn:aws:iot:local-1:000000000000:client/${iot:ClientId}" });
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
    let properties = "/Resources/policy/Properties";

    let object = with(properties, json!({ "PolicyDocument": document })).unwrap();
    let text = with(properties, json!({ "PolicyDocument": document.to_string() })).unwrap();

    assert_eq!(object.policies[0].document, text.policies[0].document);
    let read: Value =
        serde_json::from_str(object.policies[0].document.as_ref().unwrap().as_json()).unwrap();
    assert_eq!(read, document);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let at = |pointer: &str, value: Value| with(pointer, value).unwrap_err().at;
    let thing = "template.Resources.thing";
    let name = "/Resources/thing/Properties/ThingName";

    for (pointer, value, place) in [
        (name, json!("a b"), "template.Resources.thing.Properties.ThingName"),
        (name, json!({ "Ref": "Nothing" }), "template.Resources.thing.Properties.ThingName.Ref"),
        (
            name,
            json!({ "Ref": "CSR", "Fn::Sub": "" }),
            "template.Resources.thing.Properties.ThingName",
        ),
        (name, json!({ "Fn::Base64": "a" }), "template.Resources.thing.Properties.ThingName"),
        (
            name,
            json!({ "Fn::Sub": "${Location" }),
            "template.Resources.thing.Properties.ThingName.Fn::Sub",
        ),
        (
            name,
            json!({ "Fn::Select": [2, ["a"]] }),
            "template.Resources.thing.Properties.ThingName.Fn::Select",
        ),
        ("/Resources/thing/Properties/Colour", json!("red"), "template.Resources.thing.Properties"),
        ("/Resources/thing/Type", json!("AWS::IoT::Lamp"), "template.Resources.thing.Type"),
        (
            "/Resources/thing/OverrideSettings",
            json!({ "ThingName": "FAIL" }),
            "template.Resources.thing.OverrideSettings",
        ),
        (
            "/Resources/thing/OverrideSettings/ThingTypeName",
            json!("MERGE"),
            "template.Resources.thing.OverrideSettings.ThingTypeName",
        ),
        (
            "/Resources/certificate/Properties/CertificateId",
            json!("ab"),
            "template.Resources.certificate.Properties.CertificateId",
        ),
        (
            "/Resources/certificate/Properties",
            json!({}),
            "template.Resources.certificate.Properties",
        ),
        (
            "/Resources/certificate/Properties/Status",
            json!("REVOKED"),
            "template.Resources.certificate.Properties.Status",
        ),
        (
            "/Resources/policy/Properties",
            json!({ "PolicyDocument": "{}" }),
            "template.Resources.policy.Properties.PolicyDocument",
        ),
        (
            "/Resources/again",
            template()["Resources"]["certificate"].clone(),
            "template.Resources.certificate.Type",
        ),
        ("/Parameters/More", json!({ "Type": "String" }), "template.Parameters.More"),
        ("/Parameters/CSR/Type", json!("Number"), "template.Parameters.CSR.Type"),
        ("/Rules", json!({}), "template"),
    ] {
        assert_eq!(at(pointer, value), place, "{pointer}");
    }
    assert!(place_of(&[("SerialNumber", "7")]).starts_with("template.Parameters.CSR"));
    let too_many = [("SerialNumber", "7"), ("CSR", "pem"), ("Colour", "red")];
    assert_eq!(place_of(&too_many), "parameters.Colour");
    assert!(with(name, json!("lamp")).is_ok(), "{thing}");
}

fn place_of(parameters: &[(&str, &str)]) -> String {
    resolve(&template().to_string(), &given(parameters)).unwrap_err().at
}

#[test]
fn functions_within_functions_come_to_an_end() {
    let name = "/Resources/thing/Properties/ThingName";
    let deep = (0..20).fold(json!("a"), |inner, _| json!({ "Fn::Join": ["", [inner]] }));
    let doubling = (0..15).fold(
        json!("abcdefgh"),
        |inner, _| json!({ "Fn::Sub": ["${a}${a}${a}${a}", { "a": inner }] }),
    );

    let deep = with(name, deep).unwrap_err();
    let long = with(name, doubling).unwrap_err();

    assert!(deep.why.contains("too many functions"), "{deep}");
    assert!(long.why.contains("longer than"), "{long}");
    assert!(resolve(&" ".repeat(10_241), &BTreeMap::new()).is_err());
}

const ID: CertificateId = CertificateId::from_bytes([7; 32]);

/// A template whose parameters a certificate says.
fn just_in_time(certificate: &Value) -> String {
    let name = "AWS::IoT::Certificate::CommonName";
    json!({
        "Parameters": { name: { "Type": "String" }, "AWS::IoT::Certificate::Id": { "Type": "String" } },
        "Resources": {
            "thing": { "Type": "AWS::IoT::Thing", "Properties": { "ThingName": { "Ref": name } } },
            "certificate": { "Type": "AWS::IoT::Certificate", "Properties": certificate },
        },
    })
    .to_string()
}

#[test]
fn a_certificate_says_its_templates_parameters_and_provisions_itself_only() {
    let own = just_in_time(&json!({ "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" } }));
    let other = just_in_time(&json!({ "CertificateId": "ab".repeat(32) }));
    let subject = [("CommonName".to_owned(), vec!["pump-1".to_owned(), "pump-2".to_owned()])];

    let wanted = resolve_just_in_time(&own, ID, &subject.clone().into()).unwrap();
    let nameless = resolve_just_in_time(&own, ID, &BTreeMap::new()).unwrap_err();
    let of_another = resolve_just_in_time(&other, ID, &subject.into()).unwrap_err();

    assert_eq!(wanted.thing.unwrap().name.as_str(), "pump-1");
    assert_eq!(wanted.certificate.source, CertificateSource::Registered(ID));
    assert!(nameless.why.contains("no value"), "{nameless}");
    assert!(of_another.why.contains("AWS::IoT::Certificate::Id"), "{of_another}");
}

#[test]
fn a_template_by_which_nobody_provisions_themselves_is_refused() {
    let own = just_in_time(&json!({ "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" } }));
    let bad = [
        just_in_time(&json!({ "CertificateId": "ab".repeat(32) })),
        just_in_time(&json!({ "CertificateSigningRequest": "x" })),
        own.replace("CommonName", "Colour"),
        own.replace("AWS::IoT::Certificate\"", "AWS::IoT::Policy\""),
        "{}".to_owned(),
        "{".to_owned(),
    ];

    assert_eq!(check_just_in_time(&own), Ok(()));
    for template in bad {
        assert!(check_just_in_time(&template).is_err(), "{template}");
    }
}
