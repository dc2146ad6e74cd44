//! `perennial audit`: running checks now, and what they found.

use std::{process::ExitCode, time::Duration};

use clap::Subcommand;
use http::Method;
use perennial_core::ids::{AuditTaskId, FindingId};
use perennial_server::client::Request;
use serde_json::{Value, json};

use super::{
    common::{Page, Session, Verb},
    listing::Listing,
    output::{Column, Detail},
    progress::Progress,
    words::{text, time},
};

/// How often a task that runs is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How far back the latest task is looked for, nearest first: in seconds.
const BACK: [i64; 4] = [3600, 86_400, 30 * 86_400, 180 * 86_400];

/// Audits: finding certificates that want rotating.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Run every enabled check now, and wait for its end; rotations open for what they find.
    #[command(after_help = "Example: perennial audit run")]
    Run,
    /// List the findings of a task, or of the latest one.
    #[command(after_help = "Example: perennial audit findings --task ID --limit 20")]
    Findings {
        /// The task's id.
        #[arg(long, value_name = "ID")]
        task: Option<AuditTaskId>,
        #[command(flatten)]
        page: Page,
    },
    /// Take mitigation actions for a finding, also those that cut its device off.
    #[command(after_help = "Example: perennial audit force FINDING --action deactivate")]
    Force {
        /// The finding's id.
        finding: FindingId,
        /// An action's name; several are taken in their order.
        #[arg(long = "action", value_name = "NAME", required = true)]
        actions: Vec<String>,
    },
}

impl Verb for Audit {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::Run => run(session).await,
            Self::Findings { task, page } => {
                let described = task.map(|id| Request::get(format!("/audit/tasks/{id}")));
                let task = match task {
                    Some(task) => task.to_string(),
                    None => latest(session).await?,
                };
                let request = Request::new(Method::POST, "/audit/findings").member("taskId", task);
                Listing::in_body(request, "findings")
                    .of(described, "aws iot list-audit-tasks")
                    .print(session, page, &COLUMNS)
                    .await
            }
            Self::Force { finding, actions } => force(&finding, actions, session).await,
        }
    }
}

async fn run(session: &mut Session) -> anyhow::Result<ExitCode> {
    let configuration = session.client.call(&Request::get("/audit/configuration")).await?;
    let checks = configuration["auditCheckConfigurations"].as_object();
    let enabled = checks.into_iter().flatten().filter(|(_, it)| it["enabled"] == true);
    let enabled: Vec<&String> = enabled.map(|(name, _)| name).collect();
    anyhow::ensure!(
        !enabled.is_empty(),
        "no check is enabled: `aws iot update-account-audit-configuration` enables some"
    );
    let start = Request::new(Method::POST, "/audit/tasks");
    let start = start.body(json!({ "targetCheckNames": enabled }));
    let id = text(&session.client.call(&start).await?, "/taskId");
    let mut task = wait(&id, session).await?;
    task["taskId"] = id.into();
    print(&task, session)?;
    let completed = task["taskStatus"] == "COMPLETED";
    Ok(if completed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits for a task's end, and shows how far it is.
async fn wait(id: &str, session: &mut Session) -> anyhow::Result<Value> {
    let progress = Progress::waiting(format!("audit {id} waits for its turn"), session.out);
    loop {
        let task = session.client.call(&Request::get(format!("/audit/tasks/{id}"))).await?;
        if task["taskStatus"] != "IN_PROGRESS" {
            return Ok(task);
        }
        let total = text(&task, "/taskStatistics/totalChecks");
        let left = ["inProgressChecks", "waitingForDataCollectionChecks"]
            .map(|name| task["taskStatistics"][name].as_u64().unwrap_or_default());
        progress.say(format!("audit {id}: {} of {total} checks to go", left[0] + left[1]));
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits for the actions' end, and shows what became of each.
async fn force(
    finding: &FindingId,
    actions: Vec<String>,
    session: &mut Session,
) -> anyhow::Result<ExitCode> {
    let path = format!("/api/v1/audit-findings/{finding}/forced-mitigations");
    let token = format!("cli-{:x}", jiff::Timestamp::now().as_nanosecond());
    let start = Request::new(Method::POST, path)
        .body(json!({ "actionNames": actions, "clientRequestToken": token }));
    let task = text(&session.client.call(&start).await?, "/taskId");
    let path = format!("/audit/mitigationactions/tasks/{task}");
    let progress = Progress::waiting(format!("actions for finding {finding}"), session.out);
    let mut ended = session.client.call(&Request::get(path.clone())).await?;
    while ended["taskStatus"] == "IN_PROGRESS" {
        tokio::time::sleep(LOOK).await;
        ended = session.client.call(&Request::get(path.clone())).await?;
    }
    drop(progress);
    let request = Request::get("/audit/mitigationactions/executions")
        .with("taskId", &task)
        .with("findingId", finding);
    let (executions, _) = Listing::new(request, "actionsExecutions").first(session, 5).await?;
    session.out.head(&ACTIONS)?;
    session.out.rows(&ACTIONS, &executions)?;
    let completed = ended["taskStatus"] == "COMPLETED";
    Ok(if completed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(task: &Value, session: &Session) -> anyhow::Result<()> {
    if session.out.is_json() {
        session.out.one(task, &[])?;
        return Ok(());
    }
    let checks = task["auditDetails"].as_object().into_iter().flatten();
    let row = |(name, check): (&String, &Value)| {
        let mut row = check.clone();
        row["checkName"] = name.as_str().into();
        row
    };
    let rows: Vec<Value> = checks.map(row).collect();
    session.out.one(
        task,
        &[
            Detail("audit", text(task, "/taskId")),
            Detail("status", text(task, "/taskStatus")),
            Detail("started", time(task, "/taskStartTime")),
        ],
    )?;
    session.out.say("")?;
    session.out.head(&CHECKS)?;
    session.out.rows(&CHECKS, &rows)?;
    Ok(())
}

const CHECKS: [Column; 5] = [
    Column { title: "CHECK", width: 60, text: |it| text(it, "/checkName") },
    Column { title: "RESULT", width: 23, text: |it| text(it, "/checkRunStatus") },
    Column { title: "FOUND", width: 7, text: |it| text(it, "/nonCompliantResourcesCount") },
    Column {
        title: "MUTED",
        width: 7,
        text: |it| text(it, "/suppressedNonCompliantResourcesCount"),
    },
    Column { title: "OF", width: 0, text: |it| text(it, "/totalResourcesCount") },
];

/// The id of the task that was started last.
async fn latest(session: &mut Session) -> anyhow::Result<String> {
    let now = jiff::Timestamp::now();
    for seconds in BACK {
        let from = now.saturating_sub(jiff::SignedDuration::from_secs(seconds))?;
        let soon = now.saturating_add(jiff::SignedDuration::from_secs(60))?;
        let request = Request::get("/audit/tasks").with("startTime", from).with("endTime", soon);
        let (tasks, _) = Listing::new(request, "tasks").first(session, u32::MAX).await?;
        if let Some(last) = tasks.last() {
            return Ok(text(last, "/taskId"));
        }
    }
    anyhow::bail!("no audit has run yet: `perennial audit run` runs one")
}

const ACTIONS: [Column; 3] = [
    Column { title: "ACTION", width: 32, text: |it| text(it, "/actionName") },
    Column { title: "RESULT", width: 9, text: |it| text(it, "/status") },
    Column { title: "WHY", width: 0, text: |it| text(it, "/message") },
];

const COLUMNS: [Column; 6] = [
    Column { title: "FINDING", width: 32, text: |it| text(it, "/findingId") },
    Column { title: "FOUND", width: 20, text: |it| time(it, "/findingTime") },
    Column { title: "SEVERITY", width: 8, text: |it| text(it, "/severity") },
    Column { title: "CHECK", width: 43, text: |it| text(it, "/checkName") },
    Column { title: "RESOURCE", width: 64, text: resource },
    Column { title: "REASON", width: 0, text: |it| text(it, "/reasonForNonCompliance") },
];

/// The name of what was found wanting.
fn resource(finding: &Value) -> String {
    let identifier = finding["nonCompliantResource"]["resourceIdentifier"].as_object();
    let names = identifier.into_iter().flatten().map(|(_, it)| match it.as_object() {
        Some(parts) => parts.values().map(|it| text(it, "")).collect::<Vec<_>>().join(" "),
        None => text(it, ""),
    });
    names.collect::<Vec<_>>().join(" ")
}
