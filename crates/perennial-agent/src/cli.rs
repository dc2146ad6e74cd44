//! The command line: `run`, `enroll`, `status`; exit codes 0 done, 1 failed, 2 usage.

use std::{fs, io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use perennial_agent::{
    Agent, Config, Identity, IssuedBy, SlotStatus, Status, complete, install, request, status,
};
use perennial_core::{
    causes::with_causes,
    printable::{printable, printable_json, printable_lines},
};

/// Keeps one device's certificate alive: connects over MQTT with mutual TLS and rotates when its
/// server asks.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:\n  perennial-agent enroll --config agent.toml --csr > pump-1.csr\n  \
    perennial-agent enroll --config agent.toml --certificate pump-1.pem --ca ca.pem\n  \
    perennial-agent run --config agent.toml\n  perennial-agent status --config agent.toml --json\n\n\
    agent.toml:\n  client_id = \"pump-1\"\n  server = \"mqtt.example.com:8883\"\n  data = \"/var/lib/perennial-agent\""
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What to log: error, warn, info, debug, or a filter as in RUST_LOG.
    #[arg(long, global = true)]
    log: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Run until SIGTERM or Ctrl-C.
    Run(ConfigArg),
    /// Put the first credential in place.
    Enroll(Enroll),
    /// Say how the device stands, whether or not it runs.
    Status {
        #[command(flatten)]
        config: ConfigArg,
        /// One JSON object instead of words.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct ConfigArg {
    /// The configuration file (TOML).
    #[arg(long)]
    config: PathBuf,
}

#[derive(Args)]
struct Enroll {
    #[command(flatten)]
    config: ConfigArg,
    /// Make a key that stays here, and print its CSR.
    #[arg(long, conflicts_with_all = ["key", "certificate", "ca"])]
    csr: bool,
    /// Bring this private key (PEM) along; without it, the one that --csr made is used.
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
    /// The certificate (PEM), its chain behind it.
    #[arg(long, alias = "cert", requires = "ca", required_unless_present = "csr")]
    certificate: Option<PathBuf>,
    /// The authorities whose servers this device trusts (PEM): the server's ca.pem.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// The certificate is of a CA of your own, registered with the server: neither the name in it
    /// nor whether it leads to --ca is checked.
    #[arg(long, requires = "certificate")]
    own_ca: bool,
}

pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            let _shown = error.print();
            return ExitCode::from(code);
        }
    };
    log(cli.log.as_deref());
    match carry_out(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let told = with_causes(error.as_ref());
            let _told = writeln!(std::io::stderr(), "perennial-agent: {}", printable_lines(&told));
            ExitCode::FAILURE
        }
    }
}

fn log(wanted: Option<&str>) {
    let filter = match wanted {
        Some(wanted) => tracing_subscriber::EnvFilter::new(wanted),
        None => tracing_subscriber::EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    lines.with_writer(std::io::stderr).init();
}

fn carry_out(command: Command) -> Result<()> {
    match command {
        Command::Run(config) => run(Config::load(&config.config)?),
        Command::Enroll(enroll) => enroll_device(&enroll),
        Command::Status { config, json } => {
            let found = status(&Config::load(&config.config)?.data)?;
            let text = if json { serde_json::to_string(&found)? } else { words(&found) };
            let text = if json { printable_json(&text) } else { printable_lines(&text) };
            Ok(writeln!(std::io::stdout(), "{text}")?)
        }
    }
}

fn run(config: Config) -> Result<()> {
    #[cfg(feature = "faults")]
    let config = with_crash_point(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let agent = Agent::open(config)?;
        let shutdown = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        };
        Ok(Box::pin(agent.run(shutdown)).await?)
    })
}

#[cfg(feature = "faults")]
fn with_crash_point(mut config: Config) -> Result<Config> {
    if let Ok(point) = std::env::var("PERENNIAL_AGENT_CRASH_AT") {
        config.faults.crash_at = Some(point.parse()?);
    }
    Ok(config)
}

fn enroll_device(enroll: &Enroll) -> Result<()> {
    let Config { client_id, data, .. } = Config::load(&enroll.config.config)?;
    if enroll.csr {
        return Ok(write!(std::io::stdout(), "{}", request(&client_id, &data)?)?);
    }
    let read = |path: &PathBuf| {
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let (Some(certificate), Some(ca)) = (&enroll.certificate, &enroll.ca) else {
        bail!("--certificate and --ca go together");
    };
    let (certificate_pem, anchors_pem) = (read(certificate)?, read(ca)?);
    let issued_by = if enroll.own_ca { IssuedBy::OwnCa } else { IssuedBy::Server };
    match &enroll.key {
        Some(key) => {
            let key = key.clone();
            let identity = Identity { key, certificate_pem, anchors_pem, issued_by };
            install(&client_id, &identity, &data)?;
        }
        None => complete(&client_id, &certificate_pem, &anchors_pem, issued_by, &data)?,
    }
    Ok(writeln!(std::io::stdout(), "{client_id} is enrolled in {}", data.display())?)
}

fn words(status: &Status) -> String {
    let refused = if status.refused.is_some() { ", but the server refuses it" } else { "" };
    let mut lines = vec![format!("{}: {}{refused}", status.client_id, status.state)];
    for slot in &status.slots {
        lines.push(format!("  {}: {}", slot.slot, certificate_in_words(slot)));
        let problem = slot.problem.iter();
        lines.extend(problem.map(|problem| format!("    {}", printable(problem))));
    }
    if let Some(last) = &status.last_error {
        lines.push(format!("  last error: {}", printable(&last.text)));
    }
    lines.join("\n")
}

fn certificate_in_words(slot: &SlotStatus) -> String {
    match (&slot.certificate_id, slot.days_left) {
        (Some(id), Some(days)) => {
            let subject = slot.subject.as_deref().unwrap_or_default();
            let subject = printable(subject);
            format!("{subject}, {days} days left, certificate {id}")
        }
        _ => "no certificate yet".to_owned(),
    }
}
