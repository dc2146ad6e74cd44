//! The demo: a server and a fleet in one process, over real TLS and MQTT, rotating for all to see.

mod closings;
mod fleet;
mod summary;
mod view;

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use perennial_core::time::days;

pub use summary::Summary;

use self::{closings::Closings, fleet::Fleet, view::View};
use crate::{Config, Server};

/// How long the devices' first certificates live: short enough for the audit to find them.
const FIRST_VALIDITY: Duration = days(7);
/// How often the view is drawn anew.
const REDRAW: Duration = Duration::from_millis(200);

/// What the demo may be told.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many devices.
    pub devices: usize,
    /// Whether some of them misbehave.
    pub faults: bool,
    /// Whether people watch.
    pub watched: bool,
    /// Where the server keeps its data; a folder that goes with the demo when absent.
    pub data: Option<PathBuf>,
}

/// A server and its fleet, up and connected.
pub struct Demo {
    server: Server,
    fleet: Fleet,
    view: View,
    options: Options,
    _folder: tempfile::TempDir,
}

impl Demo {
    /// Starts server and fleet, audits, and waits until every rotation has ended.
    ///
    /// # Errors
    /// What kept it from starting, or from ending.
    pub async fn run(options: Options) -> anyhow::Result<(Self, Summary)> {
        let mut demo = Self::start(options).await?;
        let took_for = demo.rotate().await?;
        let summary = demo.summary(took_for).await?;
        Ok((demo, summary))
    }

    /// Starts server and fleet; when this returns all devices are connected but those offline.
    ///
    /// # Errors
    /// What kept it from starting.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let data = options.data.clone().unwrap_or_else(|| folder.path().join("server"));
        let server = Server::start(&data, config(&options)).await?;
        let view = View::new(&options).with_states();
        let mut fleet = Fleet::enroll(&server, &options, FIRST_VALIDITY, &view).await?;
        fleet.connect(&view).await?;
        Ok(Self { server, fleet, view, options, _folder: folder })
    }

    /// Audits and waits until every rotation has ended; answers how long that took, from the
    /// audit's start to the last rotation's end.
    ///
    /// # Errors
    /// What kept it from ending.
    pub async fn rotate(&mut self) -> anyhow::Result<Duration> {
        let mut closings = Closings::from_now(self.server.store()).await?;
        let task = self.server.audit_now().await?;
        self.view.audited(&task);
        self.wait_until_closed(&mut closings).await?;
        let ended_at = closings.last_at().unwrap_or(task.started_at);
        Ok(ended_at.since(task.started_at))
    }

    /// What became of each device in rotations that took `took_for`.
    ///
    /// # Errors
    /// The store's.
    pub async fn summary(&self, took_for: Duration) -> anyhow::Result<Summary> {
        let summary = Summary::gather(&self.server, &self.options, took_for).await?;
        self.view.finish();
        Ok(summary)
    }

    async fn wait_until_closed(&mut self, closings: &mut Closings) -> anyhow::Result<()> {
        let store = self.server.store();
        let mut offline = self.options.faults;
        loop {
            let closed = closings.read(store).await?;
            if self.options.watched {
                self.view.draw(&store.count_states().await?);
            }
            if closed >= self.options.devices {
                return Ok(());
            }
            if offline && closed + 1 >= self.options.devices {
                offline = false;
                self.fleet.bring_back();
            }
            tokio::time::sleep(REDRAW).await;
        }
    }

    /// The server that is up.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Stops fleet and server.
    pub async fn stop(self) {
        self.fleet.stop().await;
        self.server.stop().await;
    }
}

/// Defaults, but on a port of its own and in less of a hurry only where somebody watches.
fn config(options: &Options) -> Config {
    let mut config = Config::default();
    config.mqtt.listen.set_port(0);
    config.http.listen.set_port(0);
    config.rotation.spread_secs = if options.watched && options.devices <= 200 { 5 } else { 0 };
    config.rotation.csr_wait_secs = 10;
    config.rotation.ack_wait_secs = 10;
    config.rotation.settle_secs = 5;
    // What becomes of a device that gives up is to be seen now, not in fifteen minutes.
    config.rotation.max_attempts = 0;
    config
}
