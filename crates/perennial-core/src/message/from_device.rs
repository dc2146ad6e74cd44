//! What devices say: `csr_res`, `crt_ack` and `crt_err`.

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};

use super::{MAX_ERROR_TEXT_LEN, Message, Proof, clipped};
use crate::{
    ids::{CertificateId, RotationId},
    time::Timestamp,
    topic::Kind,
};

/// The device's CSR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CsrRes {
    /// The certificate signing request in PEM (RFC 7468, RFC 2986).
    #[serde(rename = "CSR")]
    pub csr: String,
    /// The rotation it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_id: Option<RotationId>,
    /// Continuity: a signature by the outgoing key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// The device connected with the incoming certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CrtAck {
    /// The rotation it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_id: Option<RotationId>,
    /// The certificate it proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<CertificateId>,
    /// Possession: a signature by the incoming key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// How the device's hook ended; sent in a second `crt_ack`, after promotion.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "an_object_or_nothing"
    )]
    pub hook: Option<HookResult>,
}

/// How the command that a device runs after promotion ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookResult {
    /// Its exit code; `None` when it could not be started or a signal or the time-out ended it.
    pub exit_code: Option<i32>,
}

/// The device could not go through with the rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CrtErr {
    /// What went wrong, in words, at most 1,024 bytes.
    #[serde(default, deserialize_with = "clipped_text")]
    pub error: String,
    /// The rotation it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_id: Option<RotationId>,
    /// What went wrong, for a machine.
    #[serde(default)]
    pub code: ErrorCode,
    /// At which step it went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What the device's clock shows: milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_time: Option<Timestamp>,
}

/// What is derived for a structure reads an array of its members' values too.
fn an_object_or_nothing<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let object = Option::<serde_json::Map<_, _>>::deserialize(deserializer)?;
    let read = |object| T::deserialize(serde_json::Value::Object(object));
    object.map(read).transpose().map_err(D::Error::custom)
}

fn clipped_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(clipped(&text, MAX_ERROR_TEXT_LEN).to_owned())
}

/// Why a device gave a rotation up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The key or CSR could not be made.
    KeyFailed,
    /// Key or certificate could not be stored.
    StorageFailed,
    /// The payload was not a certificate.
    Malformed,
    /// The certificate's key is not the candidate's.
    KeyMismatch,
    /// The certificate does not chain to an authority the device trusts.
    UntrustedChain,
    /// The certificate names another device.
    WrongName,
    /// The certificate is not valid yet, by the device's clock.
    NotYetValid,
    /// The certificate has expired, by the device's clock.
    Expired,
    /// The broker refused the candidate.
    CandidateRefused,
    /// No connection came about with the candidate.
    CandidateUnreachable,
    /// The device no longer has the key that was certified.
    NoCandidate,
    /// Anything else: see the text.
    #[default]
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// Its name, as `crt_err` carries it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyFailed => "key_failed",
            Self::StorageFailed => "storage_failed",
            Self::Malformed => "malformed",
            Self::KeyMismatch => "key_mismatch",
            Self::UntrustedChain => "untrusted_chain",
            Self::WrongName => "wrong_name",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::CandidateRefused => "candidate_refused",
            Self::CandidateUnreachable => "candidate_unreachable",
            Self::NoCandidate => "no_candidate",
            Self::Unknown => "unknown",
        }
    }
}

/// The step at which a device gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Making the key and CSR.
    Csr,
    /// Checking and storing the certificate.
    Certificate,
    /// Connecting with it.
    Trial,
    /// A step this server does not know.
    #[serde(other)]
    Other,
}

impl Message for CsrRes {
    const KIND: Kind = Kind::CsrRes;
}
impl Message for CrtAck {
    const KIND: Kind = Kind::CrtAck;
}
impl Message for CrtErr {
    const KIND: Kind = Kind::CrtErr;
}
