//! What the server says: `csr_req`, `crt` and `refused`.

use serde::{Deserialize, Serialize};

use super::Message;
use crate::{
    ids::{CertificateId, Digest, RotationId},
    time::Timestamp,
    topic::Kind,
};

/// Asks the device for a CSR.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsrReq {
    /// The rotation that asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_id: Option<RotationId>,
    /// Whether the CSR must be for a key of its own; absent means it must.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rekey: Option<bool>,
    /// Key algorithms the server certifies, the preferred one first, e.g. `EC_P256`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<String>,
    /// The subject the certificate will have, whatever the CSR asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// When the certificate in use ends: milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_by: Option<Timestamp>,
    /// The server's time: milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_time: Option<Timestamp>,
    /// Why the CSR before this request was refused: the device must make another key and CSR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusalCode>,
    /// The CSR that was refused: SHA-256 of its PEM text. A device whose candidate has another
    /// one already answers with that.
    #[serde(rename = "refusedCSR", skip_serializing_if = "Option::is_none")]
    pub refused_csr: Option<Digest>,
    /// The refusal in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Delivers the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Crt {
    /// The rotation it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_id: Option<RotationId>,
    /// The certificate's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<CertificateId>,
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// The issuing authority's certificates in PEM, the leaf's issuer first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub chain_pem: String,
    /// The trust anchors in PEM that the device should trust from now on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ca_pem: String,
    /// The server's time: milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<Timestamp>,
}

/// Says why a message of the device's did not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// The kind of message that did not count.
    pub about: Kind,
    /// Why, for a machine.
    pub code: RefusalCode,
    /// Why, in words, and what to do.
    pub reason: String,
    /// The rotation it was about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_id: Option<RotationId>,
}

/// Why a device's message did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The payload is too large or not the JSON it should be.
    MalformedMessage,
    /// The CSR is not PEM, not PKCS#10, or cut short.
    MalformedCsr,
    /// The CSR's own signature does not verify.
    BadCsrSignature,
    /// The key's algorithm or size is not accepted.
    WeakKey,
    /// The key belongs to another thing, or did before.
    KeyInUse,
    /// The key is the outgoing one although a new one is wanted.
    KeyReused,
    /// The CSR asks for what a device may not have, CA:TRUE for instance.
    ForbiddenRequest,
    /// The CSR names another subject than this device.
    WrongSubject,
    /// No rotation of this device is open.
    NotAsked,
    /// The message names another rotation.
    OtherRotation,
    /// The sender is not the certificate that must speak here.
    NoEvidence,
    /// The message does not fit the rotation's state.
    OutOfTurn,
    /// Sent on another client's topic.
    ForeignTopic,
    /// A reason this device does not know.
    #[serde(other)]
    Other,
}

impl RefusalCode {
    /// Its name, as `refused` carries it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedMessage => "malformed_message",
            Self::MalformedCsr => "malformed_csr",
            Self::BadCsrSignature => "bad_csr_signature",
            Self::WeakKey => "weak_key",
            Self::KeyInUse => "key_in_use",
            Self::KeyReused => "key_reused",
            Self::ForbiddenRequest => "forbidden_request",
            Self::WrongSubject => "wrong_subject",
            Self::NotAsked => "not_asked",
            Self::OtherRotation => "other_rotation",
            Self::NoEvidence => "no_evidence",
            Self::OutOfTurn => "out_of_turn",
            Self::ForeignTopic => "foreign_topic",
            Self::Other => "other",
        }
    }

    /// What was wrong, for whoever builds the device.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::MalformedMessage => "the payload is not the JSON this topic carries",
            Self::MalformedCsr => "the CSR is not a PEM-encoded PKCS#10 request",
            Self::BadCsrSignature => "the CSR's own signature does not verify",
            Self::WeakKey => "use a P-256, P-384, P-521 or RSA key of at least 2048 bits",
            Self::KeyInUse => "the key belongs to another thing; make a key of your own",
            Self::KeyReused => "a new key is wanted; do not certify the one in use",
            Self::ForbiddenRequest => "the CSR asks for what a device may not have",
            Self::WrongSubject => "the CSR names another subject than this device",
            Self::NotAsked => "no rotation of this device is open; wait for csr_req",
            Self::OtherRotation => "the message names a rotation that is not the open one",
            Self::NoEvidence => {
                "only the certificate concerned can say this: over its own session, or with its proof"
            }
            Self::OutOfTurn => "the rotation is not waiting for this message",
            Self::ForeignTopic => "publish on the topics of your own client id only",
            Self::Other => "the message does not count",
        }
    }
}

impl Message for CsrReq {
    const KIND: Kind = Kind::CsrReq;
}
impl Message for Crt {
    const KIND: Kind = Kind::Crt;
}
impl Message for Refused {
    const KIND: Kind = Kind::Refused;
}
