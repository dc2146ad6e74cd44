//! `perennial serve`: the server.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Args;
use perennial_server::{Config, Server};
use tokio::signal::unix::{SignalKind, signal};

/// Run the server: broker, registry, authority, audit and rotations.
///
/// The first start makes the data folder, the certificate authority and a policy for devices.
#[derive(Debug, Args)]
#[command(after_help = "Example: perennial serve --data /var/lib/perennial --mqtt 0.0.0.0:8883")]
pub(crate) struct Serve {
    /// The data folder; made when it does not exist.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The configuration file; without one, sensible defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where MQTT over TLS listens; wins over the configuration file.
    #[arg(long, value_name = "ADDR")]
    mqtt: Option<SocketAddr>,
}

impl Serve {
    /// Runs until SIGTERM or Ctrl-C, then drains.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut config = self.config.as_deref().map(Config::load).transpose()?.unwrap_or_default();
        if let Some(mqtt) = self.mqtt {
            config.mqtt.listen = mqtt;
        }
        let mut terminate = signal(SignalKind::terminate())?;
        let server = Server::start(&self.data, config).await?;
        announce(&server);
        tokio::select! {
            _ = terminate.recv() => {}
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
        server.stop().await;
        Ok(ExitCode::SUCCESS)
    }
}

#[expect(clippy::print_stdout, reason = "what listens where is the command's output")]
fn announce(server: &Server) {
    println!("MQTT over TLS   {}", server.mqtt());
    println!("trust anchor    {}", server.data().join("ca.pem").display());
    println!("data folder     {}", server.data().display());
}
