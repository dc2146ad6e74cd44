//! `perennial event`: the event log.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use perennial_server::client::Request;
use serde_json::Value;

use super::{
    common::{Page, Session, Verb},
    listing::Listing,
    output::{Column, Detail},
    progress::Progress,
    words::{text, time},
};

/// The event log.
#[derive(Debug, Subcommand)]
pub(crate) enum Event {
    /// List events, the latest first.
    #[command(after_help = "Example: perennial event list --since 1200 --json")]
    List(List),
    /// Check that no record was changed, taken out or put in.
    #[command(after_help = "Example: perennial event verify")]
    Verify,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// List, in order, what came after the event with this number.
    #[arg(long, value_name = "NUMBER")]
    since: Option<u64>,
    #[command(flatten)]
    page: Page,
}

impl Verb for Event {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(List { since, page }) => {
                let request =
                    Request::get("/api/v1/events").with_some("afterSequence", since.as_ref());
                let request = request.with("isAscendingOrder", since.is_some());
                Listing::new(request, "events").print(session, page, &COLUMNS).await
            }
            Self::Verify => verify(session).await,
        }
    }
}

const COLUMNS: [Column; 5] = [
    Column { title: "EVENT", width: 8, text: |it| text(it, "/sequence") },
    Column { title: "AT", width: 20, text: |it| time(it, "/at") },
    Column { title: "KIND", width: 32, text: |it| text(it, "/kind") },
    Column { title: "BY", width: 20, text: |it| text(it, "/body/actor/accessKeyId") },
    Column { title: "ABOUT", width: 0, text: about },
];

/// What names the thing, certificate or other that an event is about.
fn about(event: &Value) -> String {
    let named = event["body"].as_object().into_iter().flatten();
    let is_name =
        |name: &str| (name.ends_with("Name") || name.ends_with("Id")) && name != "accountId";
    let named = named.filter(|(name, value)| is_name(name) && value.is_string());
    named.map(|(_, value)| text(value, "")).collect::<Vec<_>>().join(" ")
}

async fn verify(session: &mut Session) -> anyhow::Result<ExitCode> {
    let progress = Progress::counting("events checked", session.out);
    let mut token: Option<String> = None;
    let checked = loop {
        let request = Request::get("/api/v1/events/verification");
        let checked = session.client.call(&request.with_some("nextToken", token.as_ref())).await?;
        progress.set(checked["lastSequence"].as_u64().unwrap_or_default());
        token = checked["nextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            break checked;
        }
    };
    drop(progress);
    let broken = text(&checked, "/brokenSequence");
    let verdict = if broken.is_empty() {
        "whole".to_owned()
    } else {
        format!("broken: event {broken} does not fit, it or one before it was changed")
    };
    let details = [
        Detail("chain", verdict),
        Detail("events", text(&checked, "/lastSequence")),
        Detail("last hash", text(&checked, "/lastHash")),
    ];
    session.out.one(&checked, &details)?;
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
