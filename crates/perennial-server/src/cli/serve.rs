//! `perennial serve`: the server.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Args;
use perennial_server::{Config, Server, check_registry, config_path, credentials_path};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::{common::data_folder, output::print};

/// Run the server: broker, registry, authority, audit and rotations.
///
/// The first start makes the data folder, the certificate authority and a policy for devices.
#[derive(Debug, Args)]
#[command(after_help = "Example: perennial serve --data /var/lib/perennial --mqtt 0.0.0.0:8883")]
pub(crate) struct Serve {
    /// The data folder, which is made when it does not exist [default: PERENNIAL_DATA, or
    /// perennial-data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file; without one, sensible defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where MQTT over TLS listens; wins over the configuration file.
    #[arg(long, value_name = "ADDR")]
    mqtt: Option<SocketAddr>,
    /// Where HTTPS listens: the API; wins over the configuration file.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Begin with an empty registry where one was lost: no device is known then.
    #[arg(long)]
    empty_registry: bool,
    /// Print where it listens as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Serve {
    /// Runs until SIGTERM or Ctrl-C, then drains.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut config = self.config.as_deref().map(Config::load).transpose()?.unwrap_or_default();
        if let Some(mqtt) = self.mqtt {
            config.mqtt.listen = mqtt;
        }
        if let Some(http) = self.http {
            config.http.listen = http;
        }
        let mut terminate = signal(SignalKind::terminate())?;
        let data = data_folder(self.data);
        if !self.empty_registry {
            check_registry(&data)?;
        }
        let server = Server::start(&data, config).await?;
        // Who does not read it is served all the same.
        let _ = announce(&server, self.json);
        let signal = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| "SIGINT")?,
        };
        info!(signal, "stopping: no new connections; what was accepted is written");
        server.stop().await;
        info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

fn announce(server: &Server, json: bool) -> std::io::Result<()> {
    let (mqtt, https, data) = (server.mqtt(), server.https(), server.data());
    let (anchor, plain) = (data.join("ca.pem"), server.plain_http());
    let (config, credentials) = (config_path(data), credentials_path(data));
    if json {
        let announced = serde_json::json!({ "mqtt": mqtt, "https": https, "plainHttp": plain,
            "caFile": anchor, "data": data, "awsConfigFile": config,
            "awsSharedCredentialsFile": credentials });
        return print(&announced.to_string());
    }
    print(&format!("MQTT over TLS   {mqtt}"))?;
    print(&format!("HTTPS           {https}"))?;
    if let Some(plain) = plain {
        print(&format!("plain HTTP      {plain}"))?;
    }
    print(&format!("trust anchor    {}", anchor.display()))?;
    print(&format!("data folder     {}", data.display()))?;
    print(&format!("administrator   AWS_CONFIG_FILE={}", config.display()))?;
    print(&format!("                AWS_SHARED_CREDENTIALS_FILE={}", credentials.display()))?;
    Ok(())
}
