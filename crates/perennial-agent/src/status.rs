//! What a data folder says about its device, read without the lock.

use std::path::Path;

use perennial_core::{
    device::{Generation, Slot, Slots},
    ids::{CertificateId, ClientId},
    time::Timestamp,
};
use perennial_pki::facts;
use serde::Serialize;

use crate::{
    clock::Clock,
    credential,
    disk::Disk,
    document::LastError,
    folder::{Folder, FolderError},
};

/// A device at a glance.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Its client id.
    pub client_id: ClientId,
    /// Its state's name.
    pub state: &'static str,
    /// Its credentials.
    pub slots: Vec<SlotStatus>,
    /// The latest time heard from a server: milliseconds since the epoch, 0 for never.
    pub server_time: Timestamp,
    /// What went wrong last.
    pub last_error: Option<LastError>,
}

/// One credential at a glance.
#[derive(Debug, Clone, Serialize)]
pub struct SlotStatus {
    /// Its role.
    pub slot: Slot,
    /// Its number.
    pub generation: Generation,
    /// Its certificate, once it has come.
    pub certificate_id: Option<CertificateId>,
    /// The certificate's subject, as `CN=…`.
    pub subject: Option<String>,
    /// When the certificate ends: milliseconds since the epoch.
    pub not_after: Option<Timestamp>,
    /// Whole days until then; negative afterwards.
    pub days_left: Option<i64>,
}

/// Reads the folder.
///
/// # Errors
/// [`FolderError`] when nothing is enrolled there or the document is damaged.
pub fn status(data: &Path) -> Result<Status, FolderError> {
    let folder = Folder::new(data, Disk::default());
    let document = folder.read_document()?;
    let now = Clock::new(document.server_time).now();
    let slots = [Slot::Candidate, Slot::Current, Slot::Previous];
    let slots =
        slots.into_iter().filter_map(|slot| look(&folder, slot, &document.device.slots, now));
    Ok(Status {
        client_id: document.client_id,
        state: document.device.state.name(),
        slots: slots.collect(),
        server_time: document.server_time,
        last_error: document.last_error,
    })
}

fn look(folder: &Folder, slot: Slot, slots: &Slots, now: Timestamp) -> Option<SlotStatus> {
    let generation = slots.generation(slot)?;
    let chain = credential::chain(folder, generation).ok();
    let facts = chain.as_ref().and_then(|chain| facts(chain.first()?).ok());
    let not_after = facts.as_ref().map(|facts| facts.validity.not_after);
    Some(SlotStatus {
        slot,
        generation,
        certificate_id: facts.as_ref().map(|facts| facts.certificate_id),
        subject: facts.as_ref().map(|facts| {
            let parts = facts
                .subject
                .iter()
                .flat_map(|(key, values)| values.iter().map(move |value| format!("{key}={value}")));
            parts.collect::<Vec<_>>().join(", ")
        }),
        not_after,
        days_left: not_after.map(|end| (end.as_secs() - now.as_secs()).div_euclid(86_400)),
    })
}
