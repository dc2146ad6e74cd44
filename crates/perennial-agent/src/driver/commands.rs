//! The machine's commands, carried out.

use std::{sync::Arc, time::Duration};

use perennial_core::{
    device::{Command, Generation, Input, Slot, State},
    ids::{Digest, RotationId},
    message::{CrtAck, CrtErr, CsrRes, Message, ProofKind},
    topic::Kind,
};
use perennial_pki::CsrDer;
use tokio::time::sleep;

use super::{Agent, Event, RunError, hook};
use crate::{
    credential,
    faults::CrashPoint,
    link::{DialFailure, Why, client_config, dial},
};

impl Agent {
    /// Carries a command out; an outcome known at once comes back as the next input.
    pub(super) async fn carry_out(&mut self, command: Command) -> Result<Option<Input>, RunError> {
        match command {
            Command::Connect { slot, generation, after_for } => {
                self.connect(slot, generation, after_for);
                Ok(None)
            }
            Command::SendCsr { rotation_id, generation, rekey } => {
                self.send_csr(rotation_id, generation, rekey).await
            }
            Command::SendAck { rotation_id, certificate_id, hook } => {
                let subject = Digest::from_bytes(*certificate_id.as_bytes());
                let generation = self.proven();
                let proof = rotation_id.and_then(|rotation| {
                    self.keys.prove(generation, ProofKind::Possession, &rotation, &subject).ok()
                });
                let certificate_id = Some(certificate_id);
                self.send(&CrtAck { rotation_id, certificate_id, proof, hook }).await?;
                Ok(None)
            }
            Command::SendErr { rotation_id, code, text, phase } => {
                let (phase, device_time) = (Some(phase), Some(self.time()));
                let error = text;
                self.send(&CrtErr { error, rotation_id, code, phase, device_time }).await?;
                Ok(None)
            }
            Command::RunHook { certificate_id } => {
                if let Some(command) = self.config.hook.clone() {
                    let current = self.document.device.slots.current;
                    let credential = self.folder.credential(current);
                    self.hook = Some(Box::pin(hook::run(command, credential, certificate_id)));
                }
                Ok(None)
            }
            Command::Forget { generation } => {
                if let Err(error) = self.keys.forget(generation) {
                    tracing::warn!(%error, "a credential out of use could not be deleted");
                }
                Ok(None)
            }
            Command::Wake { after_for } => {
                self.wake_after(after_for);
                Ok(None)
            }
        }
    }

    fn connect(&mut self, slot: Slot, generation: Generation, after_for: Duration) {
        let address = Arc::clone(&self.address);
        let config = self.tls(generation);
        self.dialing = Some((
            slot,
            Box::pin(async move {
                sleep(after_for).await;
                match config {
                    Ok(config) => dial(address, config).await,
                    Err(text) => Err(DialFailure::from(Why::Local(text))),
                }
            }),
        ));
    }

    fn tls(&mut self, generation: Generation) -> Result<Arc<rustls::ClientConfig>, String> {
        let key = self.keys.tls_key(generation).map_err(|e| e.to_string())?;
        let (chain, anchors) = match self.delivered.take() {
            Some(delivered) if delivered.generation == generation => {
                (delivered.chain, delivered.anchors)
            }
            Some(_) | None => {
                let chain = credential::chain(&self.folder, generation);
                let anchors = credential::anchors(&self.folder, generation);
                (chain.map_err(|e| e.to_string())?, anchors.map_err(|e| e.to_string())?)
            }
        };
        client_config(key, chain, anchors, Arc::clone(&self.clock)).map_err(|e| e.to_string())
    }

    /// The credential that an acknowledgement is about.
    fn proven(&self) -> Generation {
        let device = &self.document.device;
        match (&device.state, device.slots.candidate) {
            (State::Acknowledging { .. }, Some(candidate)) => candidate,
            _ => device.slots.current,
        }
    }

    async fn send_csr(
        &mut self,
        rotation_id: Option<RotationId>,
        generation: Generation,
        rekey: bool,
    ) -> Result<Option<Input>, RunError> {
        let made = self.make_csr(rotation_id, generation, rekey);
        self.crash_at(CrashPoint::AfterKeyWritten)?;
        match made {
            Ok(message) => {
                self.send(&message).await?;
                Ok(None)
            }
            Err(error) => {
                let (code, text) = (error.code(), error.to_string());
                Ok(Some(Input::CsrFailed { code, text }))
            }
        }
    }

    fn make_csr(
        &self,
        rotation_id: Option<RotationId>,
        generation: Generation,
        rekey: bool,
    ) -> Result<CsrRes, crate::KeyError> {
        let current = self.document.device.slots.current;
        self.keys.ensure_key(generation, (!rekey).then_some(current))?;
        let name = self.document.common_name.as_deref();
        let mut csr = self.keys.csr(generation, name.unwrap_or(self.config.client_id.as_str()))?;
        let digest = CsrDer::from_pem(&csr).ok().map(|csr| csr.digest());
        let proof = match (rotation_id, digest) {
            (Some(rotation), Some(digest)) => {
                Some(self.keys.prove(current, ProofKind::Continuity, &rotation, &digest)?)
            }
            (None, _) | (_, None) => None,
        };
        if self.config.faults.spoils_csr() {
            csr.truncate(csr.len() / 2);
        }
        Ok(CsrRes { csr, rotation_id, proof })
    }

    /// Publishes over the session that is up; without one the machine says it again later.
    async fn send<M: Message>(&mut self, message: &M) -> Result<(), RunError> {
        let kind: Kind = M::KIND;
        self.crash_at(CrashPoint::BeforeSend(kind))?;
        let payload = match message.to_payload() {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(%error, "a message could not be written");
                return Ok(());
            }
        };
        let Some(session) = &mut self.session else { return Ok(()) };
        match session.publish(&self.config.client_id, kind, payload).await {
            Ok(()) => self.tell(Event::Sent { kind }),
            Err(error) => tracing::info!(%error, message.kind = %kind, "a message was lost"),
        }
        self.crash_at(CrashPoint::AfterSend(kind))
    }
}
