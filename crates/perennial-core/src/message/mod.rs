//! Payloads of the rotation protocol: JSON with size limits, in a bare and a full form.
//!
//! Normative text: docs/protocol.md. Unknown members are ignored; every member that the full form
//! adds is optional when a device speaks, so that a device which knows only the bare form works.

mod from_device;
mod from_server;
mod proof;

pub use from_device::{CrtAck, CrtErr, CsrRes, ErrorCode, HookResult, Phase};
pub use from_server::{Crt, CsrReq, RefusalCode, Refused};
pub use proof::{Proof, ProofKind, proof_input};

use serde::{Serialize, de::DeserializeOwned};

use crate::topic::Kind;

/// The longest CSR accepted, in bytes of PEM (AWS IoT's limit for `certificateSigningRequest`).
pub const MAX_CSR_LEN: usize = 4096;
/// The longest error text kept, in bytes; a longer one is cut.
pub const MAX_ERROR_TEXT_LEN: usize = 1024;

/// The largest payload accepted for a kind of message, in bytes.
pub const fn max_len(kind: Kind) -> usize {
    match kind {
        Kind::CsrRes => 8 * 1024,
        Kind::CrtAck | Kind::CrtErr => 4 * 1024,
        Kind::CsrReq | Kind::Refused => 4 * 1024,
        Kind::Crt => 32 * 1024,
    }
}

/// Why a payload is not the message its topic promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Larger than [`max_len`].
    #[error("the {kind} payload is {len} bytes; at most {max} are accepted")]
    TooLarge {
        /// The kind of message.
        kind: Kind,
        /// Its size in bytes.
        len: usize,
        /// The largest size in bytes.
        max: usize,
    },
    /// Not JSON, or JSON of another shape.
    #[error("the {kind} payload is not the JSON object it should be: {reason}")]
    Malformed {
        /// The kind of message.
        kind: Kind,
        /// Where and why, in words.
        reason: String,
    },
}

/// A message that knows which topic it belongs on.
pub trait Message: Serialize + DeserializeOwned {
    /// The kind of topic that carries it.
    const KIND: Kind;

    /// Reads the message; an empty payload counts as `{}`.
    ///
    /// # Errors
    /// [`MessageError`] when the payload is too large or not of the right shape.
    fn from_payload(payload: &[u8]) -> Result<Self, MessageError> {
        let (kind, max) = (Self::KIND, max_len(Self::KIND));
        if payload.len() > max {
            return Err(MessageError::TooLarge { kind, len: payload.len(), max });
        }
        let payload = if payload.is_empty() { b"{}" } else { payload };
        match payload.trim_ascii_start().first() {
            Some(b'{') | None => serde_json::from_slice(payload)
                .map_err(|error| MessageError::Malformed { kind, reason: in_words(&error) }),
            Some(_) => {
                let reason = "it does not begin with {".to_owned();
                Err(MessageError::Malformed { kind, reason })
            }
        }
    }

    /// Writes the message as JSON.
    ///
    /// # Errors
    /// [`MessageError::TooLarge`] when what was written exceeds what a receiver accepts.
    fn to_payload(&self) -> Result<Vec<u8>, MessageError> {
        let (kind, max) = (Self::KIND, max_len(Self::KIND));
        let payload = serde_json::to_vec(self)
            .map_err(|error| MessageError::Malformed { kind, reason: error.to_string() })?;
        if payload.len() > max {
            return Err(MessageError::TooLarge { kind, len: payload.len(), max });
        }
        Ok(payload)
    }
}

/// What is wrong with JSON, for who builds a device in whatever language.
fn in_words(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    for name in ["i64", "i32", "u64", "u32"] {
        text = text.replace(&format!("expected {name}"), "expected an integer");
    }
    text.replace("invalid type: sequence", "invalid type: array")
        .replace("expected a map", "expected an object")
}

/// Cuts `text` to at most `max` bytes at a character's boundary.
fn clipped(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_forms_are_accepted() {
        let csr = CsrRes::from_payload(br#"{"CSR":"pem"}"#).unwrap();
        let ack = CrtAck::from_payload(b"").unwrap();
        let err = CrtErr::from_payload(br#"{"error":"flash full"}"#).unwrap();

        assert_eq!((csr.csr.as_str(), csr.rotation_id), ("pem", None));
        assert_eq!(ack, CrtAck::default());
        assert_eq!((err.code, err.error.as_str()), (ErrorCode::Unknown, "flash full"));
    }

    #[test]
    fn unknown_members_and_codes_are_ignored() {
        let err = CrtErr::from_payload(br#"{"error":"x","code":"gremlins","more":[1]}"#).unwrap();

        assert_eq!(err.code, ErrorCode::Unknown);
    }

    #[test]
    fn an_oversize_or_misshapen_payload_says_so() {
        let large = vec![b' '; max_len(Kind::CsrRes) + 1];

        assert!(matches!(CsrRes::from_payload(&large), Err(MessageError::TooLarge { .. })));
        for bad in [&b"{"[..], b"[]", b"\xff", br#"{"CSR":7}"#, b"{}"] {
            assert!(matches!(CsrRes::from_payload(bad), Err(MessageError::Malformed { .. })));
        }
        assert!(CrtAck::from_payload(br#"{"rotationId":"zz"}"#).is_err());
    }

    #[test]
    fn only_an_object_is_a_message_and_a_hook_and_nothing_tells_of_rust() {
        // Regression: an array of the members' values was read as a message.
        let csr = CsrRes::from_payload(br#" ["-----BEGIN", null, null]"#).unwrap_err();
        let hook = CrtAck::from_payload(br#"{"hook":[0]}"#).unwrap_err();
        let code = CrtAck::from_payload(br#"{"hook":{"exitCode":"x"}}"#).unwrap_err();
        let time = CrtErr::from_payload(br#"{"deviceTime":[]}"#).unwrap_err();
        let phase = CrtErr::from_payload(br#"{"phase":[]}"#).unwrap_err();
        let about = Refused::from_payload(br#"{"about":7}"#).unwrap_err();
        let blank = CsrRes::from_payload(b" \n").unwrap_err();

        for error in [csr, hook, code, time, phase, about, blank] {
            let told = error.to_string();
            let of_rust = ["struct", "enum", "i32", "i64", "variant", "Csr", "Hook", "seq"];
            let of_rust: Vec<_> = of_rust.iter().filter(|word| told.contains(*word)).collect();
            assert!(of_rust.is_empty(), "{told}: {of_rust:?}");
        }
    }

    #[test]
    fn an_error_text_is_cut_at_a_character() {
        assert_eq!(clipped("aé", 2), "a");
        assert_eq!(clipped("aé", 3), "aé");
    }
}
