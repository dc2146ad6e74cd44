//! The command line: one file a command.

mod demo;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Device certificates that renew themselves.
#[derive(Debug, Parser)]
#[command(name = "perennial", version, arg_required_else_help = true)]
struct Cli {
    /// What to log to standard error, e.g. `info` or `perennial_broker=debug`.
    #[arg(long, global = true, env = "PERENNIAL_LOG", value_name = "FILTER")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
}

/// Runs the program: 0 done, 1 failed, 2 usage.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let quiet = matches!(cli.command, Command::Demo(_));
    start_log(cli.log.as_deref().unwrap_or(if quiet { "off" } else { "info" }));
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program's last words")]
fn report(error: &anyhow::Error) {
    eprintln!("perennial: {error:#}");
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command {
        Command::Demo(demo) => runtime.block_on(demo.run()),
        Command::Serve(serve) => runtime.block_on(serve.run()),
    }
}

fn start_log(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
