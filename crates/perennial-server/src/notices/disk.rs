//! The disk under the data folder: told when it is nearly full, and when it no longer is.

use std::{io, path::PathBuf};

use perennial_core::{notice::Fact, time::Timestamp};
use perennial_store::{Store, StoreError};
use tracing::warn;

/// The disk with the data folder.
pub(crate) struct Disk {
    folder: PathBuf,
    /// With fewer bytes free it is nearly full.
    least: u64,
    /// Whether people were told, as far as this process knows.
    low: Option<bool>,
}

impl Disk {
    pub(crate) fn new(folder: PathBuf, least: u64) -> Self {
        Self { folder, least, low: None }
    }

    /// Looks how much is free. A quarter more than the least makes it not nearly full any more.
    pub(crate) async fn look(&mut self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let folder = self.folder.clone();
        let space = tokio::task::spawn_blocking(move || space(&folder)).await;
        let Ok((free, total)) =
            space.unwrap_or_else(|error| Err(error.into())).inspect_err(|error| {
                warn!(%error, "it cannot be seen how full the disk is");
            })
        else {
            return Ok(());
        };
        let fact = Fact::DiskLow { free, total };
        if free < self.least && self.low != Some(true) {
            store.notice(vec![fact], now).await?;
            self.low = Some(true);
        } else if free >= self.least.saturating_add(self.least / 4) && self.low != Some(false) {
            store.resolve_notice(fact.fold_key(), now).await?;
            self.low = Some(false);
        }
        Ok(())
    }
}

/// How many bytes are free for this process, and how many there are.
fn space(folder: &std::path::Path) -> io::Result<(u64, u64)> {
    let found = rustix::fs::statvfs(folder)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok((bytes(found.f_bavail), bytes(found.f_blocks)))
}

#[cfg(test)]
mod tests {
    use perennial_core::notice::Kind;
    use perennial_store::{NoticeFilter, Order, Settings};

    use super::*;

    #[tokio::test]
    async fn a_disk_that_is_nearly_full_is_told_once_until_it_no_longer_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Settings::default()).unwrap();
        let mut disk = Disk::new(folder.path().to_owned(), u64::MAX);
        let now = Timestamp::from_secs(1_800_000_000);

        disk.look(&store, now).await.unwrap();
        disk.look(&store, now).await.unwrap();

        let listed = async |open| {
            let filter = NoticeFilter { open, kind: Some(Kind::DiskLow) };
            store.list_notices(filter, Order::Ascending, None, 9).await.unwrap().items
        };
        let open = listed(true).await;
        assert_eq!((open.len(), open[0].count), (1, 1));
        disk.least = 1;
        disk.look(&store, now).await.unwrap();
        assert!(listed(true).await.is_empty());
        assert_eq!(listed(false).await.len(), 1);
    }
}
