//! The inbox: facts become durable, then reach the driver; hints reach it without being durable.

use std::{sync::Arc, time::Duration};

use perennial_core::{
    ids::{CertificateId, ClientId, RotationId},
    rotation::Input,
};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    awaited::{Awaited, Awaiting},
    port::{Fact, FactId, Journal, PortError},
};

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

/// A device is connected with a certificate that has expired: all it may do is have it rotated.
///
/// A hint like those above: the device's next connection says it again, and the next audit finds
/// the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The device.
    pub client_id: ClientId,
    /// The expired certificate it is connected with.
    pub principal: CertificateId,
}

/// What reaches the driver from outside.
#[derive(Debug)]
pub(crate) enum Arrival {
    Fact(FactId, Fact),
    Hint(Hint),
}

/// How many facts are read from the inbox at once.
const PAGE: usize = 500;
/// How far reading may fall behind writing before writing waits.
const BACKLOG: i64 = 50_000;
/// How often to look into the inbox for facts that others wrote: an audit that ended, say.
const LOOK: Duration = Duration::from_secs(1);

/// Where facts and hints are put in. Cheap to clone.
///
/// The way to the driver is bounded: when the ring cannot keep up, putting in waits, and so does
/// whoever waits for it.
#[derive(Clone)]
pub struct Intake {
    journal: Arc<dyn Journal>,
    arrivals: mpsc::Sender<Arrival>,
    recoveries: mpsc::Sender<Recovery>,
    news: Arc<Notify>,
    read_up_to: watch::Receiver<FactId>,
    awaited: Awaited,
}

impl Intake {
    /// Makes facts durable; once this returns their sender may be told so.
    ///
    /// # Errors
    /// The journal's, and then nothing was accepted.
    pub async fn accept(&self, facts: Vec<Fact>) -> Result<(), PortError> {
        let ids = self.journal.accept(facts).await?;
        self.news.notify_one();
        if let Some(last) = ids.last() {
            let mut read_up_to = self.read_up_to.clone();
            // A reader that is gone is shutting down; the facts are durable all the same.
            let _ = read_up_to.wait_for(|read| last.0 - read.0 < BACKLOG).await;
        }
        Ok(())
    }

    /// Lets the inbox be read at once: somebody else wrote to it.
    pub fn nudge(&self) {
        self.news.notify_one();
    }

    /// Waits, from now on, for the request of the rotation `id` to be dealt with: call this before
    /// the request is put in.
    pub fn awaiting(&self, id: RotationId) -> Awaiting {
        self.awaited.begin(id)
    }

    /// Passes a hint on.
    pub async fn hint(&self, hint: Hint) {
        // A ring that is shutting down has no use for hints.
        let _ = self.arrivals.send(Arrival::Hint(hint)).await;
    }

    /// Asks for a rotation of an expired certificate whose device is back; never waits.
    pub fn recover(&self, recovery: Recovery) {
        if let Err(error) = self.recoveries.try_send(recovery) {
            let client_id = error.into_inner().client_id;
            warn!(client.id = %client_id, "too many devices recover at once; this one waits for the next audit");
        }
    }
}

/// Brings facts from the inbox to the driver, in order and each once: what this run accepts, what
/// an earlier run left, and what others write.
pub(crate) struct Reader {
    journal: Arc<dyn Journal>,
    arrivals: mpsc::Sender<Arrival>,
    news: Arc<Notify>,
    read_up_to: watch::Sender<FactId>,
}

/// The two ends of the inbox.
pub(crate) fn inbox(
    journal: Arc<dyn Journal>,
    arrivals: mpsc::Sender<Arrival>,
    recoveries: mpsc::Sender<Recovery>,
    awaited: Awaited,
) -> (Intake, Reader) {
    let news = Arc::new(Notify::new());
    let (read_up_to, reading) = watch::channel(FactId::default());
    let intake = Intake {
        journal: Arc::clone(&journal),
        arrivals: arrivals.clone(),
        recoveries,
        news: Arc::clone(&news),
        read_up_to: reading,
        awaited,
    };
    (intake, Reader { journal, arrivals, news, read_up_to })
}

impl Reader {
    /// Runs until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                read = self.read() => {
                    if let Err(error) = read {
                        warn!(%error, "the inbox could not be read; trying again");
                    }
                }
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.news.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn read(&self) -> Result<(), PortError> {
        loop {
            let after = *self.read_up_to.borrow();
            let page = self.journal.pending(after, PAGE).await?;
            let Some(last) = page.last().map(|(id, _)| *id) else { return Ok(()) };
            for (id, fact) in page {
                // Without a driver there is a shutdown; the fact stays in the inbox.
                if self.arrivals.send(Arrival::Fact(id, fact)).await.is_err() {
                    return Ok(());
                }
            }
            self.read_up_to.send_replace(last);
        }
    }
}
