//! What a request claims about who signed it, and whether that is true.

use std::time::Duration;

use http::HeaderMap;
use perennial_core::time::Timestamp;

use super::{
    CredentialScope, Parts, Service, SignatureError, SigningSecret,
    canonical::canonical_request,
    signing::{ALGORITHM, format_date, read_date},
};

/// How far the time of signing may be from the server's, either way.
const SKEW: Duration = Duration::from_secs(300);

/// The most header fields that a signature may cover.
const MAX_SIGNED: usize = 100;

/// Who says to have signed a request, when and for what; nothing of it is shown yet.
#[derive(Debug, Clone)]
pub struct Claim {
    access_key_id: String,
    scope: CredentialScope,
    amz_date: String,
    signed_at: Timestamp,
    signed_headers: Vec<String>,
    signature: [u8; 32],
}

impl Claim {
    /// Reads the claim from a request's header fields.
    ///
    /// # Errors
    /// [`SignatureError::Missing`] when there is none, `Incomplete` when it cannot be read,
    /// `Unrecognized` when it comes with a session token.
    pub fn read(parts: Parts<'_>) -> Result<Self, SignatureError> {
        if has_query_signature(parts.query) {
            let text = "Signatures in the query string are not accepted: sign in the header.";
            return Err(SignatureError::incomplete(text));
        }
        let authorization = only(parts.headers, "authorization")?.ok_or(SignatureError::Missing)?;
        if parts.headers.contains_key("x-amz-security-token") {
            return Err(SignatureError::Unrecognized(
                "The security token included in the request is invalid: session tokens are not \
                 accepted, use an access key of this server.",
            ));
        }
        let fields = Fields::read(authorization)?;
        let amz_date = only(parts.headers, "x-amz-date")?.ok_or_else(|| {
            SignatureError::incomplete("Authorization header requires existence of 'X-Amz-Date'.")
        })?;
        let signed_at = read_date(amz_date).ok_or_else(|| {
            SignatureError::incomplete(
                "Date must be in ISO-8601 'basic format': 'X-Amz-Date' is YYYYMMDD'T'HHMMSS'Z'.",
            )
        })?;
        let claim = fields.claim(amz_date, signed_at)?;
        claim.check_coverage(parts.headers)?;
        Ok(claim)
    }

    /// The access key it names.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The service it is for.
    pub fn service(&self) -> Service {
        self.scope.service
    }

    /// Whether it is for this region and was signed within five minutes of `now`.
    ///
    /// # Errors
    /// [`SignatureError::Invalid`] says which it is not.
    pub fn check_scope(&self, region: &str, now: Timestamp) -> Result<(), SignatureError> {
        if self.scope.region != region {
            let text = format!(
                "Credential should be scoped to a valid region: '{region}', not '{}'.",
                self.scope.region
            );
            return Err(SignatureError::Invalid(text));
        }
        let (signed, shown) = (&self.amz_date, format_date(now));
        if self.signed_at + SKEW < now {
            let text = format!(
                "Signature expired: {signed} is now earlier than {} ({shown} - 5 min.)",
                format_date(now - SKEW)
            );
            return Err(SignatureError::Invalid(text));
        }
        if now + SKEW < self.signed_at {
            let text = format!(
                "Signature not yet current: {signed} is still later than {} ({shown} + 5 min.)",
                format_date(now + SKEW)
            );
            return Err(SignatureError::Invalid(text));
        }
        Ok(())
    }

    /// Whether `secret` made the signature over this request with a body of this SHA-256 (in
    /// hexadecimal, computed from the body as it came).
    ///
    /// # Errors
    /// [`SignatureError::Invalid`] when it did not.
    pub fn verify(
        &self,
        parts: Parts<'_>,
        body_digest: &str,
        secret: &SigningSecret,
    ) -> Result<(), SignatureError> {
        if let Some(claimed) = only(parts.headers, "x-amz-content-sha256")?
            && claimed != body_digest
        {
            let text =
                "The provided 'x-amz-content-sha256' header does not match what was computed.";
            return Err(SignatureError::Invalid(text.to_owned()));
        }
        let canonical = canonical_request(parts, &self.signed_headers, body_digest)?;
        if secret.verifies(&canonical, &self.amz_date, &self.scope, &self.signature) {
            return Ok(());
        }
        Err(SignatureError::mismatch())
    }

    /// `host` and whatever could change what the request means must be signed.
    fn check_coverage(&self, headers: &HeaderMap) -> Result<(), SignatureError> {
        let is_signed = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        only(headers, "host")?;
        let amz = headers.keys().map(http::HeaderName::as_str).filter(|name| {
            // A load balancer may add a trace id; nothing here reads it.
            name.starts_with("x-amz") && *name != "x-amzn-trace-id"
        });
        match std::iter::once("host").chain(amz).find(|name| !is_signed(name)) {
            Some(name) => Err(SignatureError::Invalid(format!(
                "'Host' and every 'x-amz*' header must be in 'SignedHeaders': '{name}' is not."
            ))),
            None => Ok(()),
        }
    }
}

/// The fields of an `Authorization` header.
struct Fields<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Fields<'a> {
    fn read(authorization: &'a str) -> Result<Self, SignatureError> {
        let fields = authorization.strip_prefix(ALGORITHM).filter(|rest| rest.starts_with(' '));
        let fields = fields.ok_or_else(|| {
            SignatureError::incomplete(format!("Authorization header must begin '{ALGORITHM} '."))
        })?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in fields.split(',').map(str::trim) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => {
                    return Err(SignatureError::incomplete(
                        "Authorization header has a parameter other than 'Credential', 'SignedHeaders' and 'Signature'.",
                    ));
                }
            };
            if place.replace(value).is_some() {
                let text = format!("Authorization header has more than one '{name}' parameter.");
                return Err(SignatureError::Incomplete(text));
            }
        }
        let needed = |name: &str, value: Option<&'a str>| {
            value.filter(|value| !value.is_empty()).ok_or_else(|| {
                SignatureError::Incomplete(format!(
                    "Authorization header requires '{name}' parameter."
                ))
            })
        };
        Ok(Self {
            credential: needed("Credential", credential)?,
            signed_headers: needed("SignedHeaders", signed_headers)?,
            signature: needed("Signature", signature)?,
        })
    }

    fn claim(&self, amz_date: &str, signed_at: Timestamp) -> Result<Claim, SignatureError> {
        let parts: Vec<&str> = self.credential.split('/').collect();
        let [access_key_id, date, region, service, terminator] = parts[..] else {
            return Err(SignatureError::incomplete(
                "Credential must have exactly 5 slash-delimited elements: \
                 KEY/DATE/REGION/SERVICE/aws4_request.",
            ));
        };
        let scope = CredentialScope::read([date, region, service, terminator])?;
        if !amz_date.starts_with(&scope.date) || scope.date.len() != 8 {
            return Err(SignatureError::Invalid(
                "Date in Credential scope does not match the date of 'X-Amz-Date'.".to_owned(),
            ));
        }
        Ok(Claim {
            access_key_id: access_key_id.to_owned(),
            scope,
            amz_date: amz_date.to_owned(),
            signed_at,
            signed_headers: signed_headers(self.signed_headers)?,
            signature: signature(self.signature)?,
        })
    }
}

fn signed_headers(list: &str) -> Result<Vec<String>, SignatureError> {
    let names: Vec<String> = list.split(';').map(str::to_owned).collect();
    let in_order = names.windows(2).all(|pair| pair[0] < pair[1]);
    let lower = names.iter().all(|name| !name.bytes().any(|octet| octet.is_ascii_uppercase()));
    if !in_order || !lower || names.len() > MAX_SIGNED {
        let text = "'SignedHeaders' must be lower-case names in order, each once, at most 100.";
        return Err(SignatureError::incomplete(text));
    }
    Ok(names)
}

fn signature(text: &str) -> Result<[u8; 32], SignatureError> {
    let mut octets = [0; 32];
    let read = hex::decode_to_slice(text, &mut octets);
    read.map_err(|_| SignatureError::incomplete("'Signature' must be 64 hexadecimal digits."))?;
    Ok(octets)
}

/// The one value of a header field that may not be repeated.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(SignatureError::Incomplete(format!("The header '{name}' is repeated.")));
    }
    let text = value.to_str();
    text.map(Some).map_err(|_| {
        SignatureError::Incomplete(format!("The header '{name}' is not printable ASCII."))
    })
}

fn has_query_signature(query: &str) -> bool {
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        name.eq_ignore_ascii_case("X-Amz-Signature") || name.eq_ignore_ascii_case("X-Amz-Algorithm")
    })
}
