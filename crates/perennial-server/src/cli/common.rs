//! What every noun is told: where to ask, as whom, and how to print.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use perennial_server::client::{Access, Client, Wanted};

use super::output::Output;

/// One noun: whom to ask, and the verb.
#[derive(Debug, Args)]
pub(crate) struct Noun<V: Subcommand> {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: V,
}

/// How a noun reaches its server and prints.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The server's data folder, whose administrator's files say where it is and sign [default:
    /// PERENNIAL_DATA, or AWS's files if the environment names them, or perennial-data].
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Where to ask",
        display_order = 901
    )]
    data: Option<PathBuf>,
    /// A profile of AWS's files instead: from another machine, say.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        help_heading = "Where to ask",
        display_order = 901
    )]
    profile: Option<String>,
    /// The server's URL, instead of the files'.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = "Where to ask",
        display_order = 901
    )]
    endpoint_url: Option<String>,
    /// The file of trust anchors (the server's `ca.pem`), instead of the files'.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Where to ask",
        display_order = 901
    )]
    ca_bundle: Option<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long, global = true, display_order = 900)]
    json: bool,
}

/// A server to ask, and where to print.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) out: Output,
}

/// A verb, carried out.
pub(crate) trait Verb {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode>;
}

impl<V: Subcommand + Verb> Noun<V> {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut session = self.common.session()?;
        self.verb.run(&mut session).await
    }
}

impl<V: Subcommand> Noun<V> {
    pub(crate) fn apart(self) -> (Common, V) {
        (self.common, self.verb)
    }
}

impl Common {
    pub(crate) fn session(&self) -> anyhow::Result<Session> {
        let wanted = Wanted {
            data: self.data.clone(),
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            ca_bundle: self.ca_bundle.clone(),
        };
        let access = Access::find(&wanted, &|name| std::env::var(name).ok())?;
        Ok(Session { client: Client::new(access), out: self.output() })
    }

    pub(crate) fn output(&self) -> Output {
        Output::new(self.json)
    }

    /// The data folder itself, for what is done without a server.
    pub(crate) fn data(&self) -> PathBuf {
        data_folder(self.data.clone())
    }
}

/// The data folder that is named, or the usual one.
pub(crate) fn data_folder(named: Option<PathBuf>) -> PathBuf {
    let variable = || std::env::var_os("PERENNIAL_DATA").filter(|value| !value.is_empty());
    named.or_else(|| variable().map(PathBuf::from)).unwrap_or_else(|| "perennial-data".into())
}

/// Where a list begins and how long it is.
#[derive(Debug, Args)]
pub(crate) struct Page {
    /// List what comes after a page: the token that it ended with.
    #[arg(long, value_name = "TOKEN")]
    pub(crate) after: Option<String>,
    /// List at most this many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

/// Reads a text file, or standard input when it is `-`.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
