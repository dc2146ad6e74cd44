//! `perennial policy`: what a certificate's holder may do.

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;
use http::Method;
use perennial_core::ids::{CertificateId, PolicyName};
use perennial_server::client::{Request, segment};
use serde_json::{Value, json};

use super::{
    certificate,
    common::{Page, Session, Verb, read_text},
    listing::Listing,
    output::{Column, Detail},
    words::{as_it_is, text, time},
};

/// Policies: what a certificate's holder may do.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Make a policy from a document in AWS IoT's language.
    #[command(after_help = "Example: perennial policy create sensors --document sensors.json")]
    Create {
        /// Its name.
        name: PolicyName,
        /// The document; `-` reads it from standard input.
        #[arg(long, value_name = "FILE")]
        document: PathBuf,
    },
    /// Attach a policy to a certificate; its live sessions have it at once.
    #[command(after_help = "Example: perennial policy attach sensors ID")]
    Attach {
        /// The policy.
        name: PolicyName,
        /// The certificate's id.
        certificate: CertificateId,
    },
    /// Detach a policy from a certificate; its live sessions lose it at once.
    #[command(after_help = "Example: perennial policy detach sensors ID")]
    Detach {
        /// The policy.
        name: PolicyName,
        /// The certificate's id.
        certificate: CertificateId,
    },
    /// List policies by name.
    #[command(after_help = "Example: perennial policy list")]
    List(#[command(flatten)] Page),
    /// Show a policy with its document.
    #[command(after_help = "Example: perennial policy show perennial-device")]
    Show {
        /// Its name.
        name: PolicyName,
    },
}

impl Verb for Policy {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create { name, document } => {
                let request = Request::new(Method::POST, format!("/policies/{}", segment(&name)));
                let body = json!({ "policyDocument": read_text(&document)? });
                let made = session.client.call(&request.body(body)).await?;
                session.out.one(&made, &made_details(&made))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Attach { name, certificate } => {
                target(Method::PUT, (&name, &certificate), "attached to", session).await
            }
            Self::Detach { name, certificate } => {
                target(Method::POST, (&name, &certificate), "detached from", session).await
            }
            Self::List(page) => {
                let request = Request::get("/policies").with("isAscendingOrder", true);
                let listing = Listing::with_markers(request, "policies");
                listing.print(session, page, &COLUMNS).await
            }
            Self::Show { name } => {
                let request = Request::get(format!("/policies/{}", segment(&name)));
                let policy = session.client.call(&request).await?;
                session.out.one(&policy, &details(&policy))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

const COLUMNS: [Column; 2] = [
    Column { title: "POLICY", width: 32, text: |it| text(it, "/policyName") },
    Column { title: "ARN", width: 0, text: |it| text(it, "/policyArn") },
];

/// Attaches to a certificate, or detaches from it.
async fn target(
    method: Method,
    (name, id): (&PolicyName, &CertificateId),
    done: &str,
    session: &mut Session,
) -> anyhow::Result<ExitCode> {
    let arn = text(&certificate::existing(id, session).await?, "/certificateArn");
    let request = Request::new(method, format!("/target-policies/{}", segment(name)));
    session.client.call(&request.body(json!({ "target": arn }))).await?;
    let object = json!({ "policyName": name, "certificateId": id });
    let told = Detail("policy", format!("{name} {done} {id}"));
    session.out.one(&object, &[told])?;
    Ok(ExitCode::SUCCESS)
}

fn made_details(made: &Value) -> Vec<Detail> {
    vec![
        Detail("policy", text(made, "/policyName")),
        Detail("arn", text(made, "/policyArn")),
        Detail("version", text(made, "/policyVersionId")),
    ]
}

fn details(policy: &Value) -> Vec<Detail> {
    let document = as_it_is(policy, "/policyDocument");
    let parsed: Result<Value, _> = serde_json::from_str(&document);
    let pretty = parsed.ok().and_then(|it| serde_json::to_string_pretty(&it).ok());
    vec![
        Detail("policy", text(policy, "/policyName")),
        Detail("arn", text(policy, "/policyArn")),
        Detail("version", text(policy, "/defaultVersionId")),
        Detail("created", time(policy, "/creationDate")),
        Detail("changed", time(policy, "/lastModifiedDate")),
        Detail("document", pretty.unwrap_or(document)),
    ]
}
