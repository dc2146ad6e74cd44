//! Certificates that end soon: devices' whose device is away, CAs', and the server's own.

use std::sync::Arc;

use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::CertificateId,
    notice::{Days, Fact},
    registry::CaStatus,
    time::Timestamp,
};
use perennial_pki::{Authority, authority_facts};
use perennial_store::{Store, StoreError};
use tokio::sync::watch;
use tracing::warn;

use super::Watching;
use crate::adapter::registered_cas;

/// Looks for certificates that end soon.
pub(crate) struct Ending {
    store: Store,
    authority: Arc<Authority>,
    server: watch::Receiver<Validity>,
    watching: Watching,
}

impl Ending {
    pub(crate) fn new(
        store: Store,
        authority: Arc<Authority>,
        server: watch::Receiver<Validity>,
        watching: Watching,
    ) -> Self {
        Self { store, authority, server, watching }
    }

    /// Takes in what is near its end.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn look(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut place = None;
        loop {
            let (spans, away_for) = (self.watching.unreachable.clone(), self.watching.away_for);
            place = self.store.look_for_unreachable(spans, away_for, place, now).await?;
            if place.is_none() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let mut facts = self.authorities(now);
        facts.extend(self.customers(now).await?);
        let server = *self.server.borrow();
        facts.extend(server_ending(server, &self.watching.unreachable, now));
        self.store.notice(facts, now).await
    }

    fn authorities(&self, now: Timestamp) -> Vec<Fact> {
        let own =
            [("the issuing CA", self.authority.issuing()), ("the root CA", self.authority.root())];
        let fact = |(name, der): (&str, &rustls_pki_types::CertificateDer<'static>)| {
            let facts = authority_facts(der, CertificateStatus::Active, None);
            let facts = facts.inspect_err(|error| warn!(%error, "{name} cannot be read")).ok()?;
            self.authority_ending(facts.certificate_id, name, facts.validity, now)
        };
        own.into_iter().filter_map(fact).collect()
    }

    async fn customers(&self, now: Timestamp) -> Result<Vec<Fact>, StoreError> {
        let registered = registered_cas(&self.store).await?;
        let active = registered.into_iter().filter(|ca| ca.status == CaStatus::Active);
        let ending = |ca: perennial_core::registry::CaCertificate| {
            self.authority_ending(ca.certificate_id, "a registered CA", ca.validity, now)
        };
        Ok(active.filter_map(ending).collect())
    }

    fn authority_ending(
        &self,
        certificate_id: CertificateId,
        name: &str,
        Validity { not_after: ends_at, .. }: Validity,
        now: Timestamp,
    ) -> Option<Fact> {
        let left = Days::left(ends_at, &self.watching.authorities, now)?;
        Some(Fact::AuthorityEnding { certificate_id, name: name.to_owned(), ends_at, left })
    }
}

/// The server's certificate renews itself when a third of its life is left: it is told of when less
/// than a sixth is.
fn server_ending(
    Validity { not_before, not_after: ends_at }: Validity,
    spans: &[Days],
    now: Timestamp,
) -> Option<Fact> {
    let late = ends_at.since(now) < ends_at.since(not_before) / 6;
    let left = Days::left(ends_at, spans, now).filter(|_| late)?;
    Some(Fact::ServerCertificateEnding { ends_at, left })
}

#[cfg(test)]
mod tests {
    use perennial_core::time::days;

    use super::*;

    #[test]
    fn a_server_certificate_that_still_has_time_to_be_renewed_is_not_told_of() {
        let now = Timestamp::from_secs(1_800_000_000);
        let validity =
            |for_days: u64| Validity { not_before: now, not_after: now + days(for_days) };
        let told = |validity: Validity, after: u64| {
            server_ending(validity, &Days::USUAL, now + days(after))
        };

        assert_eq!(told(validity(30), 20), None);
        assert_eq!(told(validity(30), 24), None);
        assert!(told(validity(30), 26).is_some());
        assert_eq!(told(validity(1), 0), None);
    }
}
