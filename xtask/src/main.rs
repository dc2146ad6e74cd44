//! `cargo xtask`: the repository's habits as commands; one file a subcommand.
#![expect(clippy::print_stdout, reason = "printing is what a task runner does")]

mod ci;
mod deps;
mod fuzz;
mod process;
mod purity;
mod setup;
mod simulate;
mod sizes;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Tasks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything the gate checks, set-up included.
    Ci,
    /// Installs what the tests need beside Rust; does nothing when all is there.
    Setup,
    /// Checks which crate may depend on which, and that the core stays pure.
    Deps,
    /// Runs both rotation machines against each other under random faults.
    Simulate {
        /// How many schedules.
        #[arg(long, default_value_t = 100_000)]
        schedules: u64,
        /// The first one's seed; a schedule's seed replays it.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Fuzzes every parser that takes hostile input, or one of them.
    Fuzz {
        /// Which one; all in turn without it.
        target: Option<String>,
        /// For how long each.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Measures files and functions, and with --binary the agent's executable.
    Sizes {
        /// Also build the agent as a device gets it and weigh it.
        #[arg(long)]
        binary: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The gate's last line is its count of tests: what failed is in the table above it.
            if !error.is::<ci::Failed>() {
                println!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    let workspace = Workspace::here()?;
    match task {
        Task::Ci => ci::run(&workspace),
        Task::Setup => setup::run(&workspace),
        Task::Deps => deps::run(&workspace),
        Task::Simulate { schedules, seed } => simulate::run(schedules, seed),
        Task::Fuzz { target, seconds } => fuzz::run(&workspace, target.as_deref(), seconds),
        Task::Sizes { binary } => sizes::run(&workspace, binary),
    }
}
