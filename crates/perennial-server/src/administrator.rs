//! The first administrator: an access key, and the files with which AWS's tools use it.
//!
//! `DATA/admin/config` and `DATA/admin/credentials` are in the AWS CLI's own format.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use perennial_api::{KeyRing, NewKey, Rate};
use perennial_core::{access::Role, ids::AccessKeyId, time::Timestamp};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{AccessKey, Secret, Settings as StoreSettings, Store, StoreError};
use tracing::info;

use crate::{Config, aws_file::AwsFile};

/// Where an administrator's files are in the data folder.
const FOLDER: &str = "admin";
const DESCRIPTION: &str = "first administrator";

/// The path of the AWS CLI's configuration file for the data folder `data`.
pub fn config_path(data: &Path) -> PathBuf {
    data.join(FOLDER).join("config")
}

/// The path of the AWS CLI's credentials file for the data folder `data`.
pub fn credentials_path(data: &Path) -> PathBuf {
    data.join(FOLDER).join("credentials")
}

/// Makes an administrator's key when none is in force. Its file is durable before the key is
/// registered, so a crash between the two leaves a file that the next start takes up, and never a
/// key that nobody knows.
pub(crate) async fn ensure(keys: &KeyRing, data: &Path, now: Timestamp) -> anyhow::Result<()> {
    if keys.has_administrator() {
        return Ok(());
    }
    make_folder(data)?;
    if let Some(begun) = begun(data, now) {
        match keys.add(&begun, keys.store(), now).await {
            Ok(()) => return Ok(()),
            // The file is of a key that was revoked since.
            Err(StoreError::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let new = KeyRing::draw(Role::Administrator, DESCRIPTION.to_owned(), now)?;
    write(&credentials_path(data), &credentials(&new))?;
    keys.add(&new, keys.store(), now).await?;
    info!(access_key.id = %new.key.access_key_id, "an administrator's access key was made");
    Ok(())
}

/// An administrator's key that was made while no server ran.
pub struct OfflineKey {
    /// How it is listed.
    pub key: AccessKey,
    /// What its holder signs with.
    pub secret: Secret,
    /// The credentials file that has it now, unless that has another one in force.
    pub written_to: Option<PathBuf>,
}

/// Makes an administrator's key in the data folder `data`, on which no server may run. Who may
/// write that folder may do anything to the server, so nothing else is asked of them.
///
/// # Errors
/// When there is no server's data, a server runs on it, or it is another user's.
pub async fn make_key_offline(data: &Path, description: String) -> anyhow::Result<OfflineKey> {
    anyhow::ensure!(
        data.join("perennial.db").exists(),
        "{} is no data folder of a server, since it has no perennial.db: name it with --data",
        data.display()
    );
    check_owner(data)?;
    let now = SystemClock.now();
    let store = Store::open(data, StoreSettings::default())?;
    let keys = KeyRing::load(store, Rate { per_second: 1, burst: 1 }, now).await?;
    let usual = "administrator, made offline".to_owned();
    let description = if description.is_empty() { usual } else { description };
    let new = KeyRing::draw(Role::Administrator, description, now)?;
    let path = credentials_path(data);
    let file = AwsFile::read(&path).unwrap_or_default();
    let id = file.member("default", "aws_access_key_id").unwrap_or_default();
    let written_to = if keys.is_in_force(id) { None } else { Some(path) };
    if let Some(path) = &written_to {
        make_folder(data)?;
        write(path, &credentials(&new))?;
    }
    keys.add(&new, keys.store(), now).await?;
    let store = keys.store().clone();
    drop(keys);
    tokio::task::spawn_blocking(move || store.close()).await?;
    Ok(OfflineKey { key: new.key, secret: new.secret, written_to })
}

/// What is written here must be the server's own, or it cannot start any more.
fn check_owner(data: &Path) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written", data.display());
    let owner = fs::metadata(data).with_context(failed)?.uid();
    let ours = tempfile::NamedTempFile::new_in(data).with_context(failed)?;
    anyhow::ensure!(
        ours.as_file().metadata()?.uid() == owner,
        "{} belongs to another user: do this as the user that runs the server",
        data.display()
    );
    Ok(())
}

fn credentials(new: &NewKey) -> String {
    let (id, secret) = (new.key.access_key_id.as_str(), new.secret.0.as_str());
    let members = [("aws_access_key_id", id), ("aws_secret_access_key", secret)];
    AwsFile::of("default", &members).to_string()
}

/// Writes where this server is. It is the server's own file: every start writes it anew.
pub(crate) fn write_config(config: &Config, https: SocketAddr, data: &Path) -> anyhow::Result<()> {
    make_folder(data)?;
    let data = data.canonicalize().with_context(|| format!("{} is gone", data.display()))?;
    let endpoint = format!("https://{}:{}", config.host(), https.port());
    let anchor = data.join("ca.pem").display().to_string();
    let members = [
        ("region", config.account.region.as_str()),
        ("output", "json"),
        ("endpoint_url", &endpoint),
        ("ca_bundle", &anchor),
    ];
    let text = AwsFile::of("default", &members).to_string();
    write(
        &config_path(&data),
        &format!("# `perennial serve` writes this file at every start.\n{text}"),
    )
}

/// The key of a first start that got no further than its file.
fn begun(data: &Path, now: Timestamp) -> Option<NewKey> {
    let file = AwsFile::read(&credentials_path(data)).ok()?;
    let member = |name| file.member("default", name);
    let key = AccessKey {
        access_key_id: AccessKeyId::new(member("aws_access_key_id")?).ok()?,
        role: Role::Administrator,
        description: DESCRIPTION.to_owned(),
        created_at: now,
        revoked_at: None,
    };
    Some(NewKey { key, secret: Secret(member("aws_secret_access_key")?.to_owned()) })
}

fn make_folder(data: &Path) -> anyhow::Result<()> {
    let folder = data.join(FOLDER);
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.with_context(|| format!("the folder {} cannot be made", folder.display()))
}

/// Writes a file whole or not at all, for its owner only.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let temporary = path.with_extension("new");
    write_durably(&temporary, text)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all())
        .with_context(|| format!("{} cannot be written", path.display()))
}

fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
