//! Recovering: devices that are back with an expired certificate get a rotation of it at once.

use std::collections::BTreeMap;

use perennial_core::{
    certificate::Certificate,
    ids::{CertificateId, ThingName},
    rotation::{Cause, may_recover},
};
use tracing::{info, warn};

use super::Opener;
use crate::{
    inbox::Recovery,
    port::{Commit, NewRotation, PortError, Stored},
};

impl Opener {
    /// Opens what is wanted, as one commit. What does not work is not tried again: the device's
    /// next connection asks anew, and the next audit finds it.
    pub(super) async fn recover(&self, recovering: Vec<Recovery>) {
        let devices = devices(recovering);
        match self.try_recover(&devices).await {
            Ok(0) => {}
            Ok(rotations) => info!(rotations, "devices are back with expired certificates"),
            Err(error) => {
                warn!(%error, devices = devices.len(), "devices that recover wait for the next audit");
            }
        }
    }

    async fn try_recover(
        &self,
        devices: &BTreeMap<ThingName, CertificateId>,
    ) -> Result<usize, PortError> {
        let (things, ids): (Vec<_>, Vec<_>) = devices.clone().into_iter().unzip();
        let latest = self.ports.journal.latest(&things).await?;
        let certificates = self.ports.registry.describe(&ids).await?;
        let attached = self.ports.registry.things_of(&ids).await?;
        let rows = things.into_iter().zip(latest).zip(certificates.into_iter().zip(attached));
        let openings: Vec<NewRotation> = rows
            .filter(|((thing, _), (_, attached))| attached.contains(thing))
            .filter_map(|((thing, latest), (certificate, _))| {
                self.recovery_of(thing, latest.as_ref(), &certificate?)
            })
            .collect();
        let count = openings.len();
        if count > 0 {
            self.commit(Commit { openings, ..Commit::default() }).await?;
        }
        Ok(count)
    }

    fn recovery_of(
        &self,
        thing: ThingName,
        latest: Option<&Stored>,
        certificate: &Certificate,
    ) -> Option<NewRotation> {
        let latest = latest.map(|stored| (&*stored.rotation, &stored.state));
        let now = self.ports.clock.now();
        may_recover(certificate, latest, &self.settings.timing, now)
            .then(|| self.opening(thing, certificate, Cause::Recovery, self.settings.rekey))
    }
}

/// Each device once, with the certificate it showed last; devices connect under their thing's
/// name.
fn devices(recovering: Vec<Recovery>) -> BTreeMap<ThingName, CertificateId> {
    let device = |it: Recovery| Some((ThingName::new(it.client_id.as_str()).ok()?, it.principal));
    recovering.into_iter().filter_map(device).collect()
}
