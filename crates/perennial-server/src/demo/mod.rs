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

/// A demo that has rotated its fleet and still runs.
pub struct Demo {
    server: Server,
    fleet: Fleet,
    _folder: tempfile::TempDir,
}

impl Demo {
    /// Starts server and fleet, audits, and waits until every rotation has ended.
    ///
    /// # Errors
    /// What kept it from starting, or from ending.
    pub async fn run(options: &Options) -> anyhow::Result<(Self, Summary)> {
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let data = options.data.clone().unwrap_or_else(|| folder.path().join("server"));
        let server = Server::start(&data, config(options)).await?;
        let view = View::new(options).with_states();
        let mut fleet = Fleet::enroll(&server, options, FIRST_VALIDITY, &view).await?;
        fleet.connect(&view).await?;

        let mut closings = Closings::from_now(server.store()).await?;
        let task = server.audit_now().await?;
        view.audited(&task);
        wait_until_closed(&server, &mut fleet, options, &view, &mut closings).await?;
        let ended_at = closings.last_at().unwrap_or(task.started_at);
        let took = ended_at.since(task.started_at);
        let summary = Summary::gather(&server, options, took).await?;
        view.finish();
        Ok((Self { server, fleet, _folder: folder }, summary))
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
    config.rotation.spread_secs = if options.watched && options.devices <= 200 { 5 } else { 0 };
    config.rotation.csr_wait_secs = 10;
    config.rotation.ack_wait_secs = 10;
    config.rotation.settle_secs = 5;
    config
}

async fn wait_until_closed(
    server: &Server,
    fleet: &mut Fleet,
    options: &Options,
    view: &View,
    closings: &mut Closings,
) -> anyhow::Result<()> {
    let mut offline = options.faults;
    loop {
        let closed = closings.read(server.store()).await?;
        if options.watched {
            view.draw(&server.store().count_states().await?);
        }
        if closed >= options.devices {
            return Ok(());
        }
        if offline && closed + 1 >= options.devices {
            offline = false;
            fleet.bring_back();
        }
        tokio::time::sleep(REDRAW).await;
    }
}
