//! The authority and the notifier keep what their ports promise, on a real store and real keys.

use std::{collections::HashMap, path::Path, sync::Arc};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use parking_lot::Mutex;
use perennial_core::{
    certificate::{Certificate, CertificateStatus},
    ids::{CertificateId, Digest, RotationId, ThingName},
    message::{Proof, ProofKind},
    registry::CertificateMode,
    rotation::Csr,
};
use perennial_orchestrator::{
    conformance::{AuthoritySubject, NOW, NotifierSubject},
    port::{Authority, Notifier, Registry as _},
};
use perennial_pki::{CsrDer, Expectation, Profile, Serial, SigningKey};
use perennial_store::{NewCertificate, NoticeFilter, Order, Store};
use tempfile::TempDir;

use super::{CertificateAuthority, StoreNotifier};

/// The adapters over a store and an authority in a folder that goes with them.
struct Subject {
    folder: TempDir,
    store: Option<Store>,
    authority: Option<CertificateAuthority>,
    notifier: Option<StoreNotifier>,
    keys: Mutex<HashMap<u32, Arc<SigningKey>>>,
    outgoing: Vec<CertificateId>,
}

impl Subject {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut subject = Self {
            folder,
            store: None,
            authority: None,
            notifier: None,
            keys: Mutex::default(),
            outgoing: Vec::new(),
        };
        subject.open();
        for number in [1, 2] {
            let id = subject.certify(number).await;
            subject.outgoing.push(id);
        }
        subject
    }

    fn open(&mut self) {
        let store = Store::open(self.folder.path(), perennial_store::Settings::default()).unwrap();
        let authority = Arc::new(ca(self.folder.path()));
        let (profile, used) = (Profile::default(), store.clone());
        self.authority = Some(CertificateAuthority::new(authority, profile, used));
        self.notifier = Some(StoreNotifier::new(store.clone()));
        self.store = Some(store);
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn key(&self, number: u32) -> Arc<SigningKey> {
        let generate = || Arc::new(SigningKey::generate_p256().unwrap());
        Arc::clone(self.keys.lock().entry(number).or_insert_with(generate))
    }

    /// Registers the certificate in use of a thing, for the key of the same number.
    async fn certify(&self, number: u32) -> CertificateId {
        let thing = ThingName::new(&format!("pump-{number}")).unwrap();
        let csr = self.key(number).certificate_request(thing.as_str()).unwrap();
        let csr = csr.verify(&Expectation { common_name: Some(thing.as_str()) }).unwrap();
        let (authority, serial) = (ca(self.folder.path()), Serial::random().unwrap());
        let prepared = authority.prepare(csr, &Profile::default(), &thing, serial, NOW).unwrap();
        let issued = authority.sign(prepared).unwrap();
        let registered = NewCertificate {
            certificate_id: issued.certificate_id,
            der: issued.der.to_vec(),
            spki_digest: issued.spki_digest,
            validity: issued.validity,
            status: CertificateStatus::Active,
            issuer: None,
            mode: CertificateMode::Default,
            thing: Some(thing),
            policies: Vec::new(),
        };
        self.store().register(vec![registered], NOW).await.unwrap();
        issued.certificate_id
    }
}

fn ca(folder: &Path) -> perennial_pki::Authority {
    let folder = folder.join("ca");
    perennial_pki::Authority::open_or_create(
        &folder,
        NOW - perennial_core::time::days(1),
        &SystemRandom::new(),
    )
    .unwrap()
}

#[async_trait]
impl AuthoritySubject for Subject {
    fn authority(&self) -> &dyn Authority {
        self.authority.as_ref().unwrap()
    }

    async fn reopen(&mut self) {
        (self.authority, self.notifier) = (None, None);
        self.store.take().unwrap().close();
        self.open();
    }

    fn outgoing(&self, number: u32) -> CertificateId {
        self.outgoing[number as usize - 1]
    }

    fn csr_for(&self, thing: u32, key: u32) -> String {
        let csr = self.key(key).certificate_request(&format!("pump-{thing}"));
        csr.unwrap().to_pem()
    }

    fn proof(
        &self,
        key: u32,
        certificate_id: CertificateId,
        kind: ProofKind,
        rotation_id: RotationId,
        csr: Option<&Csr>,
    ) -> Proof {
        let subject = match csr {
            Some(csr) => CsrDer::from_pem(&csr.pem).unwrap().digest(),
            None => Digest::from_bytes(*certificate_id.as_bytes()),
        };
        perennial_pki::sign_proof(&self.key(key), kind, &rotation_id, &subject).unwrap()
    }

    async fn describe(&self, id: CertificateId) -> Option<Certificate> {
        self.store().describe(&[id]).await.unwrap().remove(0)
    }
}

#[async_trait]
impl NotifierSubject for Subject {
    fn notifier(&self) -> &dyn Notifier {
        self.notifier.as_ref().unwrap()
    }

    async fn passed_on(&self) -> usize {
        let (all, order) = (NoticeFilter::default(), Order::Ascending);
        let notices = self.store().list_notices(all, order, None, 1000).await.unwrap().items;
        usize::try_from(notices.iter().map(|it| it.count).sum::<u64>()).unwrap()
    }
}

perennial_orchestrator::conformance!(authority, Subject::new().await);
perennial_orchestrator::conformance!(notifier, Subject::new().await);
