//! What a data folder says about its device, read without the lock.

use std::path::Path;

use perennial_core::{
    causes::with_causes,
    device::{Generation, Slot, Slots},
    ids::{CertificateId, ClientId},
    time::Timestamp,
};
use perennial_pki::{CertificateFacts, SigningKey, facts};
use serde::Serialize;

use crate::{
    clock::Clock,
    credential::{self, CredentialError},
    disk::Disk,
    document::LastError,
    folder::{Folder, FolderError},
    keystore::KEY,
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
    /// The latest time heard from a server: milliseconds since the epoch.
    pub server_time: Option<Timestamp>,
    /// Since when and why the server refuses the device, if it does.
    pub refused: Option<LastError>,
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
    /// Why the device cannot connect with it, as far as its files tell.
    pub problem: Option<String>,
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
        server_time: Some(document.server_time).filter(|time| *time > Timestamp::EPOCH),
        refused: document.refused,
        last_error: document.last_error,
    })
}

fn look(folder: &Folder, slot: Slot, slots: &Slots, now: Timestamp) -> Option<SlotStatus> {
    let generation = slots.generation(slot)?;
    let chain = credential::chain(folder, generation);
    let facts = chain.as_ref().ok().and_then(|chain| facts(chain.first()?).ok());
    let problem = problem(folder, generation, slot, chain.err(), facts.as_ref());
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
        problem,
    })
}

/// What is wrong with a credential's files; a candidate whose certificate has not come is not.
fn problem(
    folder: &Folder,
    generation: Generation,
    slot: Slot,
    unread: Option<CredentialError>,
    facts: Option<&CertificateFacts>,
) -> Option<String> {
    let waits = slot == Slot::Candidate && matches!(unread, Some(CredentialError::Missing(..)));
    if let Some(unread) = unread.filter(|_| !waits) {
        return Some(unread.to_string());
    }
    if let Err(unread) = credential::anchors(folder, generation)
        && !waits
    {
        return Some(unread.to_string());
    }
    match SigningKey::load(&folder.credential(generation).join(KEY)) {
        Err(error) => Some(with_causes(&error)),
        Ok(key) => facts
            .filter(|facts| facts.spki_digest != key.public_key().digest())
            .map(|_| format!("credential {}'s {KEY} is not its certificate's key", generation.0)),
    }
}
