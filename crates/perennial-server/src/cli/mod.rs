//! The command line: one file a command, one a noun.

mod audit;
mod certificate;
mod common;
mod demo;
mod event;
mod key;
mod listing;
mod log;
mod notice;
mod output;
mod policy;
mod progress;
mod rotation;
mod rule;
mod serve;
mod thing;
mod usage;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use perennial_core::printable::printable_lines;
use perennial_server::DEVICE_LOG;

use self::{common::Noun, output::ReaderGone, usage::Usage};

/// Device certificates that renew themselves.
#[derive(Debug, Parser)]
#[command(
    name = "perennial",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage. Each command's --help has an example."
)]
struct Cli {
    /// What to log to standard error, e.g. `info` or `perennial_broker=debug`.
    #[arg(
        long,
        global = true,
        env = "PERENNIAL_LOG",
        value_name = "FILTER",
        hide_env_values = true,
        display_order = 902
    )]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    /// Things: the registry's entries for devices.
    Thing(Noun<thing::Thing>),
    /// Certificates, by the SHA-256 of their DER.
    Certificate(Noun<certificate::Certificate>),
    /// Policies: what a certificate's holder may do.
    Policy(Noun<policy::Policy>),
    /// Audits: finding certificates that want rotating.
    Audit(Noun<audit::Audit>),
    /// Rotations: one for each thing whose certificate is replaced.
    Rotation(Noun<rotation::Rotation>),
    /// Topic rules: what is done with messages.
    Rule(Noun<rule::Rule>),
    /// Notices: what people are told.
    Notice(Noun<notice::Notice>),
    /// The event log.
    Event(Noun<event::Event>),
    /// Access keys: who may ask the API, and what for.
    Key(Noun<key::Key>),
}

/// Runs the program: 0 done, 1 failed, 2 usage.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let serves = matches!(cli.command, Command::Serve(_));
    let mut filter = cli.log.unwrap_or_else(|| if serves { "info" } else { "off" }.to_owned());
    if serves && !filter.contains(DEVICE_LOG) {
        // What is recorded of devices is for the levels of the API to say.
        filter.push_str(&format!(",{DEVICE_LOG}=info"));
    }
    log::start(&filter);
    match run(cli.command) {
        Ok(code) => code,
        Err(error) if has_reader_gone(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program's last words")]
fn report(error: &anyhow::Error) {
    let told = perennial_server::with_causes(error);
    eprintln!("perennial: {}", printable_lines(&told));
}

/// Whether nobody reads what is printed any more: `… | head`.
fn has_reader_gone(error: &anyhow::Error) -> bool {
    let printing = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    printing.is_some_and(|it| it.is::<ReaderGone>())
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(demo) => for_servers()?.block_on(demo.run()),
        Command::Serve(serve) => for_servers()?.block_on(serve.run()),
        Command::Thing(noun) => for_one_caller()?.block_on(noun.run()),
        Command::Certificate(noun) => for_one_caller()?.block_on(noun.run()),
        Command::Policy(noun) => for_one_caller()?.block_on(noun.run()),
        Command::Audit(noun) => for_one_caller()?.block_on(noun.run()),
        Command::Rotation(noun) => for_one_caller()?.block_on(noun.run()),
        Command::Rule(noun) => for_one_caller()?.block_on(noun.run()),
        Command::Notice(noun) => for_one_caller()?.block_on(noun.run()),
        Command::Event(noun) => for_one_caller()?.block_on(noun.run()),
        Command::Key(noun) => for_one_caller()?.block_on(key::run(noun)),
    }
}

fn for_servers() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn for_one_caller() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
