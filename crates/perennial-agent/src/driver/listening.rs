//! What the server says, turned into the machine's inputs.

use std::num::NonZeroU16;

use perennial_core::{
    device::Input,
    ids::Digest,
    message::{Crt, CsrReq, Message as _, MessageError, Refused},
    time::Timestamp,
    topic::Kind,
};

use super::{Agent, RunError};
use crate::link::Incoming;

impl Agent {
    pub(super) async fn heard(&mut self, incoming: Incoming) -> Result<(), RunError> {
        match incoming {
            Incoming::Delivered(kind) => self.take(Input::Delivered { kind }).await,
            Incoming::Message { kind, payload, packet_id } => {
                let input = self.understand(kind, &payload).unwrap_or_else(|error| {
                    tracing::warn!(%error, "a message from the server is not understood");
                    None
                });
                let Some(input) = input else {
                    self.acknowledge(packet_id);
                    self.flush().await;
                    return Ok(());
                };
                self.crash_after_certificate(&input)?;
                self.take_and_acknowledge(input, packet_id).await
            }
        }
    }

    pub(super) fn acknowledge(&mut self, packet_id: Option<NonZeroU16>) {
        if let (Some(id), Some(session)) = (packet_id, &mut self.session)
            && let Err(error) = session.acknowledge(id)
        {
            tracing::info!(%error, "an acknowledgement was lost");
        }
    }

    /// Sends the acknowledgements that no answer took along.
    pub(super) async fn flush(&mut self) {
        if let Some(session) = &mut self.session
            && let Err(error) = session.flush().await
        {
            tracing::info!(%error, "an acknowledgement was lost");
        }
    }

    fn understand(&mut self, kind: Kind, payload: &[u8]) -> Result<Option<Input>, MessageError> {
        Ok(match kind {
            Kind::CsrReq => Some(self.csr_requested(CsrReq::from_payload(payload)?)),
            Kind::Crt => {
                let crt = Crt::from_payload(payload)?;
                self.heard_time(crt.server_time);
                let checked = self.check(&crt);
                Some(Input::CertificateReceived { rotation_id: crt.rotation_id, checked })
            }
            Kind::Refused => {
                let Refused { about, code, reason, rotation_id } = Refused::from_payload(payload)?;
                let code_text = code.as_str();
                tracing::warn!(message.kind = %about, code = code_text, %reason, "the server refused a message");
                Some(Input::Refused { about, code, rotation_id })
            }
            Kind::CsrRes | Kind::CrtAck | Kind::CrtErr => None,
        })
    }

    fn csr_requested(&mut self, request: CsrReq) -> Input {
        self.heard_time(request.server_time);
        if request.common_name.is_some() {
            self.document.common_name = request.common_name;
        }
        Input::CsrRequested {
            rotation_id: request.rotation_id,
            rekey: request.rekey.unwrap_or(true),
            refused: request.refused.is_some() && self.is_my_csr(request.refused_csr),
        }
    }

    /// Whether a refusal is about the CSR that the candidate has now: one about a CSR before, said
    /// again, must not cost the candidate its key. A server that does not say which means this one.
    fn is_my_csr(&self, refused: Option<Digest>) -> bool {
        let Some(refused) = refused else { return true };
        let candidate = self.document.device.slots.candidate;
        candidate.and_then(|generation| self.keys.csr_digest(generation)) == Some(refused)
    }

    fn heard_time(&self, told: Option<Timestamp>) {
        if let (Some(told), Some(session)) = (told, &self.session) {
            self.clock.heard(told, session.witness());
        }
    }
}
