//! `perennial key`: access keys, with which the API is asked; also when all of them are lost.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use perennial_core::{access::Role, ids::AccessKeyId};
use perennial_server::{client::Request, make_key_offline};
use serde_json::{Value, json};

use super::{
    common::{Common, Noun, Page, Session, Verb},
    listing::Listing,
    output::{Column, Detail, Output},
    usage::Usage,
    words::{text, time},
};

/// Access keys: who may ask the API, and what for.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make an access key and print its secret, once, as a file of AWS's has it.
    #[command(
        after_help = "Example: perennial key create --role auditor --description 'the night shift'"
    )]
    Create(Create),
    /// List access keys by id, revoked ones included.
    #[command(after_help = "Example: perennial key list")]
    List(#[command(flatten)] Page),
    /// Revoke an access key, for good.
    #[command(after_help = "Example: perennial key revoke PRNLABCDEFGHIJKLMNOP")]
    Revoke {
        /// Its id.
        id: AccessKeyId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What it is for: administrator, operator, auditor or read-only.
    #[arg(long, required_unless_present = "offline")]
    role: Option<Role>,
    /// Whose it is, in words.
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// Make an administrator's key in the data folder, while no server runs on it: for when every
    /// key is lost. It is written to admin/credentials too, unless that has a key in force.
    #[arg(long)]
    offline: bool,
}

/// Carries out a verb of keys; making one may go without a server.
pub(crate) async fn run(noun: Noun<Key>) -> anyhow::Result<ExitCode> {
    let (common, verb) = noun.apart();
    match verb {
        Key::Create(create) if create.offline => create.offline(&common).await,
        verb @ (Key::Create(_) | Key::List(_) | Key::Revoke { .. }) => {
            verb.run(&mut common.session()?).await
        }
    }
}

impl Verb for Key {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List(page) => {
                let listing = Listing::new(Request::get("/api/v1/access-keys"), "accessKeys");
                listing.print(session, page, &COLUMNS).await
            }
            Self::Revoke { id } => {
                let request = Request::new(Method::DELETE, format!("/api/v1/access-keys/{id}"));
                session.client.call(&request).await?;
                let object = json!({ "accessKeyId": id });
                session.out.one(&object, &[Detail("revoked", id.to_string())])?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

const COLUMNS: [Column; 5] = [
    Column { title: "ACCESS KEY", width: 20, text: |it| text(it, "/accessKeyId") },
    Column { title: "ROLE", width: 13, text: |it| text(it, "/role") },
    Column { title: "CREATED", width: 20, text: |it| time(it, "/creationDate") },
    Column { title: "REVOKED", width: 20, text: |it| time(it, "/revocationDate") },
    Column { title: "DESCRIPTION", width: 0, text: |it| text(it, "/description") },
];

impl Create {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        let body = json!({ "role": self.role, "description": self.description });
        let request = Request::new(Method::POST, "/api/v1/access-keys").body(body);
        let made = session.client.call(&request).await?;
        print(&made, session.out)
    }

    async fn offline(self, common: &Common) -> anyhow::Result<ExitCode> {
        if self.role.is_some_and(|role| role != Role::Administrator) {
            let text = "--offline makes an administrator's key: with it, make the others";
            return Err(Usage(text.to_owned()).into());
        }
        let made = make_key_offline(&common.data(), self.description).await?;
        print(
            &json!({
                "accessKeyId": made.key.access_key_id, "role": made.key.role,
                "description": made.key.description, "secretAccessKey": made.secret.0,
                "credentialsFile": made.written_to
            }),
            common.output(),
        )
    }
}

/// Prints a key as AWS's credentials file has it.
fn print(made: &Value, out: Output) -> anyhow::Result<ExitCode> {
    if out.is_json() {
        out.one(made, &[])?;
        return Ok(ExitCode::SUCCESS);
    }
    let written = text(made, "/credentialsFile");
    let role = text(made, "/role");
    out.say(&format!("# an access key of role {role}; its secret is never shown again"))?;
    if !written.is_empty() {
        out.say(&format!("# written to {written}"))?;
    }
    out.say("[default]")?;
    out.say(&format!("aws_access_key_id = {}", text(made, "/accessKeyId")))?;
    out.say(&format!("aws_secret_access_key = {}", text(made, "/secretAccessKey")))?;
    Ok(ExitCode::SUCCESS)
}
