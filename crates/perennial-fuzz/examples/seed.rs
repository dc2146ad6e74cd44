//! Writes a small seed corpus: `cargo run -p perennial-fuzz --example seed`, in the root folder.
//! Keys and certificates are fresh each time; run it again only when a format changed.
#![expect(clippy::unwrap_used, reason = "a tool for the repository's own use")]

use std::{fs, path::Path};

use perennial_api::sigv4::{SigningSecret, sign};
use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, Digest, RotationId, ThingName},
    message::ProofKind,
    policy::Document,
    rotation::{Cause, Input, Opening, Presence, Timing, open},
    time::{Timestamp, days},
};
use perennial_orchestrator::port::Fact;
use perennial_pki::{Authority, Expectation, Profile, Serial, SigningKey, sign_proof};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, date_time_ymd,
};
use serde_json::{json, to_string};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn main() {
    mqtt();
    topics();
    payloads();
    policies();
    x509();
    revocations();
    requests();
    rules();
    provisioning();
    inputs();
    queries();
    filters();
    stored();
    configs();
}

fn filters() {
    for (name, policy, body) in [
        ("exact", r#"{"key": ["a", 1, null]}"#, "a"),
        ("array", r#"{"key": [{"anything-but": ["a", 5]}]}"#, r#"["a", 1, true]"#),
        ("number", r#"{"key": [{"numeric": [">", 0, "<=", 150]}]}"#, "12.5"),
        ("body", r#"{"a": {"b": [{"prefix": "x"}, {"suffix": "y"}]}}"#, r#"{"a": [{"b": "xy"}]}"#),
        (
            "or",
            r#"{"$or": [{"a": [{"exists": false}]}, {"b": [{"cidr": "10.0.0.0/8"}]}]}"#,
            r#"{"b": "10.1.1.1"}"#,
        ),
        (
            "case",
            r#"{"key": [{"equals-ignore-case": "x"}, {"anything-but": {"prefix": "x"}}]}"#,
            "X",
        ),
        (
            "retry",
            r#"{"healthyRetryPolicy": {"numRetries": 9, "minDelayTarget": 1}}"#,
            "https://a/",
        ),
    ] {
        seed("filter", name, format!("{policy}\n{body}"));
    }
}

fn seed(target: &str, name: &str, octets: impl AsRef<[u8]>) {
    let folder = Path::new("fuzz/corpus").join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), octets).unwrap();
}

/// `first` in front of `rest`.
fn led(first: u8, rest: impl AsRef<[u8]>) -> Vec<u8> {
    [&[first], rest.as_ref()].concat()
}

fn mqtt() {
    let connect_3 = b"\x10\x12\0\x04MQTT\x04\x02\0\x3c\0\x06pump-1";
    let connect_5 = b"\x10\x18\0\x04MQTT\x05\x02\0\x3c\x05\x11\0\0\0\x0a\0\x06pump-1";
    let publish_3 = b"\x32\x09\0\x03a/b\0\x01{}\xc0\0\xe0\0";
    let publish_5 = b"\x32\x0a\0\x03a/b\0\x01\0{}\x82\x09\0\x02\0\0\x03a/#\x01\xc0\0";
    let will = b"\x10\x1e\0\x04MQTT\x04\x06\0\x3c\0\x06pump-1\0\x04will\0\x04gone";
    seed("mqtt", "connect_3", led(64, connect_3));
    seed("mqtt", "connect_5", led(1, connect_5));
    seed("mqtt", "publish_3", led(3, [&connect_3[..], publish_3].concat()));
    seed("mqtt", "publish_5", led(5, [&connect_5[..], publish_5].concat()));
    seed("mqtt", "will_3", led(7, will));
}

fn topics() {
    seed("topic", "wild", "+/b/#\na/b/c");
    seed("topic", "dollar", "#\n$aws/things");
    seed("topic", "management", "management/topic/+/csr_res\nmanagement/topic/pump-1/csr_res");
}

fn payloads() {
    let id = "0123456789abcdef".repeat(2);
    let digest = "ab".repeat(32);
    let messages = [
        json!({"rotationId": id, "rekey": true, "algorithms": ["EC_P256"], "commonName": "pump-1",
            "renewBy": 1, "serverTime": 2, "refused": "weak_key", "refusedCSR": digest}),
        json!({"CSR": "-----BEGIN CERTIFICATE REQUEST-----\n", "rotationId": id, "proof": "AA=="}),
        json!({"rotationId": id, "certificateId": digest, "certificatePem": "a", "chainPem": "b",
            "caPem": "c", "serverTime": 3}),
        json!({"rotationId": id, "certificateId": digest, "hook": {"exitCode": 3}}),
        json!({"error": "no room \u{e9}", "rotationId": id, "code": "key_failed", "phase": "trial"}),
        json!({"about": "csr_res", "code": "other_rotation", "reason": "no", "rotationId": id}),
    ];
    for (kind, message) in (0u8..).zip(messages) {
        seed("payload", &format!("kind_{kind}"), led(kind, message.to_string()));
    }
    seed("payload", "empty_ack", [3]);
}

fn policies() {
    let device = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect",
         "Resource": "arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}",
         "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}},
        {"Effect": "Deny", "Action": ["iot:Publish", "iot:Receive"],
         "Resource": ["arn:aws:iot:*:*:topic/${iot:ClientId}/?", "*"],
         "Condition": {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]},
            "DateLessThan": {"iot:Connection.Thing.Attributes[made]": "2030-01-01T00:00:00Z"}}}]});
    let will = json!({"Version": "2012-10-17", "Statement":
        {"Sid": "a", "Effect": "Allow", "Action": "iot:*", "Resource": "*",
         "Condition": {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["LastWill"]},
            "ArnLike": {"iot:LastWillTopic": "arn:aws:iot:*:*:topic/${iot:ClientId}/*"},
            "StringLikeIfExists": {"iot:Certificate.Subject.CommonName.1": "pump-*"},
            "NumericLessThan": {"iot:Connection.Thing.Attributes[site]": "7"}}}});
    for (name, topic, document) in [("device", "pump-1", device), ("will", "pump-1/x", will)] {
        let document = document.to_string();
        Document::parse(&document).unwrap();
        seed("policy", name, format!("{topic}\n{document}"));
    }
}

fn x509() {
    let folder = std::env::temp_dir().join(format!("perennial-seed-{}", std::process::id()));
    let draw = aws_lc_rs::rand::SystemRandom::new();
    let authority = Authority::open_or_create(&folder, NOW, &draw).unwrap();
    let thing = ThingName::new("pump-1").unwrap();
    for (name, key) in [
        ("p256", SigningKey::generate_p256().unwrap()),
        ("p384", SigningKey::generate_p384().unwrap()),
    ] {
        let csr = key.certificate_request("pump-1").unwrap();
        seed("csr", &format!("{name}.pem"), csr.to_pem());
        seed("csr", &format!("{name}.der"), csr.as_der());
        let verified = csr.verify(&Expectation { common_name: Some("pump-1") }).unwrap();
        let serial = Serial::random().unwrap();
        let prepared =
            authority.prepare(verified, &Profile::default(), &thing, serial, NOW).unwrap();
        let issued = authority.sign(prepared).unwrap();
        let chain = format!("{}{}{}", issued.pem(), authority.chain_pem(), authority.root_pem());
        seed("certificate", &format!("{name}.pem"), chain);
        seed("certificate", &format!("{name}.der"), &issued.der);
        key_and_proof(name, &key, &folder);
    }
    let _ = fs::remove_dir_all(folder);
}

fn key_and_proof(name: &str, key: &SigningKey, folder: &Path) {
    let path = folder.join(name);
    key.write_new(&path).unwrap();
    seed("key_file", name, fs::read(path).unwrap());
    let (rotation, subject) = (RotationId::from_bytes([1; 16]), Digest::from_bytes([2; 32]));
    let proof = sign_proof(key, ProofKind::Possession, &rotation, &subject).unwrap();
    let spki = key.public_key().spki();
    seed("proof", name, measured(spki, proof.0.as_bytes()));
}

/// `first` with its length in front, then `rest`.
fn measured(first: &[u8], rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(first.len()).unwrap().to_be_bytes();
    [&length[..], first, rest].concat()
}

fn revocations() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let revoked = RevokedCertParams {
        serial_number: rcgen::SerialNumber::from(7u64),
        revocation_time: date_time_ymd(2026, 1, 2),
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 3),
        next_update: date_time_ymd(2026, 2, 3),
        crl_number: rcgen::SerialNumber::from(1u64),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = params.signed_by(&issuer).unwrap();
    perennial_pki::read_crl(list.der(), &[issuer.der()]).unwrap();
    seed("crl", "der", measured(issuer.der(), list.der()));
    seed("crl", "pem", measured(issuer.der(), list.pem().unwrap().as_bytes()));
}

fn provisioning() {
    let thing = json!({ "Type": "AWS::IoT::Thing", "Properties": {
        "ThingName": { "Fn::Join": ["-", ["lamp", { "Ref": "a" }]] },
        "AttributePayload": { "s": { "Fn::Select": [0, { "Fn::Split": [".", { "Ref": "b" }] }] } },
        "ThingGroups": [{ "Fn::FindInMap": ["m", "k", "v"] }] },
        "OverrideSettings": { "AttributePayload": "MERGE", "ThingGroups": "REPLACE" } });
    let certificate = json!({ "Type": "AWS::IoT::Certificate",
        "Properties": { "CertificateSigningRequest": { "Fn::Sub": ["${x}${b}", { "x": { "Ref": "a" } }] } } });
    let policy = json!({ "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": "p" } });
    let template = json!({
        "Parameters": { "a": { "Type": "String" }, "b": { "Type": "String", "Default": "1.2" } },
        "Mappings": { "m": { "k": { "v": "lamps" } } },
        "Resources": { "t": thing, "c": certificate, "p": policy } });
    seed("provisioning", "whole", format!("{template}\0seven"));
    let known = json!({ "Resources": { "c": { "Type": "AWS::IoT::Certificate",
        "Properties": { "CertificateId": "ab".repeat(32), "Status": "INACTIVE" } } } });
    seed("provisioning", "known", known.to_string());
}

/// What is read of requests that are believed.
fn inputs() {
    let search = json!({ "queryString": "thingName:a", "maxResults": 7 });
    let thing = json!({ "thingTypeName": "t", "attributePayload": { "attributes": { "a": "1" } } });
    let id = "ab".repeat(32);
    seed("request", "body", format!("POST\n/indices/search\0{search}"));
    seed("request", "path", format!("POST\n/things/a%2Db\0{thing}"));
    seed("request", "query", format!("PUT\n/certificates/{id}?newStatus=INACTIVE\0"));
    seed("request", "list", "GET\n/things?maxResults=7&attributeName=a%20b&attributeValue=c\0");
    seed("request", "message", "POST\n/topics/a%2Fb?qos=1&retain=true\0octets");
    let update =
        json!({ "auditCheckConfigurations": { "LOGGING_DISABLED_CHECK": { "enabled": true } } });
    seed("request", "audit", format!("PATCH\n/audit/configuration\0{update}"));
}

fn queries() {
    seed("query", "fields", "thingName:pump-1 attributes.a\\:b:\"x/y\" certificate.notAfter<=2000");
    seed("query", "groups", "thingName:(pump* AND -p?mp-1) OR NOT (wet thingTypeName:pump)");
    seed("query", "ranges", "attributes.a:[-1 TO 2.5} OR connectivity.timestamp:{* TO \"3\"]");
}

fn requests() {
    let mut request = http::Request::builder()
        .method("GET")
        .uri("/things/pump%2D1?maxResults=7&nextToken=a%2Fb")
        .header("host", "localhost:8443")
        .body(Vec::new())
        .unwrap();
    sign(&mut request, "AKIASEED", &SigningSecret::new("seed"), "local-1", NOW).unwrap();
    let uri = request.uri();
    let mut text = format!("GET\n{}\n{}", uri.path(), uri.query().unwrap());
    for (name, value) in request.headers() {
        text.push_str(&format!("\n{name}: {}", value.to_str().unwrap()));
    }
    seed("signature", "get", text);
}

fn rules() {
    let reference = "SELECT clientid() as clientid, * FROM 'management/topic/+/csr_res'";
    let wide = "SELECT VALUE {'a': [1.5, -2E3, cast(x AS Int)], 'b': (SELECT y AS z FROM e AS q \
        WHERE q.y IN [1] AND NOT EXISTS (SELECT * FROM q.r))} FROM \"#\" WHERE CASE topic(1) WHEN \
        'a' THEN regexp_matches(t, '(a|b)+$') ELSE length(substring(t, 1, 2)) > 1 END";
    let times = "SELECT parse_time(\"yyyy-MM-dd'T'HH:mm:ss.SSSZZ\", timestamp(), 'X/Y') AS w, \
        time_to_epoch(t, 'd MMM yy h:mm a VV') AS r, decode(encode(*, 'base64'), 'base64') AS d \
        FROM 'a/b' WHERE transform('enrichArray', o, l) <> concat(l, 1) OR get(l, 0) % 2 = 1";
    let payload = r#"{"x": "7", "e": [{"y": 1, "r": []}], "t": "3 Apr 20 1:05 PM X/Y",
        "o": {"a": 1}, "l": [1, 89014103211118510720, "\u00e9", null, true, 1.50e-7]}"#;
    for (name, sql) in [("reference", reference), ("wide", wide), ("times", times)] {
        perennial_core::rule::Rule::parse(sql).unwrap();
        seed("rule", name, format!("{sql}\0{payload}"));
    }
    let template = "${topic()}/${get({'a': '}'}, 'a')}/$$${x + 1}-${missing}";
    perennial_core::rule::Template::parse(template).unwrap();
    seed("template", "several", format!("{template}\0{payload}"));
    let document = r#"{"sql": "SELECT *, topic(2) AS s FROM 'a/+'", "actions": [
        {"republish": {"topic": "b/${s}", "qos": 1, "headers": {"messageExpiry": "${x}",
            "correlationData": "AQI=", "userProperties": [{"key": "k", "value": "${t}"}]}}},
        {"http": {"url": "https://a.example/${topic(1)}", "confirmationUrl": "https://a.example",
            "headers": [{"key": "X-S", "value": "${s}"}], "enableBatching": true, "batchConfig":
            {"maxBatchSize": 2, "batchAcrossTopics": true}, "auth": {"sigv4": {"signingRegion": "r",
            "serviceName": "s", "roleArn": "arn:aws:iam::1:role/r"}}}},
        {"file": {"name": "${topic(2)}.jsonl"}}, {"stdout": {}},
        {"sns": {"targetArn": "arn:aws:sns:r:1:t", "messageFormat": "JSON"}},
        {"lambda": {"functionArn": "arn:aws:lambda:r:1:function:f"}}],
        "errorAction": {"republish": {"topic": "$$x/errors"}}}"#;
    serde_json::from_str::<perennial_core::rule::TopicRule>(document).unwrap().ready().unwrap();
    seed("topic_rule", "every_action", format!("{document}\0{payload}"));
    seed("rule_payload", "members", payload);
    seed("rule_payload", "escapes", r#"["\ud83d\ude00\n\"", "\\", {"a\u0000": -0.0}]"#);
}

fn stored() {
    let certificate_id = CertificateId::from_bytes([7; 32]);
    let opening = Opening {
        id: RotationId::from_bytes([1; 16]),
        thing: ThingName::new("pump-1").unwrap(),
        outgoing: Certificate {
            certificate_id,
            status: CertificateStatus::Active,
            validity: Validity { not_before: NOW - days(1), not_after: NOW + days(7) },
            created_at: NOW,
        },
        cause: Cause::Operator,
        rekey: true,
        draw: 7,
    };
    let (rotation, state) = open(opening, &Timing::default(), NOW);
    let input = Input::DeadlinePassed { presence: Presence::Online(certificate_id) };
    let state = to_string(&state).unwrap();
    let rotation = to_string(&rotation).unwrap();
    let timing = to_string(&Timing::default()).unwrap();
    let asking = format!("[{rotation},{state},{timing},{}]", to_string(&input).unwrap());
    let hex = certificate_id.to_string();
    let waiting = json!({"state": "AwaitingAck", "incoming": hex, "csr": hex, "deliveries": 8,
        "seenAt": null, "dueAt": 5});
    let late = format!(
        "[{rotation},{waiting},{timing},{}]",
        json!({"input": "err_received", "sender": {"session": hex, "proven": null},
            "rotation_id": null, "code": "expired", "text": "x", "phase": "trial"})
    );
    let fact = Fact::CertificateWithdrawn { certificate_id };
    seed("stored", "rotation", led(0, &rotation));
    seed("stored", "command", led(1, json!({"command": "enroll", "incoming": hex}).to_string()));
    seed("stored", "fact", led(3, to_string(&fact).unwrap()));
    seed("stored", "asking", led(7, asking));
    seed("stored", "late", led(7, late));
}

fn configs() {
    let agent = "client_id = \"pump-1\"\nserver = \"[::1]:8883\"\ndata = \"/d\"\n\
        [hook]\ncommand = [\"true\"]\ntimeout_seconds = 3\n";
    seed("config", "agent", agent);
}
