//! Devices that rotate again and again while something else is measured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use perennial_agent::{Agent, Config, Event, IssuedBy, Observer};
use perennial_core::{
    ids::{ClientId, ThingName},
    time::days,
};
use perennial_orchestrator::port::Fact;
use perennial_server::{Candidate, Server};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// How many are certified in one transaction.
const BATCH: usize = 200;
/// How often rotations are asked for.
const PULSE: Duration = Duration::from_millis(100);

/// Connected devices.
pub(crate) struct Fleet {
    names: Arc<Vec<ThingName>>,
    running: JoinSet<()>,
    rotated: Arc<AtomicUsize>,
    shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

/// Rotations that are being asked for.
pub(crate) struct Rotating {
    asking: JoinHandle<Result<()>>,
    rotated: Arc<AtomicUsize>,
    before: usize,
    begun: Instant,
    stop: CancellationToken,
}

impl Fleet {
    pub(crate) async fn connect(server: &Server, devices: usize) -> Result<Self> {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        let mut names = Vec::with_capacity(devices);
        let (mut running, shutdown) = (JoinSet::new(), CancellationToken::new());
        let (connected, rotated) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for first in (0..devices).step_by(BATCH) {
            let batch: Vec<String> = (first..devices.min(first + BATCH))
                .map(|number| format!("pump-{number}"))
                .collect();
            let candidate = |name: &String| {
                let csr_pem =
                    perennial_agent::request(&ClientId::new(name)?, &folder.path().join(name))?;
                anyhow::Ok(Candidate { thing: ThingName::new(name)?, csr_pem })
            };
            let candidates = batch.iter().map(candidate).collect::<Result<_>>()?;
            let certified = server.certify(candidates, days(7)).await?;
            for (name, certified) in batch.iter().zip(certified) {
                let (id, data) = (ClientId::new(name)?, folder.path().join(name));
                let anchors = server.authority().root_pem();
                perennial_agent::complete(
                    &id,
                    &certified.chain_pem,
                    &anchors,
                    IssuedBy::Server,
                    &data,
                )?;
                let config = Config::new(id, server.mqtt().to_string(), "localhost".into(), data);
                let agent = Agent::open(config)?.observed_by(observer(&connected, &rotated));
                let shutdown = shutdown.clone();
                running.spawn(async move {
                    // One that stops shows in the count of rotations.
                    let _ = agent.run(shutdown.cancelled_owned()).await;
                });
                names.push(ThingName::new(name)?);
            }
        }
        while connected.load(Ordering::SeqCst) < devices {
            tokio::time::sleep(PULSE).await;
        }
        Ok(Self { names: Arc::new(names), running, rotated, shutdown, _folder: folder })
    }

    /// Asks for this many rotations a second from now on.
    pub(crate) fn rotate(&mut self, server: &Server, per_second: u32) -> Rotating {
        let stop = CancellationToken::new();
        let (intake, names, stopped) = (server.intake(), Arc::clone(&self.names), stop.clone());
        let at_once = (PULSE.as_secs_f64() * f64::from(per_second)) as usize;
        let asking = tokio::spawn(async move {
            let mut pulse = tokio::time::interval(PULSE);
            let mut next = names.iter().cycle();
            while stopped.run_until_cancelled(pulse.tick()).await.is_some() {
                let fact = |thing: &ThingName| Fact::RotationRequested {
                    rotation_id: None,
                    thing: thing.clone(),
                    certificate_id: None,
                    rekey: true,
                };
                intake.accept(next.by_ref().take(at_once).map(fact).collect()).await?;
            }
            Ok(())
        });
        let before = self.rotated.load(Ordering::SeqCst);
        Rotating { asking, rotated: Arc::clone(&self.rotated), before, begun: Instant::now(), stop }
    }

    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

impl Rotating {
    /// Asks for no more; answers how many ended a second.
    pub(crate) async fn stop(self) -> Result<f64> {
        let count = self.rotated.load(Ordering::SeqCst) - self.before;
        let per_second = count as f64 / self.begun.elapsed().as_secs_f64();
        self.stop.cancel();
        self.asking.await??;
        Ok(per_second)
    }
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
