//! `perennial rotation`: one for each thing whose certificate is replaced.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use http::Method;
use perennial_core::{
    ids::{CertificateId, RotationId, ThingName},
    rotation::State,
};
use perennial_server::client::{CallError, Request, segment};
use serde_json::{Value, json};

use super::{
    common::{Page, Session, Verb},
    listing::Listing,
    output::{Column, Detail},
    progress::Progress,
    words::{lines, text, time},
};

/// How often a rotation that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(300);
/// For how long a cancellation is waited for: the registry has to withdraw a certificate.
const CANCEL_FOR: Duration = Duration::from_secs(5);
/// How many lines of a history are shown; no rotation has so many.
const LINES: u32 = 10_000;

/// Rotations: one for each thing whose certificate is replaced.
#[derive(Debug, Subcommand)]
pub(crate) enum Rotation {
    /// Rotate a thing's certificate now, without waiting for its turn.
    #[command(after_help = "Example: perennial rotation start pump-1 --wait")]
    Start(Start),
    /// List rotations, the latest first; open ones by their things.
    #[command(after_help = "Example: perennial rotation list --thing pump-1")]
    List(List),
    /// Show a rotation with its history.
    #[command(after_help = "Example: perennial rotation show ID")]
    Show {
        /// Its id.
        id: RotationId,
    },
    /// Call an open rotation off; an unproven certificate is withdrawn.
    #[command(after_help = "Example: perennial rotation cancel ID")]
    Cancel {
        /// Its id.
        id: RotationId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The thing.
    thing: ThingName,
    /// Which of its certificates; needed if several are ACTIVE.
    #[arg(long, value_name = "ID")]
    certificate: Option<CertificateId>,
    /// Wait for its end, and fail unless the certificate was rotated.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this thing's.
    #[arg(long, value_name = "NAME")]
    thing: Option<ThingName>,
    /// Only those that have not ended.
    #[arg(long)]
    open: bool,
    /// Only those in this state.
    #[arg(long, value_name = "STATE", value_parser = State::NAMES)]
    state: Option<String>,
    /// The other way round.
    #[arg(long)]
    reverse: bool,
    #[command(flatten)]
    page: Page,
}

impl Verb for Rotation {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::Start(start) => start.run(session).await,
            Self::List(List { thing, open, state, reverse, page }) => {
                // Names are read from A on, times from the latest back.
                let is_ascending = reverse != open;
                let request = Request::get("/api/v1/rotations")
                    .with_some("thingName", thing.as_ref())
                    .with("open", open)
                    .with_some("state", state.as_ref())
                    .with("isAscendingOrder", is_ascending);
                let described =
                    thing.map(|name| Request::get(format!("/things/{}", segment(&name))));
                Listing::new(request, "rotations")
                    .of(described, "perennial thing list")
                    .print(session, page, &COLUMNS)
                    .await
            }
            Self::Show { id } => show(&id, session).await,
            Self::Cancel { id } => cancel(&id, session).await,
        }
    }
}

const COLUMNS: [Column; 5] = [
    Column { title: "ROTATION", width: 32, text: |it| text(it, "/rotationId") },
    Column { title: "THING", width: 24, text: |it| text(it, "/thingName") },
    Column { title: "STATE", width: 11, text: |it| text(it, "/state") },
    Column { title: "OPENED", width: 20, text: |it| time(it, "/openedAt") },
    Column { title: "ENDED", width: 0, text: ended },
];

/// When it ended and, if it failed, why.
fn ended(rotation: &Value) -> String {
    let (at, why) = (time(rotation, "/endedAt"), text(rotation, "/failure/reason"));
    if why.is_empty() { at } else { format!("{at}  {why}").trim_start().to_owned() }
}

async fn described(id: &str, session: &mut Session) -> Result<Value, CallError> {
    session.client.call(&Request::get(format!("/api/v1/rotations/{id}"))).await
}

impl Start {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        let mut body = json!({ "thingName": self.thing });
        if let Some(certificate) = &self.certificate {
            body["certificateId"] = json!(certificate);
        }
        let request = Request::new(Method::POST, "/api/v1/rotations").body(body);
        let started = session.client.call(&request).await?;
        let id = text(&started, "/rotationId");
        if !session.out.is_json() {
            let (already, advanced) = (&started["alreadyOpen"], &started["turnAdvanced"]);
            let word = match (already == true, advanced == true) {
                (false, _) => "opened",
                (true, false) => "already open",
                (true, true) => "already open, begins now",
            };
            session.out.say(&format!("{word}: {id}"))?;
            let outgoing = text(&started, "/outgoingCertificateId");
            session.out.say(&format!("replaces certificate {outgoing}"))?;
        }
        if !self.wait {
            session.out.one(&started, &[])?;
            return Ok(ExitCode::SUCCESS);
        }
        let progress = Progress::waiting(format!("rotation {id}"), session.out);
        let ended = loop {
            let rotation = described(&id, session).await?;
            if !rotation["endedAt"].is_null() {
                break rotation;
            }
            progress.say(format!("rotation {id} {}", awaited(&rotation)));
            tokio::time::sleep(LOOK).await;
        };
        drop(progress);
        session.out.one(&ended, &end_details(&ended))?;
        let rotated = ended["outcome"] == "rotated";
        Ok(if rotated { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What an open rotation waits for.
fn awaited(rotation: &Value) -> &'static str {
    let is_connected = rotation["deviceConnected"] == true;
    match (text(rotation, "/state").as_str(), is_connected) {
        ("AwaitingCsr", true) => "waits for the device's CSR",
        ("AwaitingCsr", false) => {
            "waits for the device, which is offline: it is asked when it connects"
        }
        ("Issuing", _) => "waits for the certificate to be issued",
        ("Enrolling", _) => "waits for the certificate to be made ACTIVE",
        ("AwaitingAck", true) => "waits for the device to prove its certificate",
        ("AwaitingAck", false) => {
            "waits for the device, which is offline, to come back with its certificate"
        }
        ("Retiring", _) => "waits for the outgoing certificate to be withdrawn",
        ("RollingBack", _) => "waits for the incoming certificate to be withdrawn",
        _ => "goes on",
    }
}

fn end_details(rotation: &Value) -> Vec<Detail> {
    vec![
        Detail("state", text(rotation, "/state")),
        Detail("reason", text(rotation, "/failure/reason")),
        Detail("incoming", text(rotation, "/incomingCertificateId")),
        Detail("ended", time(rotation, "/endedAt")),
    ]
}

async fn show(id: &RotationId, session: &mut Session) -> anyhow::Result<ExitCode> {
    let mut rotation = described(&id.to_string(), session).await?;
    let history = Request::get(format!("/api/v1/rotations/{id}/history"));
    let (history, _) = Listing::new(history, "history").first(session, LINES).await?;
    rotation["history"] = history.into();
    session.out.one(&rotation, &details(&rotation))?;
    Ok(ExitCode::SUCCESS)
}

fn details(rotation: &Value) -> Vec<Detail> {
    let history = rotation["history"].as_array().into_iter().flatten();
    let (task, cause) = (text(rotation, "/auditTaskId"), text(rotation, "/cause"));
    let cause = if task.is_empty() { cause } else { format!("{cause} of audit {task}") };
    vec![
        Detail("rotation", text(rotation, "/rotationId")),
        Detail("thing", text(rotation, "/thingName")),
        Detail("state", text(rotation, "/state")),
        Detail("outcome", text(rotation, "/outcome").replace('_', " ")),
        Detail("reason", text(rotation, "/failure/reason")),
        Detail("evidence", text(rotation, "/evidence").replace('_', " ")),
        Detail("cause", cause),
        Detail("outgoing", text(rotation, "/outgoingCertificateId")),
        Detail("  ends", time(rotation, "/outgoingNotAfter")),
        Detail("incoming", text(rotation, "/incomingCertificateId")),
        Detail("opened", time(rotation, "/openedAt")),
        Detail("its turn", time(rotation, "/beginsAt")),
        Detail("next look", time(rotation, "/dueAt")),
        Detail("gives up", time(rotation, "/givesUpAt")),
        Detail("ended", time(rotation, "/endedAt")),
        Detail("history", lines(history.map(line))),
    ]
}

/// A line of the history.
fn line(entry: &Value) -> String {
    let (from, to) = (text(entry, "/from"), text(entry, "/to"));
    let ignored = text(entry, "/ignoredAs").replace('_', " ");
    let became = match (ignored.as_str(), from == to) {
        ("", true) => to,
        ("", false) => format!("{from} → {to}"),
        (why, _) => format!("{to}, ignored: {why}"),
    };
    let (at, input) = (time(entry, "/at"), text(entry, "/input"));
    format!("{at}  {input:<17}  {became:<26}  {}", text(entry, "/detail")).trim_end().to_owned()
}

async fn cancel(id: &RotationId, session: &mut Session) -> anyhow::Result<ExitCode> {
    let request = Request::new(Method::PUT, format!("/api/v1/rotations/{id}/cancel"));
    session.client.call(&request).await?;
    let progress = Progress::waiting("the cancellation is on its way", session.out);
    let begun = Instant::now();
    let rotation = loop {
        let rotation = described(&id.to_string(), session).await?;
        if !rotation["endedAt"].is_null() || begun.elapsed() > CANCEL_FOR {
            break rotation;
        }
        tokio::time::sleep(LOOK).await;
    };
    drop(progress);
    session.out.one(&rotation, &end_details(&rotation))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_says_neither_begins_a_row_nor_moves_the_cursor() {
        let said = "boo\nffff pump-2 Rotated\x1b[2J\u{202e}";
        let failed = json!({ "failure": { "reason": said }, "endedAt": 0 });
        let entry = json!({ "at": 0, "input": "ErrReceived", "to": "Failed", "detail": said });

        let shown = [ended(&failed), line(&entry), end_details(&failed)[1].1.clone()];

        for shown in shown {
            assert!(shown.contains("boo\\nffff"), "{shown}");
            assert!(!shown.contains(['\n', '\x1b', '\u{202e}']), "{shown}");
        }
    }
}
