//! What a server stands on: its data folder with the store and the certificate authority in it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use perennial_core::time::Timestamp;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_pki::Authority;
use perennial_store::{AuditFile, Settings as StoreSettings, Store};
use tracing::warn;

use crate::{audits, config::Config, device_policy, exposed::close_exposed};

/// How many connections that a stop left open are ended at once.
const LEFT_AT_ONCE: usize = 1000;

/// An open data folder.
pub(super) struct Foundation {
    pub(super) data: PathBuf,
    pub(super) store: Store,
    pub(super) authority: Arc<Authority>,
}

impl Foundation {
    /// Opens the data folder, and makes what is not in it.
    ///
    /// # Errors
    /// What is in the way: the folder, another process, the configuration.
    pub(super) async fn open(data: &Path, config: &Config) -> anyhow::Result<Self> {
        let now = SystemClock.now();
        make_private(data)?;
        close_exposed(data);
        let store = Store::open(data, store_settings(config)?)?;
        let interrupted = store.fail_interrupted_audits(now).await?;
        if interrupted > 0 {
            warn!(audits = interrupted, "audits that were cut short count as failed");
        }
        let authority = Arc::new(open_authority(&data.join("ca"), now)?);
        write_anchor(data, &authority)?;
        prepare_audits(config, &store, &authority, now).await?;
        device_policy::ensure(&store, config, now).await?;
        Ok(Self { data: data.to_owned(), store, authority })
    }
}

fn make_private(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| {
        format!(
            "the data folder {} cannot be made: choose a folder you may write",
            folder.display()
        )
    })
}

fn store_settings(config: &Config) -> anyhow::Result<StoreSettings> {
    Ok(StoreSettings {
        audit: audits::settings(config)?,
        grace_for: Duration::from_secs(config.certificates.grace_secs),
        notices: config.notices.settings()?,
    })
}

fn open_authority(folder: &Path, now: Timestamp) -> anyhow::Result<Authority> {
    let (key, certificate) = (folder.join("issuing.key"), folder.join("issuing.pem"));
    let is_to_be_made = key.exists() && !certificate.exists();
    let authority = Authority::open_or_create(folder, now, &SystemRandom::new())?;
    if is_to_be_made {
        warn!(path = %certificate.display(), "the issuing CA's certificate was missing and is made anew");
    }
    Ok(authority)
}

/// Puts the trust anchor where people and devices find it.
fn write_anchor(data: &Path, authority: &Authority) -> anyhow::Result<()> {
    let path = data.join("ca.pem");
    std::fs::write(&path, authority.root_pem())
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// Tells audits what surrounds them, and what the configuration wants of them.
async fn prepare_audits(
    config: &Config,
    store: &Store,
    authority: &Authority,
    now: Timestamp,
) -> anyhow::Result<()> {
    store.surround_audits(audits::surroundings(config, authority)?);
    store.take_over_audit_file(AuditFile { enable: config.enabled_checks() }, now).await?;
    while store.end_left_connections(LEFT_AT_ONCE, now).await? > 0 {}
    Ok(())
}
