//! The canonical request: one text for all the ways in which the same request can be written.

use aws_lc_rs::digest::{SHA256, digest as sha256};
use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::SignatureError;

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same within a path, where `/` stays.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// A request as it came over the wire, without its body.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as it was sent, percent-encoded once.
    pub path: &'a str,
    /// The query string as it was sent, without `?`; empty when there is none.
    pub query: &'a str,
    /// The header fields.
    pub headers: &'a HeaderMap,
}

/// The SHA-256 of `octets` in lower-case hexadecimal.
pub fn digest(octets: &[u8]) -> String {
    hex::encode(sha256(&SHA256, octets))
}

/// The canonical request over the header fields that `signed` names, which must be there.
pub(super) fn canonical_request(
    parts: Parts<'_>,
    signed: &[String],
    body_digest: &str,
) -> Result<Vec<u8>, SignatureError> {
    let mut text = Vec::with_capacity(1024);
    for line in [parts.method, &canonical_path(parts.path)?, &canonical_query(parts.query)] {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    for name in signed {
        write_header(&mut text, name, parts.headers)?;
    }
    text.push(b'\n');
    text.extend_from_slice(signed.join(";").as_bytes());
    text.push(b'\n');
    text.extend_from_slice(body_digest.as_bytes());
    Ok(text)
}

/// The path, encoded a second time. Clients leave out empty and dot segments before they sign and
/// perhaps not before they send: what they meant would be a guess, so such paths are refused.
fn canonical_path(path: &str) -> Result<String, SignatureError> {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if matches!(segment, "." | "..") || (segment.is_empty() && !last) {
            let text = "The path has an empty, '.' or '..' segment, which cannot be signed.";
            return Err(SignatureError::incomplete(text));
        }
    }
    Ok(percent_encode(path.as_bytes(), RESERVED_IN_PATH).to_string())
}

/// Names and values, decoded and encoded anew in the one canonical way, in order.
fn canonical_query(query: &str) -> String {
    let encode = |text: &str| {
        let octets: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&octets, RESERVED).to_string()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// `name:value`, values of one name joined by commas, white space trimmed and folded.
fn write_header(text: &mut Vec<u8>, name: &str, headers: &HeaderMap) -> Result<(), SignatureError> {
    let mut values = headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        let problem = format!("'SignedHeaders' names '{name}', which the request does not have.");
        return Err(SignatureError::Incomplete(problem));
    }
    text.extend_from_slice(name.as_bytes());
    text.push(b':');
    while let Some(value) = values.next() {
        write_folded(text, value.as_bytes());
        if values.peek().is_some() {
            text.push(b',');
        }
    }
    text.push(b'\n');
    Ok(())
}

fn write_folded(text: &mut Vec<u8>, value: &[u8]) {
    let words = value.split(|octet| octet.is_ascii_whitespace()).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            text.push(b' ');
        }
        text.extend_from_slice(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_encoded_once_more_than_on_the_wire() {
        let target = "/attached-policies/arn%3Aaws%3Aiot";

        assert_eq!(canonical_path(target).unwrap(), "/attached-policies/arn%253Aaws%253Aiot");
        assert_eq!(canonical_path("/things/a:b").unwrap(), "/things/a%3Ab");
        assert_eq!(canonical_path("/").unwrap(), "/");
        assert_eq!(canonical_path("/certificate-providers/").unwrap(), "/certificate-providers/");
    }

    #[test]
    fn a_path_that_could_mean_two_things_is_refused() {
        for path in ["//", "/a//b", "/a/../b", "/./a", "/a/.."] {
            assert!(canonical_path(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_query_is_put_in_order_and_encoded_in_one_way() {
        assert_eq!(canonical_query("b=2&a=1&a=0&c"), "a=0&a=1&b=2&c=");
        assert_eq!(canonical_query("a=%7e%2f+"), "a=~%2F%2B");
        assert_eq!(canonical_query(""), "");
    }

    #[test]
    fn header_values_are_trimmed_folded_and_joined() {
        let mut headers = HeaderMap::new();
        headers.append("x-amz-meta", "  a   b ".parse().unwrap());
        headers.append("x-amz-meta", "c".parse().unwrap());
        let mut text = Vec::new();

        write_header(&mut text, "x-amz-meta", &headers).unwrap();

        assert_eq!(text, b"x-amz-meta:a b,c\n");
    }

    /// From AWS's Signature Version 4 test suite and its documentation's example.
    #[test]
    fn awss_published_canonical_requests_have_their_published_digests() {
        let digest_of = |query: &str, headers: &[(&'static str, &str)]| {
            let signed: Vec<String> = headers.iter().map(|(name, _)| (*name).to_owned()).collect();
            let fields = headers
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
            let headers = fields.collect();
            let parts = Parts { method: "GET", path: "/", query, headers: &headers };
            digest(&canonical_request(parts, &signed, &digest(b"")).unwrap())
        };
        let date = ("x-amz-date", "20150830T123600Z");
        let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

        let vanilla = digest_of("", &[("host", "example.amazonaws.com"), date]);
        let users = digest_of(
            "Action=ListUsers&Version=2010-05-08",
            &[form, ("host", "iam.amazonaws.com"), date],
        );

        assert_eq!(vanilla, "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
        assert_eq!(users, "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
    }
}
