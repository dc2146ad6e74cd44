//! Devices that rotate when they are asked to, in a process that gives way to the server's.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use perennial_agent::{Agent, Config, Event, Observer};
use perennial_core::ids::ClientId;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    child::{asked, say},
    server::{DEVICES, device},
};

/// How often it is looked whether all are connected.
const LOOK: Duration = Duration::from_millis(100);

/// Connects every device of `folder` to `mqtt`; then answers, when asked, how many rotations they
/// have been through.
pub(crate) async fn run(folder: &Path, mqtt: &str) -> Result<()> {
    let (mut running, shutdown) = (JoinSet::new(), CancellationToken::new());
    let (connected, rotated) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for name in (0..DEVICES).map(device) {
        let data = folder.join(&name);
        let config = Config::new(ClientId::new(&name)?, mqtt.into(), "localhost".into(), data);
        let agent = Agent::open(config)?.observed_by(observer(&connected, &rotated));
        let shutdown = shutdown.clone();
        running.spawn(async move {
            // One that stops shows in the count of rotations.
            let _ = agent.run(shutdown.cancelled_owned()).await;
        });
    }
    while connected.load(Ordering::SeqCst) < DEVICES {
        tokio::time::sleep(LOOK).await;
    }
    say(&json!({ "connected": DEVICES }));
    while asked().await?.is_some() {
        say(&json!({ "rotated": rotated.load(Ordering::SeqCst) }));
    }
    shutdown.cancel();
    while running.join_next().await.is_some() {}
    Ok(())
}

/// Counts who is connected first, and who is steady again.
fn observer(connected: &Arc<AtomicUsize>, rotated: &Arc<AtomicUsize>) -> Observer {
    let (connected, rotated) = (Arc::clone(connected), Arc::clone(rotated));
    let first = std::sync::Once::new();
    Arc::new(move |_, event| match event {
        Event::Connected { .. } => first.call_once(|| {
            connected.fetch_add(1, Ordering::SeqCst);
        }),
        Event::StateChanged { from: "Acknowledging", to: "Steady" } => {
            rotated.fetch_add(1, Ordering::SeqCst);
        }
        Event::StateChanged { .. }
        | Event::ConnectFailed { .. }
        | Event::Disconnected { .. }
        | Event::Persisted { .. }
        | Event::Sent { .. } => {}
    })
}
