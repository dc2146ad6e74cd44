//! `perennial certificate`: looking at certificates, and changing their status.

use std::process::ExitCode;

use clap::Subcommand;
use http::Method;
use perennial_core::ids::CertificateId;
use perennial_server::client::{CallError, Request, segment};
use serde_json::Value;

use super::{
    common::{Page, Session, Verb},
    listing::Listing,
    output::{Column, Detail},
    words::{as_it_is, lines, text, time},
};

/// How many things and policies of a certificate are shown with it.
const SHOWN: u32 = 250;

/// Certificates, by the SHA-256 of their DER.
#[derive(Debug, Subcommand)]
pub(crate) enum Certificate {
    /// List certificates, those made first first.
    #[command(after_help = "Example: perennial certificate list --limit 20")]
    List(#[command(flatten)] Page),
    /// Show a certificate with what is attached to it.
    #[command(after_help = "Example: perennial certificate show ID")]
    Show {
        /// Its id.
        id: CertificateId,
    },
    /// Make it INACTIVE: live sessions end at once, and it may be made ACTIVE again.
    #[command(after_help = "Example: perennial certificate deactivate ID")]
    Deactivate {
        /// Its id.
        id: CertificateId,
    },
    /// Make it ACTIVE again.
    #[command(after_help = "Example: perennial certificate activate ID")]
    Activate {
        /// Its id.
        id: CertificateId,
    },
    /// Make it REVOKED, for good: live sessions end at once.
    #[command(after_help = "Example: perennial certificate revoke ID")]
    Revoke {
        /// Its id.
        id: CertificateId,
    },
}

impl Verb for Certificate {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(page) => {
                let request = Request::get("/certificates").with("isAscendingOrder", true);
                let listing = Listing::with_markers(request, "certificates");
                listing.print(session, page, &COLUMNS).await
            }
            Self::Show { id } => show(&id, session).await,
            Self::Deactivate { id } => update(&id, "INACTIVE", session).await,
            Self::Activate { id } => update(&id, "ACTIVE", session).await,
            Self::Revoke { id } => update(&id, "REVOKED", session).await,
        }
    }
}

const COLUMNS: [Column; 3] = [
    Column { title: "CERTIFICATE", width: 64, text: |it| text(it, "/certificateId") },
    Column { title: "STATUS", width: 18, text: |it| text(it, "/status") },
    Column { title: "CREATED", width: 20, text: |it| time(it, "/creationDate") },
];

/// A certificate's description; none when it is gone.
pub(crate) async fn described(id: &str, session: &mut Session) -> Result<Option<Value>, CallError> {
    let request = Request::get(format!("/certificates/{}", segment(&id)));
    match session.client.call(&request).await {
        Ok(mut answer) => Ok(Some(answer["certificateDescription"].take())),
        Err(error) if error.is("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(error),
    }
}

/// A certificate that must be there.
pub(crate) async fn existing(id: &CertificateId, session: &mut Session) -> anyhow::Result<Value> {
    let found = described(&id.to_string(), session).await?;
    found.ok_or_else(|| anyhow::anyhow!("there is no certificate {id}"))
}

async fn show(id: &CertificateId, session: &mut Session) -> anyhow::Result<ExitCode> {
    let mut certificate = existing(id, session).await?;
    let arn = text(&certificate, "/certificateArn");
    let things = Request::get("/principals/things").header("x-amzn-principal", &arn);
    let (things, _) = Listing::new(things, "things").first(session, SHOWN).await?;
    let policies = Request::new(Method::POST, format!("/attached-policies/{}", segment(&arn)));
    let policies = Listing::with_markers(policies, "policies");
    let (policies, _) = policies.first(session, SHOWN).await?;
    certificate["things"] = things.into();
    certificate["policies"] = policies.iter().map(|it| text(it, "/policyName")).collect();
    session.out.one(&certificate, &details(&certificate))?;
    Ok(ExitCode::SUCCESS)
}

fn details(certificate: &Value) -> Vec<Detail> {
    let list = |name: &str| {
        let texts = certificate[name].as_array().into_iter().flatten();
        lines(texts.map(|it| text(it, "")))
    };
    vec![
        Detail("certificate", text(certificate, "/certificateId")),
        Detail("status", text(certificate, "/status")),
        Detail("not before", time(certificate, "/validity/notBefore")),
        Detail("not after", time(certificate, "/validity/notAfter")),
        Detail("created", time(certificate, "/creationDate")),
        Detail("changed", time(certificate, "/lastModifiedDate")),
        Detail("issuer", text(certificate, "/caCertificateId")),
        Detail("things", list("things")),
        Detail("policies", list("policies")),
        Detail("in PEM", as_it_is(certificate, "/certificatePem").trim_end().to_owned()),
    ]
}

async fn update(
    id: &CertificateId,
    status: &str,
    session: &mut Session,
) -> anyhow::Result<ExitCode> {
    let request = Request::new(Method::PUT, format!("/certificates/{id}"));
    session.client.call(&request.with("newStatus", status)).await?;
    let certificate = existing(id, session).await?;
    let status = Detail("status", text(&certificate, "/status"));
    session.out.one(&certificate, &[Detail("certificate", id.to_string()), status])?;
    Ok(ExitCode::SUCCESS)
}
