//! Signing: the key for a day, region and service, and the signature it makes.

use aws_lc_rs::{
    constant_time,
    hmac::{self, HMAC_SHA256, Key, Tag},
};
use http::HeaderValue;
use perennial_core::time::Timestamp;
use zeroize::Zeroizing;

use super::{
    CredentialScope, Parts, Service, SignatureError,
    canonical::{canonical_request, digest},
    scope::SignedFor,
};

/// The algorithm's name, as the header begins and the text to sign.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// An access key's secret; wiped when dropped, never shown.
#[derive(Clone)]
pub struct SigningSecret(Zeroizing<String>);

impl SigningSecret {
    /// The secret with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The key that signs within `scope`.
    fn key(&self, scope: SignedFor<'_>) -> Key {
        let secret = Zeroizing::new(format!("AWS4{}", self.0.as_str()));
        let parts = [scope.date, scope.region, scope.service, "aws4_request"];
        parts.into_iter().fold(Key::new(HMAC_SHA256, secret.as_bytes()), |key, part| {
            Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
        })
    }

    /// The signature over `canonical`.
    fn sign(&self, canonical: &[u8], amz_date: &str, scope: SignedFor<'_>) -> Tag {
        let text = format!("{ALGORITHM}\n{amz_date}\n{scope}\n{}", digest(canonical));
        hmac::sign(&self.key(scope), text.as_bytes())
    }

    /// Whether `signature` is the one over `canonical`, in constant time.
    pub(super) fn verifies(
        &self,
        canonical: &[u8],
        amz_date: &str,
        scope: &CredentialScope,
        signature: &[u8; 32],
    ) -> bool {
        let wanted = self.sign(canonical, amz_date, scope.signed_for());
        constant_time::verify_slices_are_equal(wanted.as_ref(), signature).is_ok()
    }
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret")
    }
}

/// Signs a request to this server's control plane; as [`sign_for`].
///
/// # Errors
/// As [`sign_for`].
pub fn sign(
    request: &mut http::Request<Vec<u8>>,
    access_key_id: &str,
    secret: &SigningSecret,
    region: &str,
    now: Timestamp,
) -> Result<(), SignatureError> {
    sign_for(request, (access_key_id, secret), (region, Service::Iot.as_str()), now)
}

/// Signs a request to a service of a region as a client does: adds `x-amz-date` and
/// `authorization`. `host` must be among the request's header fields already; all that are there
/// get signed.
///
/// # Errors
/// [`SignatureError`] when the path cannot be signed or a value cannot stand in a header.
pub fn sign_for<B: AsRef<[u8]>>(
    request: &mut http::Request<B>,
    (access_key_id, secret): (&str, &SigningSecret),
    (region, service): (&str, &str),
    now: Timestamp,
) -> Result<(), SignatureError> {
    let amz_date = format_date(now);
    let scope = SignedFor { date: amz_date.get(..8).unwrap_or_default(), region, service };
    request.headers_mut().insert("x-amz-date", header(&amz_date)?);
    let mut signed: Vec<String> = request.headers().keys().map(ToString::to_string).collect();
    signed.sort_unstable();
    let parts = Parts {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        headers: request.headers(),
    };
    let canonical = canonical_request(parts, &signed, &digest(request.body().as_ref()))?;
    let signature = hex::encode(secret.sign(&canonical, &amz_date, scope));
    let value = format!(
        "{ALGORITHM} Credential={access_key_id}/{scope}, SignedHeaders={}, Signature={signature}",
        signed.join(";")
    );
    request.headers_mut().insert(http::header::AUTHORIZATION, header(&value)?);
    Ok(())
}

fn header(value: &str) -> Result<HeaderValue, SignatureError> {
    let text = "the access key cannot stand in a header";
    HeaderValue::from_str(value).map_err(|_| SignatureError::incomplete(text))
}

/// `YYYYMMDDTHHMMSSZ`.
pub(super) fn format_date(at: Timestamp) -> String {
    let shown = jiff::Timestamp::from_second(at.as_secs()).unwrap_or_default();
    shown.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Reads what [`format_date`] writes.
pub(super) fn read_date(text: &str) -> Option<Timestamp> {
    let shaped = text.len() == 16 && text.is_ascii() && text.as_bytes()[8] == b'T';
    if !shaped || !text.ends_with('Z') {
        return None;
    }
    let read = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let at = jiff::tz::Offset::UTC.to_timestamp(read).ok()?;
    Some(Timestamp::from_secs(at.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_reads_back_and_nothing_else_reads() {
        let at = Timestamp::from_secs(1_440_938_160);

        assert_eq!(format_date(at), "20150830T123600Z");
        assert_eq!(read_date("20150830T123600Z"), Some(at));
        let bad =
            ["", "20150830T123600", "20150830 123600Z", "20151330T123600Z", "２0150830T1236Z"];
        for bad in bad {
            assert_eq!(read_date(bad), None, "{bad}");
        }
    }
}
