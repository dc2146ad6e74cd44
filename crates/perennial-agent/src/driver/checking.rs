//! A delivered certificate: checked against the candidate's key, then stored beside it.

use perennial_core::{
    device::{Checked, Generation, Input, State},
    ids::{CertificateId, ThingName},
    message::{Crt, ErrorCode},
    time::Timestamp,
};
use perennial_pki::{certificates_from_pem, check_device_certificate};
use rustls_pki_types::CertificateDer;

use super::{Agent, RunError};
use crate::{
    credential::{self, ANCHORS, CERTIFICATE},
    faults::CrashPoint,
};

struct Bad(ErrorCode, String);

/// What was checked and stored last, kept for the trial that follows.
pub(super) struct Delivered {
    pub(super) generation: Generation,
    /// The leaf followed by its chain.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) anchors: Vec<CertificateDer<'static>>,
}

impl Agent {
    /// Checks and stores; what no candidate waits for is not stored.
    pub(super) fn check(&mut self, crt: &Crt) -> Checked {
        match self.store_checked(crt) {
            Ok(certificate_id) => Checked::Good(certificate_id),
            Err(Bad(code, text)) => Checked::Bad { code, text },
        }
    }

    fn store_checked(&mut self, crt: &Crt) -> Result<CertificateId, Bad> {
        let generation = self.waiting_candidate(crt).ok_or_else(|| {
            Bad(ErrorCode::NoCandidate, "no key waits for this certificate".to_owned())
        })?;
        if self.config.faults.refuses_certificate() {
            return Err(Bad(ErrorCode::Unknown, "refused, as a test asked it to".to_owned()));
        }
        let anchors_pem = self.anchors_of(crt)?;
        let malformed =
            |error: perennial_pki::PemError| Bad(ErrorCode::Malformed, error.to_string());
        let anchors = certificates_from_pem(&anchors_pem).map_err(malformed)?;
        let key = self.keys.public_key(generation);
        let key = key.map_err(|error| Bad(error.code(), error.to_string()))?;
        let checked = check_device_certificate(
            &crt.certificate_pem,
            &crt.chain_pem,
            &anchors,
            &key,
            &self.name()?,
            self.time(),
        );
        let checked = checked.map_err(|problem| Bad(problem.code(), problem.to_string()))?;
        let certificates = format!("{}\n{}", crt.certificate_pem.trim_end(), crt.chain_pem);
        let files = [(CERTIFICATE, certificates.as_bytes()), (ANCHORS, anchors_pem.as_bytes())];
        let stored = self.folder.write(generation, &files);
        stored.map_err(|error| Bad(ErrorCode::StorageFailed, error.to_string()))?;
        let chain = [vec![checked.der], checked.chain_der].concat();
        self.delivered = Some(Delivered { generation, chain, anchors });
        Ok(checked.certificate_id)
    }

    /// What certificates are checked by, and what the server is told when one will not do.
    pub(super) fn time(&self) -> Timestamp {
        self.clock.now() - self.config.faults.clock_behind_for()
    }

    fn waiting_candidate(&self, crt: &Crt) -> Option<Generation> {
        let device = &self.machine.as_ref()?.device;
        match device.state {
            State::AwaitingCertificate { rotation_id, .. }
                if crt.rotation_id.is_none() || crt.rotation_id == rotation_id =>
            {
                device.slots.candidate
            }
            State::AwaitingCertificate { .. }
            | State::Steady { .. }
            | State::Trying { .. }
            | State::Acknowledging { .. }
            | State::RunningHook { .. }
            | State::ReportingHook { .. }
            | State::Reporting { .. } => None,
        }
    }

    /// The anchors that the candidate will live with: those delivered, else the current ones.
    fn anchors_of(&self, crt: &Crt) -> Result<String, Bad> {
        if !crt.ca_pem.trim().is_empty() {
            return Ok(crt.ca_pem.clone());
        }
        let anchors = credential::anchors(&self.folder, self.document.device.slots.current);
        let anchors = anchors.map_err(|error| Bad(ErrorCode::StorageFailed, error.to_string()))?;
        Ok(anchors.iter().map(|der| perennial_pki::pem_of_certificate(der)).collect())
    }

    fn name(&self) -> Result<ThingName, Bad> {
        let name = self.document.common_name.as_deref();
        let name = name.unwrap_or(self.config.client_id.as_str());
        ThingName::new(name).map_err(|error| Bad(ErrorCode::WrongName, error.to_string()))
    }

    pub(super) fn crash_after_certificate(&self, input: &Input) -> Result<(), RunError> {
        let stored = matches!(input, Input::CertificateReceived { checked: Checked::Good(_), .. });
        if stored { self.crash_at(CrashPoint::AfterCertificateWritten) } else { Ok(()) }
    }
}
