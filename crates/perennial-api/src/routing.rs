//! What the API asks of whoever runs topic rules.

use async_trait::async_trait;
use perennial_core::ids::ResourceId;
use perennial_store::{DeadLetter, StoreError};

/// The request that a destination's owner answers to confirm it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The destination.
    pub id: ResourceId,
    /// Its ARN.
    pub arn: String,
    /// Where the request goes.
    pub url: String,
    /// What confirms.
    pub token: String,
    /// The URL that confirms when it is visited.
    pub enable_url: String,
}

/// Whoever runs topic rules.
#[async_trait]
pub trait Routing: Send + Sync {
    /// Rules or destinations changed: from now on messages go by what the store says.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    async fn changed(&self) -> Result<(), StoreError>;

    /// Sends the request to confirm, in its own time; a destination that cannot be reached gets
    /// the status ERROR.
    fn ask_to_confirm(&self, confirmation: Confirmation);

    /// Tries a dead letter again, which stays one until it arrives; `false` when too many are
    /// being tried.
    async fn replay(&self, id: i64, letter: DeadLetter) -> bool;
}
