//! `perennial demo`: the whole system on loopback in one process.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use perennial_server::demo::{self, Options, Summary};

use super::output::print;

/// Watch a fleet rotate: server and devices in one process, over real TLS and MQTT.
#[derive(Debug, Args)]
#[command(after_help = "Example: perennial demo --devices 100 --faults --exit")]
pub(crate) struct Demo {
    /// How many devices.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    devices: u32,
    /// Let four devices misbehave: a bad CSR, a refused certificate, a crash, one away.
    #[arg(long)]
    faults: bool,
    /// End when every rotation has ended, instead of staying up until Ctrl-C.
    #[arg(long)]
    exit: bool,
    /// Keep the server's data here, in a new folder, instead of in one that goes with the demo.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print the result as one JSON object, instead of what happens.
    #[arg(long)]
    json: bool,
}

impl Demo {
    /// Succeeds when every device did what was expected of it.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(folder) = self.keep.as_deref().filter(|folder| has_something(folder)) {
            anyhow::bail!(
                "{0} has something in it, and the devices of an earlier demo went with that demo: \
                 name a new folder, or look at what is there with `perennial serve --data {0}`",
                folder.display()
            );
        }
        let options = Options {
            devices: self.devices as usize,
            faults: self.faults,
            watched: !self.json,
            data: self.keep.clone(),
        };
        let (demo, summary) = demo::Demo::run(options).await?;
        tell(&summary, self.json)?;
        if !self.exit {
            self.announce(demo.server());
            tokio::signal::ctrl_c().await?;
        }
        demo.stop().await;
        let all_well = self.faults || summary.rotated == summary.devices;
        Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    #[expect(clippy::print_stderr, reason = "what is up is told to people, not to pipes")]
    fn announce(&self, server: &perennial_server::Server) {
        eprintln!("MQTT on {}, data in {}; Ctrl-C ends it", server.mqtt(), server.data().display());
    }
}

/// What cannot be read is for the server to tell.
fn has_something(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

fn tell(summary: &Summary, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(print(&serde_json::to_string(summary)?)?);
    }
    let Summary { devices, rotated, rolled_back, failed, unreachable, .. } = summary;
    print(&format!(
        "\n{rotated} of {devices} devices rotated in {:.1} s ({:.0}/s); {rolled_back} rolled \
         back, {failed} failed, {unreachable} unreachable",
        summary.seconds, summary.rotations_per_second
    ))?;
    for story in &summary.stories {
        print(&format!("  {story}"))?;
    }
    Ok(())
}
