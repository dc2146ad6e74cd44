//! Principals for the broker: read from the store by primary key, with documents parsed once.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use perennial_broker::{Basis, ConnectedThing, Introduction, LookupFailed, Principal, Principals};
use perennial_core::{
    ids::{CertificateId, ClientId},
    policy::{Document, ThingFacts},
};
use perennial_store::{DocumentKey, PolicyInForce, PrincipalRecord, Shared, Store, ThingRecord};
use tokio::sync::mpsc;

use super::{Recovery, introductions, sources::Sources};

/// How many principals are kept between the handshake and CONNECT, and for their next connection.
const KEPT: usize = 8192;

/// How many are read ahead in one go.
const AHEAD: usize = 64;

/// How many documents are kept parsed.
const DOCUMENTS: usize = 4096;

/// The store's certificates as the broker's principals.
pub(crate) struct StorePrincipals {
    store: Store,
    recovery: Recovery,
    sources: Sources,
    /// A key names one document for good, so none of them is ever out of date.
    documents: Documents,
    kept: Mutex<HashMap<CertificateId, Arc<Principal>>>,
    /// Counts what was forgotten, so that a read that began before is not kept after.
    forgotten: AtomicU64,
    introductions: mpsc::Sender<Introduction>,
}

type Documents = Mutex<HashMap<DocumentKey, Arc<Document>>>;
type Policies = (Vec<Arc<Document>>, Vec<Shared>);

impl StorePrincipals {
    /// Reads from `store`; also answers with who is introduced.
    pub(crate) fn new(store: Store, recovery: Recovery) -> (Self, mpsc::Receiver<Introduction>) {
        let (documents, kept) = (Mutex::default(), Mutex::default());
        let (sources, forgotten) = (Sources::default(), AtomicU64::new(0));
        let (introductions, introduced) = mpsc::channel(introductions::CAPACITY);
        (Self { store, recovery, sources, documents, kept, forgotten, introductions }, introduced)
    }

    /// Reads these anew the next time they are asked for.
    pub(crate) fn forget(&self, ids: &[CertificateId]) {
        let mut kept = self.kept.lock();
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        for id in ids {
            kept.remove(id);
        }
    }

    /// Reads everybody anew the next time.
    pub(crate) fn forget_all(&self) {
        let mut kept = self.kept.lock();
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        kept.clear();
    }

    /// Makes whatever was read from this out of date.
    pub(crate) fn mark_changed(&self, shared: &Shared) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.sources.mark_changed(shared);
    }

    /// Reads these ahead of connections that are about to come: together that costs a fraction of
    /// what one by one does. A failure is no loss, since whoever comes is then read as ever.
    pub(crate) async fn expect(&self, ids: &[CertificateId]) {
        for ids in ids.chunks(AHEAD) {
            if let Err(error) = self.read_ahead(ids) {
                tracing::debug!(%error, "principals were not read ahead");
            }
            tokio::task::yield_now().await;
        }
    }

    fn read_ahead(&self, ids: &[CertificateId]) -> Result<(), LookupFailed> {
        let before = self.forgotten.load(Ordering::SeqCst);
        let held = Held::of(&self.documents);
        let records = self.store.principal_records(ids, &|key| held.take(key)).map_err(failed)?;
        for record in records.into_iter().flatten() {
            self.keep(Arc::new(self.principal(record, &held)?), before);
        }
        Ok(())
    }

    /// Keeps a principal, unless anything was forgotten since `before`, when its reading began.
    fn keep(&self, principal: Arc<Principal>, before: u64) {
        let mut kept = self.kept.lock();
        if self.forgotten.load(Ordering::SeqCst) == before {
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(principal.certificate_id, principal);
        }
    }

    fn read(&self, id: &CertificateId) -> Result<Option<Arc<Principal>>, LookupFailed> {
        let held = Held::of(&self.documents);
        let record = self.store.principal_record(id, &|key| held.take(key)).map_err(failed)?;
        record.map(|record| self.principal(record, &held).map(Arc::new)).transpose()
    }

    fn principal(
        &self,
        record: PrincipalRecord,
        held: &Held<'_>,
    ) -> Result<Principal, LookupFailed> {
        let PrincipalRecord { certificate, der, vouched_for, policies } = record;
        let facts = perennial_pki::facts(&der).map_err(failed)?.into();
        let (policies, names) = held.policies(policies)?;
        Ok(Principal {
            certificate_id: certificate.certificate_id,
            status: certificate.status,
            validity: certificate.validity,
            vouched_for,
            policies,
            certificate: Arc::new(facts),
            grace: self.recovery.grace(certificate.validity),
            basis: self.basis(names),
        })
    }

    fn connected(
        &self,
        record: ThingRecord,
        held: &Held<'_>,
    ) -> Result<ConnectedThing, LookupFailed> {
        let ThingRecord { thing, groups, policies, billing_group } = record;
        let (policies, mut names) = held.policies(policies)?;
        names.extend(groups.iter().copied().map(Shared::Group));
        let facts = ThingFacts::from(thing).billed_to(billing_group);
        Ok(ConnectedThing { facts, policies, groups: groups.into(), basis: self.basis(names) })
    }

    fn basis(&self, names: Vec<Shared>) -> Basis {
        Basis::new(names.into_iter().map(|name| self.sources.named(name)).collect())
    }
}

/// The parsed documents that one reading needs: held, so that making room for others does not
/// take them away meanwhile.
struct Held<'a> {
    documents: &'a Documents,
    taken: RefCell<HashMap<DocumentKey, Arc<Document>>>,
}

impl<'a> Held<'a> {
    fn of(documents: &'a Documents) -> Self {
        Self { documents, taken: RefCell::default() }
    }

    /// Holds a document; answers whether it is there.
    fn take(&self, key: &DocumentKey) -> bool {
        let Some(document) = self.documents.lock().get(key).cloned() else { return false };
        self.taken.borrow_mut().insert(*key, document);
        true
    }

    fn policies(&self, policies: Vec<PolicyInForce>) -> Result<Policies, LookupFailed> {
        let (mut documents, mut names) = (Vec::new(), Vec::new());
        for policy in policies {
            documents.push(self.document(&policy.key, policy.document.as_deref())?);
            names.push(Shared::Policy(policy.name));
        }
        Ok((documents, names))
    }

    fn document(
        &self,
        key: &DocumentKey,
        json: Option<&str>,
    ) -> Result<Arc<Document>, LookupFailed> {
        if let Some(document) = self.taken.borrow().get(key) {
            return Ok(Arc::clone(document));
        }
        let document = Arc::new(Document::parse(json.unwrap_or_default()).map_err(failed)?);
        let mut documents = self.documents.lock();
        if documents.len() >= DOCUMENTS {
            documents.clear();
        }
        documents.insert(*key, Arc::clone(&document));
        Ok(document)
    }
}

impl Principals for StorePrincipals {
    fn principal(&self, id: &CertificateId) -> Result<Option<Arc<Principal>>, LookupFailed> {
        let before = {
            let kept = self.kept.lock();
            if let Some(principal) = kept.get(id).filter(|kept| kept.basis.is_current()) {
                return Ok(Some(Arc::clone(principal)));
            }
            self.forgotten.load(Ordering::SeqCst)
        };
        let Some(principal) = self.read(id)? else { return Ok(None) };
        self.keep(Arc::clone(&principal), before);
        Ok(Some(principal))
    }

    fn thing(
        &self,
        id: &CertificateId,
        client_id: &ClientId,
    ) -> Result<Option<ConnectedThing>, LookupFailed> {
        let held = Held::of(&self.documents);
        let record = self.store.thing_record(id, client_id.as_str(), &|key| held.take(key));
        record.map_err(failed)?.map(|record| self.connected(record, &held)).transpose()
    }

    fn only_thing(&self, id: &CertificateId) -> Result<Option<ConnectedThing>, LookupFailed> {
        let held = Held::of(&self.documents);
        let record = self.store.only_thing_record(id, &|key| held.take(key)).map_err(failed)?;
        record.map(|record| self.connected(record, &held)).transpose()
    }

    fn introduced(&self, introduction: Introduction) {
        if let Err(error) = self.introductions.try_send(introduction) {
            tracing::warn!(%error, "too many certificates are introduced at once: one was not");
        }
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> LookupFailed {
    LookupFailed(Box::new(error))
}
