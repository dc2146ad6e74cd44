//! Intake: facts become durable, then reach the driver; hints reach it without being durable.

use std::sync::Arc;

use perennial_core::{
    ids::{CertificateId, ClientId},
    rotation::Input,
};
use tokio::sync::mpsc;

use crate::port::{Fact, FactId, Journal, PortError};

/// Presence: worth acting upon, but said again by itself if it is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A device connected.
    Connected {
        /// The device.
        client_id: ClientId,
        /// The certificate it connected with.
        principal: CertificateId,
    },
    /// A device subscribed to one of its management topics: it can be reached.
    Subscribed {
        /// The device.
        client_id: ClientId,
        /// The certificate it is connected with.
        principal: CertificateId,
    },
}

impl Hint {
    pub(crate) const fn client_id(&self) -> &ClientId {
        match self {
            Self::Connected { client_id, .. } | Self::Subscribed { client_id, .. } => client_id,
        }
    }

    pub(crate) const fn input(&self) -> Input {
        match self {
            Self::Connected { principal, .. } => Input::DeviceConnected { principal: *principal },
            Self::Subscribed { principal, .. } => Input::DeviceSubscribed { principal: *principal },
        }
    }
}

/// What reaches the driver from outside.
#[derive(Debug)]
pub(crate) enum Arrival {
    Fact(FactId, Fact),
    Hint(Hint),
}

/// Where facts and hints are put in. Cheap to clone.
///
/// The way to the driver is bounded: when the ring cannot keep up, putting in waits, and so does
/// whoever waits for it.
#[derive(Clone)]
pub struct Intake {
    journal: Arc<dyn Journal>,
    arrivals: mpsc::Sender<Arrival>,
}

impl Intake {
    pub(crate) fn new(journal: Arc<dyn Journal>, arrivals: mpsc::Sender<Arrival>) -> Self {
        Self { journal, arrivals }
    }

    /// Makes facts durable; once this returns their sender may be told so.
    ///
    /// # Errors
    /// The journal's, and then nothing was accepted.
    pub async fn accept(&self, facts: Vec<Fact>) -> Result<(), PortError> {
        let ids = self.journal.accept(facts.clone()).await?;
        for (id, fact) in ids.into_iter().zip(facts) {
            // A ring that is shutting down finds the fact in the inbox when it starts again.
            if self.arrivals.send(Arrival::Fact(id, fact)).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Passes facts on that others made durable, without writing them again.
    pub(crate) async fn replay(&self, facts: Vec<(FactId, Fact)>) {
        for (id, fact) in facts {
            if self.arrivals.send(Arrival::Fact(id, fact)).await.is_err() {
                break;
            }
        }
    }

    /// Passes a hint on.
    pub async fn hint(&self, hint: Hint) {
        // A ring that is shutting down has no use for hints.
        let _ = self.arrivals.send(Arrival::Hint(hint)).await;
    }
}
