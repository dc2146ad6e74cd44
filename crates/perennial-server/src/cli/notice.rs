//! `perennial notice`: what people are told.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use perennial_core::{ids::NoticeId, notice::Kind};
use perennial_server::client::Request;
use serde_json::Value;

use super::{
    common::{Page, Session, Verb},
    listing::Listing,
    output::{Column, Detail},
    words::{lines, text, time},
};

/// Notices: what people are told, folded.
#[derive(Debug, Subcommand)]
pub(crate) enum Notice {
    /// List notices, the latest first.
    #[command(after_help = "Example: perennial notice list --open --json")]
    List(List),
    /// Show a notice with what was sent of it.
    #[command(after_help = "Example: perennial notice show ID")]
    Show {
        /// Its id.
        id: NoticeId,
    },
    /// Say that you see to it, so that nobody else is told.
    #[command(after_help = "Example: perennial notice acknowledge ID")]
    Acknowledge {
        /// Its id.
        id: NoticeId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those that are not closed.
    #[arg(long)]
    open: bool,
    /// Only those of this kind.
    #[arg(long, value_name = "KIND", value_parser = Kind::ALL.map(Kind::name))]
    kind: Option<String>,
    /// From the earliest on.
    #[arg(long)]
    reverse: bool,
    #[command(flatten)]
    page: Page,
}

impl Verb for Notice {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(List { open, kind, reverse, page }) => {
                let request = Request::get("/api/v1/notices")
                    .with("open", open)
                    .with_some("kind", kind.as_ref())
                    .with("isAscendingOrder", reverse);
                Listing::new(request, "notices").print(session, page, &COLUMNS).await
            }
            Self::Show { id } => {
                let notice = session.client.call(&Request::get(path(&id))).await?;
                session.out.one(&notice, &details(&notice))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Acknowledge { id } => {
                let request = Request::new(Method::PUT, format!("{}/acknowledge", path(&id)));
                let notice = session.client.call(&request).await?;
                session.out.one(&notice, &details(&notice))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn path(id: &NoticeId) -> String {
    format!("/api/v1/notices/{id}")
}

const COLUMNS: [Column; 6] = [
    Column { title: "NOTICE", width: 32, text: |it| text(it, "/noticeId") },
    Column { title: "OPENED", width: 20, text: |it| time(it, "/openedAt") },
    Column { title: "SEVERITY", width: 8, text: |it| text(it, "/severity") },
    Column { title: "STATE", width: 12, text: |it| words(it, "/state") },
    Column { title: "COUNT", width: 7, text: |it| text(it, "/count") },
    Column { title: "ABOUT", width: 0, text: about },
];

/// A member's words, which have underscores in the API.
fn words(object: &Value, pointer: &str) -> String {
    text(object, pointer).replace('_', " ")
}

fn about(notice: &Value) -> String {
    let (kind, first) = (words(notice, "/kind"), text(notice, "/sample/0/subject"));
    format!("{kind}: {first}").trim_end_matches([':', ' ']).to_owned()
}

fn details(notice: &Value) -> Vec<Detail> {
    let list = |name: &str| notice[name].as_array().into_iter().flatten();
    vec![
        Detail("notice", text(notice, "/noticeId")),
        Detail("kind", words(notice, "/kind")),
        Detail("folds", text(notice, "/foldKey")),
        Detail("severity", text(notice, "/severity")),
        Detail("state", words(notice, "/state")),
        Detail("count", text(notice, "/count")),
        Detail("sample", lines(list("sample").map(sampled))),
        Detail("opened", time(notice, "/openedAt")),
        Detail("latest", time(notice, "/lastAt")),
        Detail("certificate ends", time(notice, "/endsAt")),
        Detail("told", time(notice, "/toldAt")),
        Detail("escalated", time(notice, "/escalatedAt")),
        Detail("acknowledged", time(notice, "/acknowledgedAt")),
        Detail("  by", text(notice, "/acknowledgedBy")),
        Detail("closed", time(notice, "/closedAt")),
        Detail("  as", words(notice, "/closedAs")),
        Detail("sent", lines(list("deliveries").map(sent))),
    ]
}

fn sampled(one: &Value) -> String {
    format!("{}  {}: {}", time(one, "/at"), text(one, "/subject"), text(one, "/text"))
}

/// A line for what was sent: why, to which target, and what became of it.
fn sent(delivery: &Value) -> String {
    let at = format!("{}{}", time(delivery, "/endedAt"), time(delivery, "/dueAt"));
    let what =
        [text(delivery, "/messageId"), text(delivery, "/takenBy"), text(delivery, "/failure")];
    let what: Vec<_> = what.into_iter().filter(|word| !word.is_empty()).collect();
    format!(
        "{at:<20}  {:<10}  {:<6}  {}  {}  {}",
        text(delivery, "/occasion"),
        text(delivery, "/recipient"),
        text(delivery, "/target"),
        words(delivery, "/status"),
        what.join(", ")
    )
    .trim_end()
    .to_owned()
}
