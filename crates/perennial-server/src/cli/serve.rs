//! `perennial serve`: the server.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use perennial_server::{Config, Server, config_path, control, credentials_path};
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
    /// Where HTTPS listens: the API; wins over the configuration file.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
}

impl Serve {
    /// Runs until SIGTERM or Ctrl-C, then drains.
    pub(crate) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let mut config = self.config.as_deref().map(Config::load).transpose()?.unwrap_or_default();
        if let Some(mqtt) = self.mqtt {
            config.mqtt.listen = mqtt;
        }
        if let Some(http) = self.http {
            config.http.listen = http;
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
    let (mqtt, https, data) = (server.mqtt(), server.https(), server.data());
    let (anchor, plain) = (data.join("ca.pem"), server.plain_http());
    let (config, credentials) = (config_path(data), credentials_path(data));
    if json {
        let announced = serde_json::json!({ "mqtt": mqtt, "https": https, "plainHttp": plain,
            "caFile": anchor, "data": data, "awsConfigFile": config,
            "awsSharedCredentialsFile": credentials });
        println!("{announced}");
        return Ok(());
    }
    println!("MQTT over TLS   {mqtt}");
    println!("HTTPS           {https}");
    if let Some(plain) = plain {
        println!("plain HTTP      {plain}");
    }
    println!("trust anchor    {}", anchor.display());
    println!("data folder     {}", data.display());
    println!("administrator   AWS_CONFIG_FILE={}", config.display());
    println!("                AWS_SHARED_CREDENTIALS_FILE={}", credentials.display());
    Ok(())
}
