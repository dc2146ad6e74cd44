//! First certificates, for who has the server at hand: the API's enrolment, with its usual policy.

use std::time::Duration;

use perennial_api::{Candidate, Enrolled, Enrolment};
use perennial_core::ids::PolicyName;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_pki::Profile;
use perennial_store::OtherCertificates;

use crate::{DEVICE_POLICY, Server};

/// A device's first certificate.
#[derive(Debug, Clone)]
pub struct Certified {
    /// The certificate and its issuer's, in PEM.
    pub chain_pem: String,
}

impl Server {
    /// Enrols devices, all or none.
    ///
    /// # Errors
    /// Which CSR is not acceptable and why, or whose key or thing is taken.
    pub async fn certify(
        &self,
        candidates: Vec<Candidate>,
        validity_for: Duration,
    ) -> anyhow::Result<Vec<Certified>> {
        let enrolment = Enrolment {
            profile: Profile { validity_for, ..Profile::default() },
            policies: vec![PolicyName::new(DEVICE_POLICY)?],
            others: OtherCertificates::Refuse,
        };
        let held = (self.store(), self.shared_authority());
        let enrolled = enrolment.enroll(candidates, held, SystemClock.now()).await?;
        let chain_pem = self.authority().chain_pem();
        let certified =
            |it: Enrolled| Certified { chain_pem: format!("{}{chain_pem}", it.certificate_pem) };
        Ok(enrolled.into_iter().map(certified).collect())
    }
}
