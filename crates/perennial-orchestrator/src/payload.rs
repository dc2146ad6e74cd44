//! Payloads that the server sends for a rotation's commands.

use bytes::Bytes;
use perennial_core::{
    ids::RotationId,
    message::{Crt, CsrReq, Message, MessageError, RefusalCode, Refused},
    rotation::{RefusedCsr, Remedy, Rotation},
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

/// `crt`: delivers the rotation's incoming certificate; its chain goes up to and including the
/// anchors where a device made nothing of a shorter one.
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
        chain_pem: match rotation.remedy() {
            Some(Remedy::WholeChain) => delivery.chain_pem + &delivery.ca_pem,
            Some(_) | None => delivery.chain_pem,
        },
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

fn publication<M: Message>(rotation: &Rotation, message: &M) -> Result<Publication, MessageError> {
    Ok(Publication {
        client_id: rotation.client_id.clone(),
        kind: M::KIND,
        payload: Bytes::from(message.to_payload()?),
    })
}
