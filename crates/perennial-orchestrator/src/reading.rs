//! Reading: what a device's message says to the core, and why one says nothing.

use perennial_core::{
    ids::CertificateId,
    message::{CrtAck, CrtErr, CsrRes, Message as _, MessageError, Proof, RefusalCode},
    rotation::{Input, Sender},
    topic::Kind,
};

use crate::port::Authority;

/// A message taken apart: the input, and the proof it carries if it carries one.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) input: Input,
    pub(crate) proof: Option<Proof>,
}

/// Why a message says nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Malformed(#[from] MessageError),
    #[error("devices do not publish {0}")]
    NotFromDevice(Kind),
}

impl Unreadable {
    pub(crate) const fn code(&self) -> RefusalCode {
        match self {
            Self::Malformed(_) => RefusalCode::MalformedMessage,
            Self::NotFromDevice(_) => RefusalCode::OutOfTurn,
        }
    }
}

/// Reads a payload that `principal`'s session published as `kind`.
pub(crate) fn read(
    kind: Kind,
    payload: &[u8],
    principal: CertificateId,
    authority: &dyn Authority,
) -> Result<Read, Unreadable> {
    let sender = Sender::session(principal);
    match kind {
        Kind::CsrRes => {
            let CsrRes { csr, rotation_id, proof } = CsrRes::from_payload(payload)?;
            let csr = authority.csr(csr);
            Ok(Read { input: Input::CsrReceived { sender, rotation_id, csr }, proof })
        }
        Kind::CrtAck => {
            let CrtAck { rotation_id, certificate_id, proof, hook } =
                CrtAck::from_payload(payload)?;
            let input = Input::AckReceived { sender, rotation_id, certificate_id, hook };
            Ok(Read { input, proof })
        }
        Kind::CrtErr => {
            let CrtErr { error: text, rotation_id, code, phase, device_time } =
                CrtErr::from_payload(payload)?;
            let input = Input::ErrReceived { sender, rotation_id, code, text, phase, device_time };
            Ok(Read { input, proof: None })
        }
        Kind::CsrReq | Kind::Crt | Kind::Refused => Err(Unreadable::NotFromDevice(kind)),
    }
}
