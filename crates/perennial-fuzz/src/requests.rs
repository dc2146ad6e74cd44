//! Signed requests to the API, as anybody may send them before anybody is believed.

use http::{HeaderMap, HeaderName, HeaderValue};
use perennial_api::sigv4::{Claim, Parts, SigningSecret, digest};
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

fn field(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.parse().ok()?, HeaderValue::from_str(value.trim()).ok()?))
}
