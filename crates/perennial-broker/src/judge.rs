//! Who may do what: asks the registry, compiles the answer, and knows when it is out of date.

use std::{
    net::IpAddr,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use perennial_core::{
    ids::{CertificateId, ClientId},
    policy::Scope,
    time::Timestamp,
};

use crate::{
    authorise::{self, Permissions},
    basis::Basis,
    principal::{Clock, Introduction, LookupFailed, Principal, Principals, Standing, Unfit},
};

/// How often a judgement is begun again because the registry changed meanwhile.
const TRIES: usize = 3;

/// What one connection may do, as far as is known.
pub(crate) struct Verdict {
    /// How it may be connected.
    pub(crate) standing: Standing,
    permissions: Permissions,
    /// The groups of its thing, and those they lie in.
    pub(crate) groups: Box<[i64]>,
    basis: Basis,
    /// Up to which change of the registry it is known to hold.
    judged_at: AtomicU64,
}

impl Deref for Verdict {
    type Target = Permissions;
    fn deref(&self) -> &Permissions {
        &self.permissions
    }
}

/// Why there is no judgement of what a connection may do.
#[derive(Debug)]
pub(crate) enum NoVerdict {
    /// It may not be connected.
    Unfit(Unfit),
    /// The registry could not be asked.
    Failed(LookupFailed),
}

impl From<Unfit> for NoVerdict {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl From<LookupFailed> for NoVerdict {
    fn from(failed: LookupFailed) -> Self {
        Self::Failed(failed)
    }
}

/// Judges connections.
pub(crate) struct Judge {
    principals: Arc<dyn Principals>,
    clock: Clock,
    scope: Scope,
    /// How often the registry said that something changed.
    changes: AtomicU64,
}

impl Judge {
    pub(crate) fn new(principals: Arc<dyn Principals>, clock: Clock, scope: Scope) -> Self {
        Self { principals, clock, scope, changes: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Lets `mark` mark sources as changed.
    pub(crate) fn sources_changed(&self, mark: impl FnOnce()) {
        // Before: whoever reads a source that is made only now begins again. After: whoever
        // looked just before it was marked looks again.
        self.note_change();
        mark();
        self.note_change();
    }

    /// Whether a judgement still holds.
    pub(crate) fn upholds(&self, verdict: &Verdict) -> bool {
        let changes = self.changes.load(Ordering::SeqCst);
        if verdict.judged_at.load(Ordering::SeqCst) == changes {
            return true;
        }
        let current = verdict.basis.is_current();
        if current {
            verdict.judged_at.store(changes, Ordering::SeqCst);
        }
        current
    }

    /// Whether the registry changed since the judgement was made.
    pub(crate) fn was_overtaken(&self, verdict: &Verdict) -> bool {
        verdict.judged_at.load(Ordering::SeqCst) != self.changes.load(Ordering::SeqCst)
    }

    /// The principal with how it may be connected now, if it may.
    fn authenticated(&self, id: &CertificateId) -> Result<(Arc<Principal>, Standing), NoVerdict> {
        let principal = self.principals.principal(id)?.ok_or(Unfit::Unregistered)?;
        let standing = principal.standing(self.now())?;
        Ok((principal, standing))
    }

    /// Hands an introduction to the registry.
    pub(crate) fn introduce(&self, introduction: Introduction) {
        let (id, issuer) = (introduction.certificate_id, introduction.issuer);
        tracing::info!(certificate.id = %id, %issuer, "certificate introduced");
        self.principals.introduced(introduction);
    }

    /// What a principal may do under a client id, or without one as over HTTPS.
    ///
    /// # Errors
    /// [`NoVerdict`] when it may not be connected, or that cannot be said.
    pub(crate) fn judge(
        &self,
        id: &CertificateId,
        client_id: Option<&ClientId>,
        address: IpAddr,
    ) -> Result<Verdict, NoVerdict> {
        let mut tries = TRIES;
        loop {
            let changes = self.changes.load(Ordering::SeqCst);
            let (principal, standing) = self.authenticated(id)?;
            let thing = match client_id {
                Some(client_id) => self.principals.thing(id, client_id)?,
                None => self.principals.only_thing(id)?,
            };
            let groups = thing.as_ref().map_or_else(Box::default, |thing| thing.groups.clone());
            let mut basis = principal.basis.and(thing.as_ref().map(|thing| &thing.basis));
            let who = (&*principal, standing);
            let permissions = authorise::permissions(who, thing, client_id, address, &self.scope);
            let settled = self.changes.load(Ordering::SeqCst) == changes;
            tries -= 1;
            if settled || tries == 0 {
                if !settled {
                    // Changes come faster than they can be read: out of date from the start.
                    basis.make_outdated();
                }
                let judged_at = AtomicU64::new(changes);
                return Ok(Verdict { standing, permissions, groups, basis, judged_at });
            }
        }
    }

    /// The groups of the thing that a certificate would be connected for, and those they lie in;
    /// none when that cannot be said.
    pub(crate) fn groups(&self, id: &CertificateId, client_id: Option<&str>) -> Vec<i64> {
        let thing = match client_id.map(ClientId::new) {
            Some(Ok(client_id)) => self.principals.thing(id, &client_id),
            Some(Err(_)) => Ok(None),
            None => self.principals.only_thing(id),
        };
        thing.ok().flatten().map_or_else(Vec::new, |thing| thing.groups.to_vec())
    }

    /// The judgement of somebody who may do nothing, for a thing of these groups.
    pub(crate) fn nothing(
        &self,
        client_id: &ClientId,
        standing: Standing,
        groups: Vec<i64>,
    ) -> Verdict {
        let judged_at = AtomicU64::new(self.changes.load(Ordering::SeqCst));
        let permissions = authorise::nothing(client_id, &self.scope);
        Verdict { standing, permissions, groups: groups.into(), basis: Basis::default(), judged_at }
    }
}
