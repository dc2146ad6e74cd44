//! A live connection as the rest of the broker sees it: who it is, how to wake it, how to end it.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use perennial_core::{
    ids::{CertificateId, ClientId},
    time::Timestamp,
};
use tokio::sync::Notify;

use crate::{acks::Acks, authorise::Permissions, end::End, principal::Standing, settings::Limits};

/// The shared side of one connection; the connection's task owns everything else.
pub(crate) struct Link {
    pub(crate) client_id: ClientId,
    pub(crate) principal: CertificateId,
    pub(crate) session_id: u128,
    pub(crate) connected_at: Timestamp,
    pub(crate) address: IpAddr,
    pub(crate) standing: Standing,
    pub(crate) acks: Mutex<Acks>,
    permissions: RwLock<Arc<Permissions>>,
    wake: Notify,
    end: Mutex<Option<End>>,
    ended: AtomicBool,
    ended_wake: Notify,
}

impl Link {
    pub(crate) fn new(
        client_id: ClientId,
        principal: CertificateId,
        address: IpAddr,
        standing: Standing,
        permissions: Arc<Permissions>,
        connected_at: Timestamp,
    ) -> Self {
        Self {
            client_id,
            principal,
            session_id: fastrand::u128(..),
            connected_at,
            address,
            standing,
            acks: Mutex::default(),
            permissions: RwLock::new(permissions),
            wake: Notify::new(),
            end: Mutex::new(None),
            ended: AtomicBool::new(false),
            ended_wake: Notify::new(),
        }
    }

    /// Makes the connection's task look at its session, acknowledgements and end again.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Asks the connection to end; the first reason stands.
    pub(crate) fn end(&self, end: End) {
        self.end.lock().get_or_insert(end);
        self.wake();
    }

    pub(crate) fn end_asked(&self) -> Option<End> {
        *self.end.lock()
    }

    /// Says that nothing of this connection is live any more.
    pub(crate) fn set_ended(&self) {
        self.ended.store(true, Ordering::Release);
        self.ended_wake.notify_waiters();
    }

    /// Returns when nothing of this connection is live any more.
    pub(crate) async fn ended(&self) {
        let woken = self.ended_wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        if !self.ended.load(Ordering::Acquire) {
            woken.await;
        }
    }

    /// The longest that its session may be kept without it.
    pub(crate) fn kept_at_most(&self, limits: &Limits) -> Duration {
        if self.standing.in_grace { Duration::ZERO } else { limits.session_expiry_max }
    }

    pub(crate) fn permissions(&self) -> Arc<Permissions> {
        Arc::clone(&self.permissions.read())
    }

    pub(crate) fn set_permissions(&self, permissions: Arc<Permissions>) {
        *self.permissions.write() = permissions;
    }
}

#[cfg(test)]
impl Link {
    /// A connection that may do nothing, until `ends_at`.
    pub(crate) fn powerless(client_id: &str, ends_at: Timestamp) -> Self {
        use perennial_core::certificate::{CertificateStatus, Validity};

        let (id, address) = (CertificateId::from_bytes([1; 32]), [127, 0, 0, 1].into());
        let principal = crate::Principal {
            certificate_id: id,
            status: CertificateStatus::Active,
            validity: Validity { not_before: Timestamp::EPOCH, not_after: ends_at },
            things: Vec::new(),
            policies: Vec::new(),
            certificate: Arc::default(),
            grace: None,
        };
        let (client_id, scope) = (client_id.parse().unwrap(), Default::default());
        let standing = principal.standing(Timestamp::EPOCH).unwrap();
        let permissions =
            crate::authorise::permissions(&principal, standing, &client_id, address, &scope);
        Self::new(client_id, id, address, standing, Arc::new(permissions), Timestamp::EPOCH)
    }
}
