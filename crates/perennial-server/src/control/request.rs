//! What can be asked, and how it is answered.

use perennial_core::{
    certificate::CertificateStatus,
    ids::{AuditTaskId, CertificateId, PolicyName, RotationId, ThingName},
};
use perennial_store::FindingCursor;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Makes a thing and, from its device's CSR, its first certificate.
    CreateThing {
        /// Its name.
        name: ThingName,
        /// The CSR in PEM; without one only the thing is made.
        csr_pem: Option<String>,
        /// How long the certificate lives; the configured span when absent.
        validity_secs: Option<u64>,
    },
    /// Lists things.
    ListThings {
        /// Above this name.
        after: Option<ThingName>,
        /// At most this many.
        limit: usize,
    },
    /// Shows a thing with its certificates and its latest rotation.
    ShowThing {
        /// Its name.
        name: ThingName,
    },
    /// Lists certificates.
    ListCertificates {
        /// Above this id.
        after: Option<CertificateId>,
        /// At most this many.
        limit: usize,
    },
    /// Shows a certificate with what is attached to it.
    ShowCertificate {
        /// Its id.
        id: CertificateId,
    },
    /// Changes a certificate's status; live sessions notice at once.
    UpdateCertificate {
        /// Its id.
        id: CertificateId,
        /// The status.
        status: CertificateStatus,
    },
    /// Makes a policy.
    CreatePolicy {
        /// Its name.
        name: PolicyName,
        /// Its document's JSON text.
        document: String,
    },
    /// Attaches a policy to a certificate.
    AttachPolicy {
        /// The policy.
        name: PolicyName,
        /// The certificate.
        certificate_id: CertificateId,
    },
    /// Lists policies.
    ListPolicies {
        /// Above this name.
        after: Option<PolicyName>,
        /// At most this many.
        limit: usize,
    },
    /// Runs the configured checks now.
    RunAudit,
    /// Lists the findings of a task, or of the latest one.
    ListFindings {
        /// The task.
        task: Option<AuditTaskId>,
        /// Behind this place: the `after` of the page before.
        after: Option<FindingCursor>,
        /// At most this many.
        limit: usize,
    },
    /// Opens a rotation for a thing now.
    StartRotation {
        /// The thing.
        thing: ThingName,
        /// Its certificate; the latest ACTIVE one when absent.
        certificate_id: Option<CertificateId>,
    },
    /// Lists rotations, the latest first.
    ListRotations {
        /// Only this thing's.
        thing: Option<ThingName>,
        /// Only open ones.
        open: bool,
        /// At most this many.
        limit: usize,
    },
    /// Shows a rotation with its history.
    ShowRotation {
        /// Its id.
        id: RotationId,
    },
    /// Calls an open rotation off.
    CancelRotation {
        /// Its id.
        id: RotationId,
    },
    /// Checks the event log's chain.
    VerifyEvents,
    /// Lists events.
    ListEvents {
        /// Above this number.
        after: i64,
        /// At most this many.
        limit: usize,
    },
}

/// One answer: objects, or why not.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// What was asked for, one object each.
    Done(Vec<Value>),
    /// Why it was not done.
    Refused(String),
}
