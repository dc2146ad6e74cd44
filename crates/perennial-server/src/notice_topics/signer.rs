//! Signing messages: an RSA key of this server's, and its certificates, which it shows to everybody.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use aws_lc_rs::{digest, hmac};
use parking_lot::RwLock;
use perennial_core::{
    certificate::Validity,
    notice_topic::Uuid,
    time::{Timestamp, days},
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_pki::{
    Authority, Serial, ServerNames, ServerProfile, SigningKey, certificate_from_pem, facts,
    pem_of_certificate,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// Where key and certificates are in the data folder, and what they are called there.
const FOLDER: &str = "sns";
const KEY: &str = "signing-key.pem";
const CERTIFICATE: &str = "SimpleNotificationService-";
/// How long a certificate lives; another follows when a third of that is left.
const LIFE: Duration = days(365);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(3600);

/// Signs messages.
pub(crate) struct MessageSigner {
    key: SigningKey,
    unsubscribing: hmac::Key,
    folder: PathBuf,
    authority: Arc<Authority>,
    names: ServerNames,
    certificates: RwLock<Certificates>,
}

/// The certificates by name, and which is the current one.
struct Certificates {
    by_name: BTreeMap<String, String>,
    current: (String, Validity),
}

impl MessageSigner {
    /// Reads key and certificates from the data folder `data`, or makes them.
    ///
    /// # Errors
    /// Which file is in the way.
    pub(crate) fn open(
        data: &Path,
        authority: Arc<Authority>,
        names: ServerNames,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let folder = data.join(FOLDER);
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let key = key(&folder.join(KEY))?;
        // RSA signatures of this padding are always the same, so this secret needs no file.
        let secret = digest::digest(&digest::SHA256, &key.sign(b"perennial/sns/unsubscribe")?);
        let unsubscribing = hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref());
        let mut by_name = stored(&folder)?;
        let digest = key.public_key().digest();
        let ours = by_name.iter().filter_map(|(name, pem)| {
            let found = facts(&certificate_from_pem(pem).ok()?).ok()?;
            (found.spki_digest == digest).then(|| (name.clone(), found.validity))
        });
        let latest = ours.max_by_key(|(_, validity)| validity.not_after);
        let current = match latest.filter(|(_, validity)| !is_old(*validity, now)) {
            Some(latest) => latest,
            None => issue(&folder, (&authority, &names), &key, &mut by_name, now)?,
        };
        let certificates = RwLock::new(Certificates { by_name, current });
        Ok(Self { key, unsubscribing, folder, authority, names, certificates })
    }

    /// A signature over SHA-256, and the name of the certificate with the key to it.
    pub(super) fn sign(&self, text: &str) -> anyhow::Result<(Vec<u8>, String)> {
        let signature = self.key.sign(text.as_bytes())?;
        Ok((signature, self.certificates.read().current.0.clone()))
    }

    pub(super) fn certificate(&self, name: &str) -> Option<String> {
        self.certificates.read().by_name.get(name).cloned()
    }

    pub(super) fn unsubscribe_token(&self, subscription: &Uuid) -> String {
        hex::encode(hmac::sign(&self.unsubscribing, subscription.as_bytes()))
    }

    /// Has another certificate follow in time, until `shutdown`.
    pub(crate) async fn keep_alive(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            if let Err(error) = self.renew(SystemClock.now()) {
                error!(%error, "the certificate that messages are signed with could not be renewed");
            }
        }
    }

    fn renew(&self, now: Timestamp) -> anyhow::Result<()> {
        let mut certificates = self.certificates.write();
        if is_old(certificates.current.1, now) {
            let issuer = (&*self.authority, &self.names);
            certificates.current =
                issue(&self.folder, issuer, &self.key, &mut certificates.by_name, now)?;
            info!("the certificate that messages are signed with was renewed");
        }
        Ok(())
    }
}

/// Whether less than a third of it is left.
fn is_old(validity: Validity, now: Timestamp) -> bool {
    let life = validity.not_after.since(validity.not_before);
    now >= validity.not_after - life / 3
}

fn key(path: &Path) -> anyhow::Result<SigningKey> {
    if path.exists() {
        return Ok(SigningKey::load(path)?);
    }
    let key = SigningKey::generate_rsa()?;
    key.write_new(path).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(key)
}

/// The certificates that there are, by name.
fn stored(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut by_name = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(CERTIFICATE) {
            let read = fs::read_to_string(entry.path());
            by_name.insert(
                name,
                read.with_context(|| format!("{} cannot be read", entry.path().display()))?,
            );
        }
    }
    Ok(by_name)
}

fn issue(
    folder: &Path,
    (authority, names): (&Authority, &ServerNames),
    key: &SigningKey,
    by_name: &mut BTreeMap<String, String>,
    now: Timestamp,
) -> anyhow::Result<(String, Validity)> {
    let profile = ServerProfile { validity_for: LIFE, ..ServerProfile::default() };
    let issued =
        authority.issue_server(names, key.public_key(), &profile, Serial::random()?, now)?;
    let id: String = issued.certificate_id.to_string().chars().take(32).collect();
    let (name, pem) = (format!("{CERTIFICATE}{id}.pem"), pem_of_certificate(&issued.der));
    let path = folder.join(&name);
    fs::write(&path, &pem).with_context(|| format!("{} cannot be written", path.display()))?;
    by_name.insert(name.clone(), pem);
    Ok((name, issued.validity))
}
