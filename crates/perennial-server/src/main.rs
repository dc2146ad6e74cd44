//! The `perennial` program.

mod cli;

use std::process::ExitCode;

/// Thousands of handshakes at once allocate and free across threads, which glibc serves slower
/// and gives back later.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main()
}
