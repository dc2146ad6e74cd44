//! First certificates: a device's CSR, brought by an operator, becomes an ACTIVE certificate
//! attached to its thing and the device policy.

use std::time::Duration;

use perennial_core::{
    certificate::CertificateStatus,
    ids::{CertificateId, PolicyName, ThingName},
    registry::CertificateMode,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_pki::{Authority, CsrDer, Expectation, Issued, Profile, Serial};
use perennial_store::NewCertificate;

use crate::{DEVICE_POLICY, Server};

/// A device to certify.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The thing; made when it does not exist.
    pub thing: ThingName,
    /// Its device's CSR in PEM.
    pub csr_pem: String,
}

/// A device's first certificate.
#[derive(Debug, Clone)]
pub struct Certified {
    /// Its id.
    pub certificate_id: CertificateId,
    /// The certificate and its issuer's, in PEM.
    pub chain_pem: String,
}

impl Server {
    /// Certifies devices, all or none.
    ///
    /// # Errors
    /// Which CSR is not acceptable and why, or whose key or thing is taken.
    pub async fn certify(
        &self,
        candidates: Vec<Candidate>,
        validity_for: Duration,
    ) -> anyhow::Result<Vec<Certified>> {
        let now = SystemClock.now();
        let profile = Profile { validity_for, ..Profile::default() };
        let (mut rows, mut certified) = (Vec::new(), Vec::new());
        for candidate in candidates {
            let issued = issue(self.authority(), &profile, &candidate)?;
            certified.push(Certified {
                certificate_id: issued.certificate_id,
                chain_pem: format!("{}{}", issued.pem(), self.authority().chain_pem()),
            });
            rows.push(NewCertificate {
                certificate_id: issued.certificate_id,
                der: issued.der.to_vec(),
                spki_digest: issued.spki_digest,
                validity: issued.validity,
                status: CertificateStatus::Active,
                issuer: Some(perennial_pki::certificate_id(self.authority().issuing())),
                mode: CertificateMode::Default,
                thing: Some(candidate.thing),
                policies: vec![PolicyName::new(DEVICE_POLICY)?],
            });
        }
        self.store().register(rows, now).await?;
        Ok(certified)
    }
}

fn issue(
    authority: &Authority,
    profile: &Profile,
    candidate: &Candidate,
) -> anyhow::Result<Issued> {
    let expectation = Expectation { common_name: Some(candidate.thing.as_str()) };
    let csr = CsrDer::from_pem(&candidate.csr_pem)?.verify(&expectation)?;
    let now = SystemClock.now();
    Ok(authority.sign(authority.prepare(
        csr,
        profile,
        &candidate.thing,
        Serial::random()?,
        now,
    )?)?)
}
