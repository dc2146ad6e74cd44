//! Requests to the API: signatures, before anybody is believed, and what is read of a request that
//! is.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use perennial_api::{
    fuzzing::Operations,
    sigv4::{Claim, Parts, Service, SigningSecret, digest},
};
use perennial_core::time::Timestamp;

/// Method, path and query, a line each, then the header fields, a line each.
pub(crate) fn signature(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (method, path, query) = (next(), next(), next());
    let headers: HeaderMap = lines.filter_map(field).collect();
    let parts = Parts { method, path, query, headers: &headers };
    let Ok(claim) = Claim::read(parts) else { return };

    let secret = SigningSecret::new("seed");
    let verified = claim.verify(parts, &digest(b""), &secret);

    // The seeds' signature is good for the seeds' secret only.
    if verified.is_ok() {
        assert!(claim.verify(parts, &digest(b""), &SigningSecret::new("other")).is_err());
        assert!(claim.verify(parts, &digest(b"x"), &secret).is_err());
    }
    let _ = (claim.access_key_id(), claim.service());
    let _ = claim.check_scope("local-1", Timestamp::from_secs(1_800_000_000));
}

static OPERATIONS: LazyLock<Operations> = LazyLock::new(Operations::new);

/// Method and path with query, a line each, then, an octet 0 behind, the body. What cannot be the
/// input of the operation that is meant is the caller's fault, and told in few words.
pub(crate) fn request(input: &[u8]) {
    let (head, body) = super::cut(input, 0);
    let Ok(head) = str::from_utf8(head) else { return };
    let (method, target) = head.split_once('\n').unwrap_or(("POST", head));
    let (Ok(method), Ok(uri)) = (method.parse::<Method>(), target.parse::<Uri>()) else { return };

    for service in [Service::Iot, Service::IotData] {
        let read = OPERATIONS.read(service, (&method, &uri), None, body);

        assert_eq!(read, OPERATIONS.read(service, (&method, &uri), None, body));
        let Err(refused) = read else { continue };
        let status = refused.code.status();
        let is_callers = status.is_client_error() && status != StatusCode::FORBIDDEN;
        assert!(is_callers && !refused.message.is_empty(), "{refused}");
    }
}

fn field(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.parse().ok()?, HeaderValue::from_str(value.trim()).ok()?))
}
