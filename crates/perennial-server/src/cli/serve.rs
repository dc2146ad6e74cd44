//! `perennial serve`: the server.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use perennial_server::{Config, Server, control};
use tokio::signal::unix::{SignalKind, signal};

use super::nouns::Common;

/// Run the server: broker, registry, authority, audit and rotations.
///
/// The first start makes the data folder, the certificate authority and a policy for devices.
#[derive(Debug, Args)]
#[command(after_help = "Example: perennial serve --data /var/lib/perennial --mqtt 0.0.0.0:8883")]
pub(crate) struct Serve {
    /// The configuration file; without one, sensible defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where MQTT over TLS listens; wins over the configuration file.
    #[arg(long, value_name = "ADDR")]
    mqtt: Option<SocketAddr>,
}

impl Serve {
    /// Runs until SIGTERM or Ctrl-C, then drains.
    pub(crate) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let mut config = self.config.as_deref().map(Config::load).transpose()?.unwrap_or_default();
        if let Some(mqtt) = self.mqtt {
            config.mqtt.listen = mqtt;
        }
        let mut terminate = signal(SignalKind::terminate())?;
        let server = Arc::new(Server::start(common.data(), config).await?);
        let control = control::start(&server)?;
        announce(&server, common.json)?;
        tokio::select! {
            _ = terminate.recv() => {}
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
        control.stop().await;
        match Arc::try_unwrap(server) {
            Ok(server) => server.stop().await,
            Err(_) => anyhow::bail!("an operator's request is still under way"),
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[expect(clippy::print_stdout, reason = "what listens where is the command's output")]
fn announce(server: &Server, json: bool) -> anyhow::Result<()> {
    let (mqtt, data) = (server.mqtt(), server.data());
    let anchor = data.join("ca.pem");
    if json {
        println!("{}", serde_json::json!({ "mqtt": mqtt, "caFile": anchor, "data": data }));
        return Ok(());
    }
    println!("MQTT over TLS   {mqtt}");
    println!("trust anchor    {}", anchor.display());
    println!("data folder     {}", data.display());
    Ok(())
}
