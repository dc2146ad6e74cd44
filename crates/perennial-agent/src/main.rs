//! `perennial-agent`: runs one device, enrolls it, or says how it stands.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
