//! The registry in memory: certificates, the things they belong to, and their policies.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, PolicyName, ThingName},
    time::Timestamp,
};

use super::{Seen, Verb, Witness, fault::Gate};
use crate::port::{Enrolment, PortError, Registry, Retirement};

/// Every certificate, by its id.
#[derive(Default)]
pub(super) struct Certificates {
    pub(super) rows: BTreeMap<CertificateId, Row>,
    of_thing: HashMap<ThingName, BTreeSet<CertificateId>>,
}

/// A certificate with what is attached to it.
#[derive(Debug, Clone)]
pub struct Row {
    /// The certificate.
    pub certificate: Certificate,
    /// The things it is attached to.
    pub things: BTreeSet<ThingName>,
    /// The policies attached to it.
    pub policies: BTreeSet<PolicyName>,
    /// Whether a rotation retired it.
    pub retired: bool,
}

/// The registry as one process has it.
#[derive(Clone)]
pub struct FakeRegistry {
    pub(super) certificates: Arc<Mutex<Certificates>>,
    pub(super) witness: Witness,
    pub(super) gate: Gate,
}

impl FakeRegistry {
    /// Registers an ACTIVE certificate of a thing.
    pub fn register(
        &self,
        thing: ThingName,
        certificate_id: CertificateId,
        policies: impl IntoIterator<Item = PolicyName>,
        validity: Validity,
        now: Timestamp,
    ) {
        let certificate = Certificate {
            certificate_id,
            status: CertificateStatus::Active,
            validity,
            created_at: now,
        };
        let mut certificates = self.certificates.lock();
        certificates.insert(certificate);
        certificates.attach(certificate_id, thing.clone());
        if let Some(row) = certificates.rows.get_mut(&certificate_id) {
            row.policies.extend(policies);
        }
        self.witness.saw(Seen::Registered { thing, certificate_id });
    }

    /// Adds a certificate that is attached to nothing, as an authority does.
    pub fn store(&self, certificate: Certificate) {
        self.certificates.lock().insert(certificate);
    }

    /// Deactivates a certificate by other hands than a rotation's.
    pub fn withdraw(&self, certificate_id: CertificateId) {
        if let Some(row) = self.certificates.lock().rows.get_mut(&certificate_id) {
            row.certificate.status = CertificateStatus::Inactive;
            self.witness.saw(Seen::Deactivated { certificate_id, by: None });
        }
    }

    /// What is known of a certificate.
    pub fn row(&self, id: &CertificateId) -> Option<Row> {
        self.certificates.lock().rows.get(id).cloned()
    }

    /// Whether a certificate authenticates.
    pub fn is_active(&self, id: &CertificateId) -> bool {
        let certificates = self.certificates.lock();
        let status = certificates.rows.get(id).map(|row| row.certificate.status);
        status == Some(CertificateStatus::Active)
    }

    /// Every certificate, by its id.
    pub fn rows(&self) -> Vec<Row> {
        self.certificates.lock().rows.values().cloned().collect()
    }
}

#[async_trait]
impl Registry for FakeRegistry {
    async fn describe(&self, ids: &[CertificateId]) -> Result<Vec<Option<Certificate>>, PortError> {
        let read = || {
            let certificates = self.certificates.lock();
            let find = |id| certificates.rows.get(id).map(|row| row.certificate.clone());
            Ok(ids.iter().map(find).collect())
        };
        self.gate.call(Verb::Describe, ids.len(), read).await
    }

    async fn things_of(&self, ids: &[CertificateId]) -> Result<Vec<Vec<ThingName>>, PortError> {
        let read = || {
            let certificates = self.certificates.lock();
            let things = |id| certificates.rows.get(id).map(|row| row.things.clone());
            Ok(ids.iter().map(|id| things(id).into_iter().flatten().collect()).collect())
        };
        self.gate.call(Verb::ThingsOf, ids.len(), read).await
    }

    async fn certificates_of(
        &self,
        things: &[ThingName],
    ) -> Result<Vec<Vec<Certificate>>, PortError> {
        let read = || {
            let certificates = self.certificates.lock();
            Ok(things.iter().map(|thing| certificates.active_of(thing)).collect())
        };
        self.gate.call(Verb::CertificatesOf, things.len(), read).await
    }

    async fn enroll(&self, batch: Vec<Enrolment>, _now: Timestamp) -> Vec<Result<(), PortError>> {
        for &Enrolment { rotation_id, .. } in &batch {
            self.witness.saw(Seen::Asked { verb: Verb::Enroll, rotation_id });
        }
        let write = || {
            let mut certificates = self.certificates.lock();
            batch.iter().map(|it| certificates.enroll(it, &self.witness)).collect()
        };
        self.gate.call_each(Verb::Enroll, batch.len(), write).await
    }

    async fn retire(&self, batch: Vec<Retirement>, _now: Timestamp) -> Vec<Result<(), PortError>> {
        for &Retirement { rotation_id, .. } in &batch {
            self.witness.saw(Seen::Asked { verb: Verb::Retire, rotation_id });
        }
        let write = || {
            let mut certificates = self.certificates.lock();
            batch.iter().for_each(|it| certificates.retire(it, &self.witness));
            batch.iter().map(|_| Ok(())).collect()
        };
        self.gate.call_each(Verb::Retire, batch.len(), write).await
    }
}

impl Certificates {
    /// Adds a certificate that is attached to nothing.
    pub(super) fn insert(&mut self, certificate: Certificate) {
        let row =
            Row { certificate, things: BTreeSet::new(), policies: BTreeSet::new(), retired: false };
        self.rows.insert(row.certificate.certificate_id, row);
    }

    fn attach(&mut self, id: CertificateId, thing: ThingName) {
        if let Some(row) = self.rows.get_mut(&id) {
            row.things.insert(thing.clone());
            self.of_thing.entry(thing).or_default().insert(id);
        }
    }

    fn active_of(&self, thing: &ThingName) -> Vec<Certificate> {
        let ids = self.of_thing.get(thing).into_iter().flatten();
        let rows = ids.filter_map(|id| self.rows.get(id)).map(|row| row.certificate.clone());
        let mut active: Vec<_> =
            rows.filter(|certificate| certificate.status == CertificateStatus::Active).collect();
        active.sort_by_key(|certificate| std::cmp::Reverse(certificate.created_at));
        active
    }

    fn enroll(&mut self, it: &Enrolment, witness: &Witness) -> Result<(), PortError> {
        let incoming = self.attached(&it.incoming, &it.thing);
        if incoming.is_some_and(|row| row.certificate.status == CertificateStatus::Active) {
            return Ok(());
        }
        let outgoing = self.attached(&it.outgoing, &it.thing);
        let outgoing = outgoing.filter(|row| row.certificate.status == CertificateStatus::Active);
        let Some(policies) = outgoing.map(|row| row.policies.clone()) else {
            let id = it.outgoing;
            let refused = format!("the outgoing certificate {id} is not ACTIVE and attached");
            return Err(PortError::permanent(refused));
        };
        let Some(row) = self.rows.get_mut(&it.incoming).filter(|row| !row.retired) else {
            return Err(PortError::permanent(format!("no certificate {} to enrol", it.incoming)));
        };
        row.certificate.status = CertificateStatus::Active;
        row.policies.extend(policies);
        self.attach(it.incoming, it.thing.clone());
        let (thing, certificate_id) = (it.thing.clone(), it.incoming);
        witness.saw(Seen::Activated { thing, certificate_id });
        Ok(())
    }

    fn attached(&self, id: &CertificateId, thing: &ThingName) -> Option<&Row> {
        self.rows.get(id).filter(|row| row.things.contains(thing))
    }

    fn retire(&mut self, it: &Retirement, witness: &Witness) {
        let id = it.certificate_id;
        let Some(row) = self.rows.get_mut(&id) else { return };
        row.things.remove(&it.thing);
        if let Some(ids) = self.of_thing.get_mut(&it.thing) {
            ids.remove(&id);
        }
        // A certificate that other things share goes on serving them.
        if !row.things.is_empty() {
            return;
        }
        row.policies.clear();
        row.retired = true;
        if row.certificate.status == CertificateStatus::Active {
            row.certificate.status = CertificateStatus::Inactive;
            witness.saw(Seen::Deactivated { certificate_id: id, by: Some(it.rotation_id) });
        }
    }
}
