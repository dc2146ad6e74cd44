//! The dispatcher and its ports: each command's effect on registry, broker and people.

use std::time::Duration;

use perennial_core::{
    certificate::CertificateStatus,
    ids::{CertificateId, RotationId},
    message::RefusalCode,
    rotation::{self, Command, Fault, Input, Remedy, Rotation},
};

use super::{Entry, Outgoing};
use crate::{
    Sabotage,
    event::{Event, ToDevice},
    faults::FaultKind,
    invariants::Invariant,
    registry::{POLICIES, Record},
    world::World,
};

/// How much earlier than now every certificate begins.
const BACKDATE: Duration = Duration::from_secs(600);

impl World {
    /// One turn of the dispatcher: the effect, then its outcome and the end of the command.
    pub(super) fn carry_out(&mut self) {
        let Some(outgoing) = self.server.outbox.front().cloned() else { return };
        if self.strikes(FaultKind::ServerCrashBeforeSend) {
            return self.crash_server();
        }
        let outcome = self.perform(&outgoing);
        if self.strikes(FaultKind::ServerCrashAfterSend) {
            return self.crash_server();
        }
        self.server.outbox.pop_front();
        if let Some(outcome) = outcome {
            self.fact(Some(outgoing.rotation), outcome);
        }
    }

    pub(super) fn perform(&mut self, outgoing: &Outgoing) -> Option<Input> {
        let entry = self.server.journal.get(&outgoing.rotation)?.clone();
        if entry.version < outgoing.version {
            let found = format!("{} was carried out before its commit", outgoing.command.name());
            self.found = Some((Invariant::DurableBeforeSent, found));
        }
        self.note(|| format!("server does {}", outgoing.command.name()));
        let id = entry.rotation.id;
        match &outgoing.command {
            Command::RequestCsr { refused } => {
                let refused_csr = refused.as_ref().map(|refused| refused.csr);
                self.publish_to_device(ToDevice::CsrReq { rotation: id, refused_csr });
                None
            }
            Command::DeliverCertificate { incoming } => {
                self.server.delivered.push(*incoming);
                self.publish_to_device(ToDevice::Crt { rotation: id, certificate: *incoming });
                None
            }
            Command::Refuse { about, code, rotation_id, .. } => {
                let (about, code, rotation) = (*about, *code, *rotation_id);
                self.publish_to_device(ToDevice::Refused { about, code, rotation });
                None
            }
            Command::Issue { csr } => Some(self.issue(&entry.rotation, csr)),
            Command::Enroll { incoming } => Some(self.enroll(&entry.rotation, *incoming)),
            Command::RetireOutgoing => Some(self.retire(entry.rotation.outgoing, &entry, true)),
            Command::RetireIncoming { incoming } => Some(self.retire(*incoming, &entry, false)),
            Command::Notify { notice } => {
                self.notified(id, notice);
                None
            }
        }
    }

    fn notified(&mut self, id: RotationId, notice: &rotation::Notice) {
        if matches!(notice, rotation::Notice::RotationFailed { .. }) {
            self.server.told.insert(id);
        }
        if let rotation::Notice::CertificateLeftActive { certificate_id } = notice {
            if let Some(record) = self.registry.records.get_mut(certificate_id) {
                record.told = true;
            }
            self.after(Duration::from_secs(36_000), Event::CleanUp(*certificate_id));
        }
    }

    fn verb_fault(&mut self) -> Option<Fault> {
        let kind = if self.strikes(FaultKind::VerbRetryable) {
            rotation::FaultKind::Retryable
        } else if self.strikes(FaultKind::VerbPermanent) {
            rotation::FaultKind::Permanent
        } else {
            return None;
        };
        Some(Fault { kind, reason: "drawn".to_owned() })
    }

    fn issue(&mut self, rotation: &Rotation, csr: &rotation::Csr) -> Input {
        let digest = csr.digest;
        if let Some(fault) = self.verb_fault() {
            return Input::IssueFailed { csr: digest, fault };
        }
        let twice = self.sabotage == Some(Sabotage::IssueTwice);
        if let Some(incoming) = self.registry.find(rotation.id).filter(|_| !twice) {
            return Input::CertificateIssued { csr: digest, incoming };
        }
        if csr.pem.contains("bad") {
            let reason = "drawn".to_owned();
            return Input::IssueRefused { csr: digest, code: RefusalCode::WeakKey, reason };
        }
        let incoming = self.registry.draw_id();
        let record = Record {
            status: CertificateStatus::Inactive,
            not_before: self.clock() - BACKDATE - self.behind_for(rotation),
            not_after: self.clock() + self.plan.life_for,
            policies: 0,
            attached: false,
            rotation: Some(rotation.id),
            csr: digest,
            used: false,
            retired_at: None,
            withdrawn: false,
            told: false,
        };
        if self.sabotage != Some(Sabotage::DeliverUnrecorded) {
            self.registry.record(incoming, record);
        }
        Input::CertificateIssued { csr: digest, incoming }
    }

    /// How much earlier a certificate begins, so that the device's clock likes it.
    fn behind_for(&self, rotation: &Rotation) -> Duration {
        match rotation.remedy() {
            Some(Remedy::FitClock { behind_for })
                if self.sabotage != Some(Sabotage::IgnoreClocks) =>
            {
                behind_for
            }
            Some(_) | None => Duration::ZERO,
        }
    }

    fn enroll(&mut self, rotation: &Rotation, incoming: CertificateId) -> Input {
        if let Some(fault) = self.verb_fault() {
            return Input::EnrollFailed { fault };
        }
        if let Some(record) = self.registry.records.get_mut(&incoming)
            && !record.withdrawn
        {
            let skips = self.sabotage == Some(Sabotage::SkipPolicies);
            record.policies = if skips { 0 } else { POLICIES };
            record.attached = true;
            record.status = CertificateStatus::Active;
        }
        if self.sabotage == Some(Sabotage::RetireBeforeEvidence) {
            self.retire_outgoing(rotation.outgoing, incoming);
        }
        Input::Enrolled
    }

    fn retire(&mut self, certificate: CertificateId, entry: &Entry, outgoing: bool) -> Input {
        if let Some(fault) = self.verb_fault() {
            return Input::RetireFailed { fault };
        }
        match entry.state.incoming() {
            Some(incoming) if outgoing => self.retire_outgoing(certificate, *incoming),
            _ if self.sabotage == Some(Sabotage::LeaveActive) => {}
            _ => {
                self.registry.retire(&certificate, self.clock());
                self.cut(&certificate);
            }
        }
        if outgoing { Input::OutgoingRetired } else { Input::IncomingRetired }
    }

    fn retire_outgoing(&mut self, outgoing: CertificateId, incoming: CertificateId) {
        if self.registry.is_active(&outgoing) {
            let at = self.clock();
            self.server.retired.push((outgoing, incoming, at));
        }
        self.registry.retire(&outgoing, self.clock());
        self.cut(&outgoing);
    }
}
