//! `perennial rule`: what is done with messages, and what could not be done.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Subcommand;
use http::Method;
use perennial_core::ids::RuleName;
use perennial_server::client::{Request, segment};
use serde_json::{Value, json};

use super::{
    common::{Page, Session, Verb, read_text},
    listing::Listing,
    output::{Column, Detail},
    words::{lines, text, time},
};

/// Topic rules: what is done with messages.
#[derive(Debug, Subcommand)]
pub(crate) enum Rule {
    /// Make a rule from a document: AWS IoT's TopicRulePayload.
    #[command(after_help = "Example: perennial rule create readings --document readings.json\n\
        where readings.json is {\"sql\": \"SELECT *, clientid() AS device FROM 'sensors/+/data'\", \
        \"actions\": [{\"file\": {\"name\": \"readings.jsonl\"}}]}")]
    Create {
        /// Its name.
        name: RuleName,
        /// The document; `-` reads it from standard input.
        #[arg(long, value_name = "FILE")]
        document: PathBuf,
    },
    /// Put another document in a rule's place.
    #[command(after_help = "Example: perennial rule replace readings --document readings.json")]
    Replace {
        /// The rule.
        name: RuleName,
        /// The document; `-` reads it from standard input.
        #[arg(long, value_name = "FILE")]
        document: PathBuf,
    },
    /// List rules by name, the built-in ones included.
    #[command(after_help = "Example: perennial rule list")]
    List(#[command(flatten)] Page),
    /// Show a rule with its statement and actions.
    #[command(after_help = "Example: perennial rule show readings")]
    Show {
        /// The rule.
        name: RuleName,
    },
    /// Let messages go by a rule again.
    #[command(after_help = "Example: perennial rule enable readings")]
    Enable {
        /// The rule.
        name: RuleName,
    },
    /// Let messages pass a rule by.
    #[command(after_help = "Example: perennial rule disable readings")]
    Disable {
        /// The rule.
        name: RuleName,
    },
    /// Delete a rule; what already waits for its actions is still delivered.
    #[command(after_help = "Example: perennial rule delete readings")]
    Delete {
        /// The rule.
        name: RuleName,
    },
    /// List what rules could not deliver, the oldest first.
    #[command(after_help = "Example: perennial rule dead-letters --rule readings")]
    DeadLetters {
        /// Of this rule only.
        #[arg(long, value_name = "NAME")]
        rule: Option<RuleName>,
        #[command(flatten)]
        page: Page,
    },
    /// Try dead letters again; each stays one until it arrives.
    #[command(after_help = "Example: perennial rule replay 17 18")]
    Replay {
        /// Their numbers.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
    },
    /// Forget dead letters.
    #[command(after_help = "Example: perennial rule forget 17 18")]
    Forget {
        /// Their numbers.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
    },
}

impl Verb for Rule {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create { name, document } => {
                let request = Request::new(Method::POST, path(&name)).body(read(&document)?);
                done(session, &name, &request, "made").await
            }
            Self::Replace { name, document } => {
                let request = Request::new(Method::PATCH, path(&name)).body(read(&document)?);
                done(session, &name, &request, "replaced").await
            }
            Self::Enable { name } => {
                let request = Request::new(Method::POST, format!("{}/enable", path(&name)));
                done(session, &name, &request, "on").await
            }
            Self::Disable { name } => {
                let request = Request::new(Method::POST, format!("{}/disable", path(&name)));
                done(session, &name, &request, "off").await
            }
            Self::Delete { name } => {
                let request = Request::new(Method::DELETE, path(&name));
                done(session, &name, &request, "deleted").await
            }
            Self::List(page) => {
                let listing = Listing::new(Request::get("/rules"), "rules");
                listing.print(session, page, &COLUMNS).await
            }
            Self::Show { name } => {
                let shown = session.client.call(&Request::get(path(&name))).await?;
                session.out.one(&shown, &details(&shown))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::DeadLetters { rule, page } => {
                let request =
                    Request::get("/api/v1/dead-letters").with_some("ruleName", rule.as_ref());
                let described = rule.map(|name| Request::get(path(&name)));
                Listing::new(request, "deadLetters")
                    .of(described, "perennial rule list")
                    .print(session, page, &LETTERS)
                    .await
            }
            Self::Replay { ids } => {
                each(session, &ids, Method::PUT, "/replay", "is tried again").await
            }
            Self::Forget { ids } => each(session, &ids, Method::DELETE, "", "is forgotten").await,
        }
    }
}

const COLUMNS: [Column; 4] = [
    Column { title: "RULE", width: 28, text: |it| text(it, "/ruleName") },
    Column { title: "STATE", width: 5, text: |it| state(it, "/ruleDisabled").to_owned() },
    Column { title: "CREATED", width: 20, text: |it| time(it, "/createdAt") },
    Column { title: "TOPIC", width: 0, text: |it| text(it, "/topicPattern") },
];

const LETTERS: [Column; 6] = [
    Column { title: "ID", width: 8, text: |it| text(it, "/id") },
    Column { title: "RULE", width: 20, text: |it| text(it, "/ruleName") },
    Column { title: "DIED", width: 20, text: |it| time(it, "/diedAt") },
    Column { title: "ACTION", width: 15, text: |it| text(it, "/action") },
    Column { title: "FOR", width: 32, text: |it| text(it, "/resource") },
    Column { title: "REASON", width: 0, text: |it| text(it, "/reason") },
];

fn path(name: &RuleName) -> String {
    format!("/rules/{}", segment(name))
}

fn read(document: &std::path::Path) -> anyhow::Result<Value> {
    let text = read_text(document)?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", document.display()))
}

async fn done(
    session: &mut Session,
    name: &RuleName,
    request: &Request,
    what: &'static str,
) -> anyhow::Result<ExitCode> {
    session.client.call(request).await?;
    let object = json!({ "ruleName": name, "done": what });
    session.out.one(&object, &[Detail("rule", format!("{name} is {what}"))])?;
    Ok(ExitCode::SUCCESS)
}

async fn each(
    session: &mut Session,
    ids: &[i64],
    method: Method,
    behind: &str,
    done: &str,
) -> anyhow::Result<ExitCode> {
    for id in ids {
        let request = Request::new(method.clone(), format!("/api/v1/dead-letters/{id}{behind}"));
        session.client.call(&request).await?;
        session.out.one(&json!({ "id": id }), &[Detail("dead letter", format!("{id} {done}"))])?;
    }
    Ok(ExitCode::SUCCESS)
}

fn state(object: &Value, pointer: &str) -> &'static str {
    if object.pointer(pointer) == Some(&Value::Bool(true)) { "off" } else { "on" }
}

fn details(shown: &Value) -> Vec<Detail> {
    let actions = shown.pointer("/rule/actions").and_then(Value::as_array);
    let actions = actions.into_iter().flatten().map(Value::to_string);
    let mut details = vec![
        Detail("rule", text(shown, "/rule/ruleName")),
        Detail("arn", text(shown, "/ruleArn")),
        Detail("state", state(shown, "/rule/ruleDisabled").to_owned()),
        Detail("statement", text(shown, "/rule/sql")),
        Detail("actions", lines(actions)),
    ];
    let optional = [
        ("on failure", text(shown, "/rule/errorAction")),
        ("description", text(shown, "/rule/description")),
        ("created", time(shown, "/rule/createdAt")),
    ];
    let there = optional.into_iter().filter(|(_, text)| !text.is_empty());
    details.extend(there.map(|(title, text)| Detail(title, text)));
    details
}
