//! Signature Version 4 against botocore: what it signs is accepted, and nothing that differs.

#![allow(clippy::unwrap_used, reason = "a test's own machinery")]

use std::{path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use perennial_api::sigv4::{Claim, Parts, SignatureError, SigningSecret, digest, sign};
use perennial_core::time::Timestamp;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use serde::Deserialize;

const KEY: &str = "PRNLTESTTESTTESTTEST";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const REGION: &str = "local-1";

#[derive(Debug, Clone, Deserialize)]
struct Signed {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Signed {
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn body(&self) -> Vec<u8> {
        STANDARD.decode(&self.body).unwrap()
    }

    fn header(&mut self, name: &str) -> &mut String {
        let found = self.headers.iter_mut().find(|(found, _)| found.eq_ignore_ascii_case(name));
        &mut found.unwrap().1
    }

    fn check_at(&self, now: Timestamp) -> Result<(), SignatureError> {
        let (headers, body) = (self.headers(), self.body());
        let (method, path, query) = (&*self.method, &*self.path, &*self.query);
        let parts = Parts { method, path, query, headers: &headers };
        let claim = Claim::read(parts)?;
        assert_eq!(claim.access_key_id(), KEY);
        claim.check_scope(REGION, now)?;
        claim.verify(parts, &digest(&body), &SigningSecret::new(SECRET))
    }

    fn check(&self) -> Result<(), SignatureError> {
        self.check_at(SystemClock.now())
    }
}

/// Requests that botocore signed: some made up from `seed`, and one of each operation it knows.
fn signed_by_botocore(made_up: u32, seed: u64) -> Vec<Signed> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../../target/python/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask setup`", python.display());
    let mut command = Command::new(python);
    command.arg(here.join("tests/sign.py")).args([made_up.to_string(), seed.to_string()]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One request, signed by our own client.
fn signed_here() -> Signed {
    let mut request = http::Request::builder()
        .method("PUT")
        .uri("/certificates/abc?newStatus=ACTIVE")
        .header("host", "localhost:8443")
        .header("x-amzn-principal", "arn")
        .body(b"{\"a\":1}".to_vec())
        .unwrap();
    sign(&mut request, KEY, &SigningSecret::new(SECRET), REGION, SystemClock.now()).unwrap();
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let headers = request.headers();
    Signed {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap().to_owned(),
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: STANDARD.encode(request.body()),
    }
}

#[test]
fn what_botocore_signs_is_accepted_and_nothing_that_differs() {
    let seed = fastrand::u64(..1 << 40);

    let requests = signed_by_botocore(500, seed);

    assert!(requests.len() > 700, "{} requests", requests.len());
    for request in requests {
        assert_eq!(request.check(), Ok(()), "seed {seed}: {request:?}");
        for (what, tampered) in tampered(&request) {
            assert!(tampered.check().is_err(), "seed {seed}, {what}: {tampered:?}");
        }
    }
}

/// The request with one thing changed, each in its own way.
fn tampered(request: &Signed) -> Vec<(&'static str, Signed)> {
    let with = |change: &dyn Fn(&mut Signed)| {
        let mut tampered = request.clone();
        change(&mut tampered);
        tampered
    };
    let add = |name: &str, value: &str| {
        with(&|it: &mut Signed| it.headers.push((name.to_owned(), value.to_owned())))
    };
    let edit = |change: &dyn Fn(&str) -> String| {
        with(&|it: &mut Signed| {
            let changed = change(it.header("authorization"));
            *it.header("authorization") = changed;
        })
    };
    vec![
        ("method", with(&|it| it.method = if it.method == "GET" { "PUT" } else { "GET" }.into())),
        ("path", with(&|it| it.path.push('x'))),
        ("query", with(&|it| it.query.push_str("&x=1"))),
        ("body", with(&|it| it.body = STANDARD.encode([it.body(), vec![b' ']].concat()))),
        ("host", with(&|it| it.header("host").push('0'))),
        ("no date", with(&|it| it.headers.retain(|(name, _)| name != "X-Amz-Date"))),
        ("earlier", with(&|it| it.header("x-amz-date").replace_range(14..15, "x"))),
        ("another header of AWS's", add("x-amz-target", "x")),
        ("a principal that was not signed, or a second one", add("x-amzn-principal", "x")),
        ("a second date", add("x-amz-date", "20150830T123600Z")),
        ("a second host", add("host", "elsewhere")),
        ("a session token", add("x-amz-security-token", "token")),
        ("a digest of another body", add("x-amz-content-sha256", "UNSIGNED-PAYLOAD")),
        ("signature", edit(&|it| flip_last_digit(it))),
        ("no signature", edit(&|it| it[..it.len() - 64].to_owned())),
        ("half a signature", edit(&|it| it[..it.len() - 32].to_owned())),
        ("host left out", edit(&|it| it.replace("host;", ""))),
        ("out of order", edit(&|it| it.replace("host;x-amz-date", "x-amz-date;host"))),
        ("region", edit(&|it| it.replace("/local-1/", "/us-east-1/"))),
        ("service", edit(&|it| it.replace("/iot/", "/iotdata/"))),
        ("no such service", edit(&|it| it.replace("/iot/", "/s3/"))),
        ("terminator", edit(&|it| it.replace("aws4_request", "aws5_request"))),
        ("algorithm", edit(&|it| it.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"))),
        ("another parameter", edit(&|it| format!("{it}, X=y"))),
        ("a parameter twice", edit(&|it| format!("{it}, Signature={}", "0".repeat(64)))),
        ("bearer", edit(&|_| "Bearer token".to_owned())),
        ("nothing", with(&|it| it.headers.retain(|(name, _)| name != "Authorization"))),
    ]
}

fn flip_last_digit(authorization: &str) -> String {
    let (rest, last) = authorization.split_at(authorization.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[test]
fn our_own_client_signs_what_the_server_accepts() {
    assert_eq!(signed_here().check(), Ok(()));
}

#[test]
fn a_signature_counts_for_five_minutes_each_way() {
    let (request, now) = (signed_here(), SystemClock.now());
    let at = |secs: i64| request.check_at(Timestamp::from_secs(now.as_secs() + secs));

    assert_eq!((at(298), at(-298)), (Ok(()), Ok(())));
    for (secs, says) in [(302, "Signature expired: "), (-302, "Signature not yet current: ")] {
        let refused = at(secs).unwrap_err();
        assert!(matches!(&refused, SignatureError::Invalid(text) if text.starts_with(says)));
    }
}

#[test]
fn each_kind_of_fault_has_its_own_error() {
    let said = |change: &dyn Fn(&mut Signed)| {
        let mut request = signed_here();
        change(&mut request);
        request.check().unwrap_err()
    };

    let nobody = said(&|it| it.headers.retain(|(name, _)| name != "authorization"));
    let token = said(&|it| it.headers.push(("x-amz-security-token".into(), "t".into())));
    let presigned = said(&|it| it.query = "X-Amz-Algorithm=x&X-Amz-Signature=y".into());
    let bearer = said(&|it| *it.header("authorization") = "Bearer x".into());
    let other = said(&|it| it.path = "/certificates/abd".into());
    let dots = said(&|it| it.path = "/things/../certificates/abc".into());

    assert_eq!(nobody, SignatureError::Missing);
    assert!(matches!(token, SignatureError::Unrecognized(_)));
    for incomplete in [presigned, bearer, dots] {
        assert!(matches!(incomplete, SignatureError::Incomplete(_)), "{incomplete:?}");
    }
    assert!(matches!(other, SignatureError::Invalid(_)));
}
