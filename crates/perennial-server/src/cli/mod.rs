//! The command line: one file a command.

mod demo;
mod nouns;
mod serve;
mod table;

use std::{io::IsTerminal as _, process::ExitCode};

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Device certificates that renew themselves.
#[derive(Debug, Parser)]
#[command(name = "perennial", version, arg_required_else_help = true)]
struct Cli {
    /// What to log to standard error, e.g. `info` or `perennial_broker=debug`.
    #[arg(long, global = true, env = "PERENNIAL_LOG", value_name = "FILTER")]
    log: Option<String>,
    #[command(flatten)]
    common: nouns::Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    /// Things: the registry's entries for devices.
    #[command(subcommand)]
    Thing(nouns::Thing),
    /// Certificates, by the SHA-256 of their DER.
    #[command(subcommand)]
    Certificate(nouns::Certificate),
    /// Policies: what a certificate's holder may do.
    #[command(subcommand)]
    Policy(nouns::Policy),
    /// Audits: finding certificates that want rotating.
    #[command(subcommand)]
    Audit(nouns::Audit),
    /// Rotations: one for each thing whose certificate is replaced.
    #[command(subcommand)]
    Rotation(nouns::Rotation),
    /// The event log.
    #[command(subcommand)]
    Event(nouns::Event),
}

/// Runs the program: 0 done, 1 failed, 2 usage.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let quiet = matches!(cli.command, Command::Demo(_));
    start_log(cli.log.as_deref().unwrap_or(if quiet { "off" } else { "info" }));
    match run(cli.command, &cli.common) {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program's last words")]
fn report(error: &anyhow::Error) {
    eprintln!("perennial: {}", perennial_server::with_causes(error));
}

fn run(command: Command, common: &nouns::Common) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(demo) => runtime()?.block_on(demo.run(common)),
        Command::Serve(serve) => runtime()?.block_on(serve.run(common)),
        Command::Thing(noun) => noun.run(common),
        Command::Certificate(noun) => noun.run(common),
        Command::Policy(noun) => noun.run(common),
        Command::Audit(noun) => noun.run(common),
        Command::Rotation(noun) => noun.run(common),
        Command::Event(noun) => noun.run(common),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn start_log(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .init();
}
