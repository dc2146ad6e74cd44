//! Payloads that the server sends for a rotation's commands.

use bytes::Bytes;
use perennial_core::{
    ids::RotationId,
    message::{Crt, CsrReq, Message, MessageError, RefusalCode, Refused},
    rotation::{RefusedCsr, Rotation},
    time::Timestamp,
    topic::Kind,
};

use crate::port::{Delivery, Publication};

/// `csr_req`: asks the rotation's device for a CSR.
pub(crate) fn csr_req(
    rotation: &Rotation,
    refused: Option<RefusedCsr>,
    algorithms: &[String],
    now: Timestamp,
) -> Result<Publication, MessageError> {
    let refused_csr = refused.as_ref().map(|csr| csr.csr);
    let (refused, reason) = refused.map(|csr| (csr.code, csr.reason)).unzip();
    let message = CsrReq {
        rotation_id: Some(rotation.id),
        rekey: Some(rotation.rekey),
        algorithms: algorithms.to_vec(),
        common_name: Some(rotation.thing.to_string()),
        renew_by: Some(rotation.outgoing_not_after),
        server_time: Some(now),
        refused,
        refused_csr,
        reason,
    };
    publication(rotation, &message)
}

/// `crt`: delivers the rotation's incoming certificate.
pub(crate) fn crt(
    rotation: &Rotation,
    incoming: perennial_core::ids::CertificateId,
    delivery: Delivery,
    now: Timestamp,
) -> Result<Publication, MessageError> {
    let message = Crt {
        rotation_id: Some(rotation.id),
        certificate_id: Some(incoming),
        certificate_pem: delivery.certificate_pem,
        chain_pem: delivery.chain_pem,
        ca_pem: delivery.ca_pem,
        server_time: Some(now),
    };
    publication(rotation, &message)
}

/// `refused`: why a message did not count.
pub(crate) fn refused(
    about: Kind,
    code: RefusalCode,
    rotation_id: Option<RotationId>,
    reason: &str,
) -> Refused {
    Refused { about, code, reason: reason.to_owned(), rotation_id }
}

/// What a refusal means and what the device's maker can do.
pub(crate) const fn in_words(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::MalformedMessage => "the payload is not the JSON this topic carries",
        RefusalCode::MalformedCsr => "the CSR is not a PEM-encoded PKCS#10 request",
        RefusalCode::BadCsrSignature => "the CSR's own signature does not verify",
        RefusalCode::WeakKey => "use a P-256, P-384, P-521 or RSA key of at least 2048 bits",
        RefusalCode::KeyInUse => "the key belongs to another thing; make a key of your own",
        RefusalCode::KeyReused => "a new key is wanted; do not certify the one in use",
        RefusalCode::ForbiddenRequest => "the CSR asks for what a device may not have",
        RefusalCode::WrongSubject => "the CSR names another subject than this device",
        RefusalCode::NotAsked => "no rotation of this device is open; wait for csr_req",
        RefusalCode::OtherRotation => "the message names a rotation that is not the open one",
        RefusalCode::NoEvidence => {
            "only the certificate concerned can say this: over its own session, or with its proof"
        }
        RefusalCode::OutOfTurn => "the rotation is not waiting for this message",
        RefusalCode::ForeignTopic => "publish on the topics of your own client id only",
        RefusalCode::Other => "the message does not count",
    }
}

fn publication<M: Message>(rotation: &Rotation, message: &M) -> Result<Publication, MessageError> {
    Ok(Publication {
        client_id: rotation.client_id.clone(),
        kind: M::KIND,
        payload: Bytes::from(message.to_payload()?),
    })
}
