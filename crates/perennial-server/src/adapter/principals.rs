//! Principals for the broker: read from the store by primary key, with documents parsed once.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use perennial_broker::{LookupFailed, Principal, Principals};
use perennial_core::{
    ids::{CertificateId, PolicyName},
    policy::{CertificateFacts, Document, ThingFacts},
};
use perennial_store::{PrincipalRecord, Store};

use super::Recovery;

/// How many principals are kept between the handshake and CONNECT, and for their next connection.
const KEPT: usize = 8192;

/// The store's certificates as the broker's principals.
pub(crate) struct StorePrincipals {
    store: Store,
    recovery: Recovery,
    documents: Mutex<HashMap<PolicyName, Arc<Document>>>,
    kept: Mutex<HashMap<CertificateId, Arc<Principal>>>,
    /// Counts what was forgotten, so that a read that began before is not kept after.
    forgotten: AtomicU64,
}

impl StorePrincipals {
    pub(crate) fn new(store: Store, recovery: Recovery) -> Self {
        let (documents, kept) = (Mutex::default(), Mutex::default());
        Self { store, recovery, documents, kept, forgotten: AtomicU64::new(0) }
    }

    /// Reads these anew the next time they are asked for.
    pub(crate) fn forget(&self, ids: &[CertificateId]) {
        let mut kept = self.kept.lock();
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        for id in ids {
            kept.remove(id);
        }
    }

    fn read(&self, id: &CertificateId) -> Result<Option<Arc<Principal>>, LookupFailed> {
        let Some(record) = self.store.principal_record(id).map_err(failed)? else {
            return Ok(None);
        };
        Ok(Some(Arc::new(self.principal(record)?)))
    }

    fn principal(&self, record: PrincipalRecord) -> Result<Principal, LookupFailed> {
        let PrincipalRecord { certificate, der, things, policies } = record;
        let facts = perennial_pki::facts(&der).map_err(failed)?;
        let thing = |name| ThingFacts {
            name,
            is_attached: true,
            type_name: None,
            attributes: Default::default(),
            billing_group: None,
        };
        Ok(Principal {
            certificate_id: certificate.certificate_id,
            status: certificate.status,
            validity: certificate.validity,
            things: things.into_iter().map(thing).collect(),
            policies: policies.iter().map(|it| self.document(it)).collect::<Result<_, _>>()?,
            certificate: Arc::new(CertificateFacts {
                subject: facts.subject,
                issuer: facts.issuer,
                subject_alternative_name: facts.subject_alternative_name,
                serial_number: facts.serial_number,
            }),
            grace: self.recovery.grace(certificate.validity),
        })
    }

    fn document(&self, name: &PolicyName) -> Result<Arc<Document>, LookupFailed> {
        if let Some(document) = self.documents.lock().get(name) {
            return Ok(Arc::clone(document));
        }
        let json = self.store.policy_document(name).map_err(failed)?;
        let document = Arc::new(Document::parse(&json).map_err(failed)?);
        self.documents.lock().insert(name.clone(), Arc::clone(&document));
        Ok(document)
    }
}

impl Principals for StorePrincipals {
    fn principal(&self, id: &CertificateId) -> Result<Option<Arc<Principal>>, LookupFailed> {
        let before = {
            let kept = self.kept.lock();
            if let Some(principal) = kept.get(id) {
                return Ok(Some(Arc::clone(principal)));
            }
            self.forgotten.load(Ordering::SeqCst)
        };
        let Some(principal) = self.read(id)? else { return Ok(None) };
        let mut kept = self.kept.lock();
        if self.forgotten.load(Ordering::SeqCst) == before {
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(*id, Arc::clone(&principal));
        }
        Ok(Some(principal))
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> LookupFailed {
    LookupFailed(Box::new(error))
}
