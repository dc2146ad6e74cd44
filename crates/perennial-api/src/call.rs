//! A call: one request that was let in, and what it may work on.

use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use bytes::Bytes;
use http::request;
use perennial_core::{
    ids::{AccessKeyId, CertificateId, PolicyName, ThingName},
    policy::Scope,
    time::Timestamp,
    topic::Prefix,
};
use perennial_orchestrator::Intake;
use perennial_pki::{Authority, Profile};
use perennial_store::{Actor, Shared, Store};
use tokio::sync::Semaphore;

use crate::{ApiError, Code, DataPlane, KeyRing, NoticeDelivery, Routing, Running, parts::Parts};

/// A request as it was let in.
pub(crate) struct Received {
    /// The path's members, decoded.
    pub(crate) path: Vec<(String, String)>,
    pub(crate) head: request::Parts,
    pub(crate) body: Bytes,
}

/// What an operation works on. The store it sees writes the caller into every event.
pub(crate) struct Call {
    parts: Arc<Parts>,
    store: Store,
    caller: Option<AccessKeyId>,
    now: Timestamp,
}

impl Call {
    pub(crate) fn new(parts: Arc<Parts>, actor: Actor, now: Timestamp) -> Self {
        let caller = actor.access_key_id.clone();
        let store = parts.store.acting_as(actor);
        Self { parts, store, caller, now }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The access key that signed it, if it is signed.
    pub(crate) fn caller(&self) -> Option<&AccessKeyId> {
        self.caller.as_ref()
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        &self.parts.keys
    }

    pub(crate) fn authority(&self) -> &Arc<Authority> {
        &self.parts.authority
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.parts.settings.profile
    }

    pub(crate) fn device_policy(&self) -> &PolicyName {
        &self.parts.settings.device_policy
    }

    pub(crate) fn rekey(&self) -> bool {
        self.parts.settings.rekey
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.parts.settings.scope
    }

    pub(crate) fn running(&self) -> &dyn Running {
        &*self.parts.outside.running
    }

    pub(crate) fn routing(&self) -> &dyn Routing {
        &*self.parts.outside.routing
    }

    pub(crate) fn prefix(&self) -> &Prefix {
        &self.parts.settings.prefix
    }

    pub(crate) fn data_plane(&self) -> &dyn DataPlane {
        &*self.parts.outside.data_plane
    }

    pub(crate) fn notices(&self) -> &dyn NoticeDelivery {
        &*self.parts.outside.notices
    }

    pub(crate) fn intake(&self) -> &Intake {
        &self.parts.outside.intake
    }

    pub(crate) fn key_making(&self) -> Arc<Semaphore> {
        Arc::clone(&self.parts.key_making)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Octets for an id that nobody else has.
    pub(crate) fn drawn() -> Result<[u8; 16], ApiError> {
        let mut octets = [0; 16];
        let filled = SystemRandom::new().fill(&mut octets);
        filled.map_err(|_| ApiError::internal(&"the system gives no random numbers"))?;
        Ok(octets)
    }

    /// Lets live sessions notice a certificate's change.
    pub(crate) fn changed(&self, id: CertificateId) {
        self.all_changed(&[id]);
    }

    /// Lets the device log go by what is stored now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn logging_changed(&self) -> Result<(), ApiError> {
        Ok(self.running().logging_changed().await?)
    }

    /// Lets handshakes notice a CA's change.
    ///
    /// # Errors
    /// `ServiceUnavailableException`: the change is written, and the next change of a CA, or the
    /// next start, brings it into force.
    pub(crate) async fn cas_changed(&self) -> Result<(), ApiError> {
        self.running().cas_changed().await.map_err(|error| {
            tracing::error!(%error, "a change of a CA is written and not in force yet");
            let message = "The change is written and not in force yet: update the CA again.";
            ApiError::new(Code::ServiceUnavailableException, message)
        })
    }

    /// As [`changed`](Self::changed), for several.
    pub(crate) fn all_changed(&self, ids: &[CertificateId]) {
        self.running().certificates_changed(ids);
    }

    /// Lets live sessions notice a thing's change. One that was not new is told as well: the
    /// request may be a second try of one that got no further than the store.
    pub(crate) async fn thing_changed(&self, thing: ThingName) -> Result<(), ApiError> {
        Ok(self.running().thing_changed(thing).await?)
    }

    /// Lets everybody notice the change of a policy or a group, likewise.
    pub(crate) async fn shared_changed(&self, shared: Shared) {
        self.running().shared_changed(shared).await;
    }
}
