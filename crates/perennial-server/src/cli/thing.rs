//! `perennial thing`: the registry's entries for devices, and their first certificates.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Subcommand;
use http::Method;
use perennial_core::ids::{PolicyName, ThingName};
use perennial_server::client::{CallError, Request, segment};
use serde_json::{Value, json};

use super::{
    certificate,
    common::{Page, Session, Verb, read_text},
    listing::Listing,
    output::{Column, Detail},
    words::{arn_name, as_it_is, lines, text, time},
};

/// How many of a thing's certificates are shown with it.
const CERTIFICATES: u32 = 100;
const SECONDS_A_DAY: u64 = 86_400;

/// Things: the registry's entries for devices.
#[derive(Debug, Subcommand)]
pub(crate) enum Thing {
    /// Make a thing and, from its device's CSR, its first certificate.
    ///
    /// May be repeated: the same key of the same thing gets the same certificate. A thing that has
    /// an ACTIVE certificate of another key is refused, unless --beside or --replace.
    #[command(
        after_help = "Example: perennial thing create pump-1 --csr pump-1.csr --certificate pump-1.pem"
    )]
    Create(Create),
    /// List things by name.
    #[command(after_help = "Example: perennial thing list --limit 20")]
    List(#[command(flatten)] Page),
    /// Show a thing, its certificates and its latest rotation.
    #[command(after_help = "Example: perennial thing show pump-1")]
    Show {
        /// Its name.
        name: ThingName,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Its name, which is its device's client id too.
    name: ThingName,
    /// The device's CSR in PEM; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    csr: Option<PathBuf>,
    /// Write the certificate and its issuer's here.
    #[arg(long, value_name = "FILE", requires = "csr")]
    certificate: Option<PathBuf>,
    /// How many days the certificate lives, instead of the configured span.
    #[arg(long, value_name = "DAYS", requires = "csr", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    days: Option<u64>,
    /// The policy to attach, instead of `perennial-device`; may be given several times.
    #[arg(long, value_name = "NAME", requires = "csr")]
    policy: Vec<PolicyName>,
    /// Keep ACTIVE certificates of other keys beside the new one.
    #[arg(long, requires = "csr", conflicts_with = "replace")]
    beside: bool,
    /// Deactivate ACTIVE certificates of other keys: their sessions end at once.
    #[arg(long, requires = "csr")]
    replace: bool,
}

impl Verb for Thing {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List(page) => {
                let listing = Listing::new(Request::get("/things"), "things");
                listing.print(session, page, &COLUMNS).await
            }
            Self::Show { name } => show(&name, session).await,
        }
    }
}

const COLUMNS: [Column; 3] = [
    Column { title: "THING", width: 32, text: |it| text(it, "/thingName") },
    Column { title: "TYPE", width: 20, text: |it| text(it, "/thingTypeName") },
    Column { title: "VERSION", width: 7, text: |it| text(it, "/version") },
];

impl Create {
    async fn run(self, session: &mut Session) -> anyhow::Result<ExitCode> {
        let path = segment(&self.name);
        let Some(csr) = self.csr.as_deref() else {
            let request = Request::new(Method::POST, format!("/things/{path}"));
            let made = session.client.call(&request).await?;
            let arn = Detail("arn", text(&made, "/thingArn"));
            session.out.one(&made, &[Detail("thing", text(&made, "/thingName")), arn])?;
            return Ok(ExitCode::SUCCESS);
        };
        let body = self.body(&read_text(csr)?);
        let request = Request::new(Method::POST, format!("/api/v1/things/{path}/enrolments"));
        let mut made = session.client.call(&request.body(body)).await.map_err(with_ways)?;
        let [leaf, above] = ["/certificatePem", "/chainPem"].map(|it| as_it_is(&made, it));
        let chain = format!("{leaf}{above}");
        if let Some(file) = &self.certificate {
            write_file(file, &chain)?;
            made["certificateFile"] = file.display().to_string().into();
        }
        session.out.one(&made, &self.details(&made, &chain))?;
        Ok(ExitCode::SUCCESS)
    }

    fn body(&self, csr_pem: &str) -> Value {
        let others = match (self.beside, self.replace) {
            (true, _) => "KEEP",
            (false, true) => "DEACTIVATE",
            (false, false) => "REFUSE",
        };
        let mut body = json!({ "certificateSigningRequest": csr_pem, "otherCertificates": others });
        if let Some(days) = self.days {
            body["validitySeconds"] = (days * SECONDS_A_DAY).into();
        }
        if !self.policy.is_empty() {
            body["policyNames"] = json!(self.policy);
        }
        body
    }

    fn details(&self, made: &Value, chain: &str) -> Vec<Detail> {
        let created = made["created"] == true;
        let what = if created { "made now" } else { "the key had it already" };
        let id = text(made, "/certificateId");
        let deactivated = made["deactivatedCertificateIds"].as_array().into_iter().flatten();
        let deactivated = lines(deactivated.filter_map(Value::as_str).map(str::to_owned));
        let file = text(made, "/certificateFile");
        let pem = if file.is_empty() { chain.trim_end() } else { "" };
        vec![
            Detail("thing", text(made, "/thingName")),
            Detail("certificate", format!("{id} ({what})")),
            Detail("deactivated", deactivated),
            Detail("written to", file),
            Detail("in PEM", pem.to_owned()),
        ]
    }
}

/// Tells of the options that let another key have a certificate.
fn with_ways(error: CallError) -> anyhow::Error {
    if error.is("ConflictException") && error.to_string().contains("another key") {
        return anyhow::anyhow!("{error}; --beside keeps it, --replace deactivates it");
    }
    error.into()
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{} cannot be written", path.display()))
}

async fn show(name: &ThingName, session: &mut Session) -> anyhow::Result<ExitCode> {
    let path = segment(name);
    let mut thing = session.client.call(&Request::get(format!("/things/{path}"))).await?;
    let principals = Request::get(format!("/things/{path}/principals"));
    let principals = Listing::new(principals, "principals");
    let (arns, more) = principals.first(session, CERTIFICATES).await?;
    let mut certificates = Vec::new();
    for arn in arns.iter().filter_map(Value::as_str) {
        certificates.extend(certificate::described(arn_name(arn), session).await?);
    }
    let rotations = Request::get("/api/v1/rotations").with("thingName", name);
    let (rotations, _) = Listing::new(rotations, "rotations").first(session, 1).await?;
    thing["certificates"] = certificates.into();
    thing["rotation"] = rotations.into_iter().next().unwrap_or_default();
    session.out.one(&thing, &details(&thing, more))?;
    Ok(ExitCode::SUCCESS)
}

fn details(thing: &Value, more: bool) -> Vec<Detail> {
    let certificates = thing["certificates"].as_array().into_iter().flatten();
    let certificate = |it: &Value| {
        let (id, status) = (text(it, "/certificateId"), text(it, "/status"));
        format!("{id}  {status:<8}  until {}", time(it, "/validity/notAfter"))
    };
    let more = more.then(|| "and more: list them with the principals of the thing".to_owned());
    let attributes = thing["attributes"].as_object().into_iter().flatten();
    let attribute = |(name, value): (&String, &Value)| format!("{name}={}", text(value, ""));
    let rotation = &thing["rotation"];
    let ended = if rotation["endedAt"].is_null() { "open since" } else { "ended" };
    let when = [time(rotation, "/endedAt"), time(rotation, "/openedAt")];
    let when = when.into_iter().find(|it| !it.is_empty()).unwrap_or_default();
    let (id, state) = (text(rotation, "/rotationId"), text(rotation, "/state"));
    let rotation = format!("{id}  {state}, {ended} {when}");
    vec![
        Detail("thing", text(thing, "/thingName")),
        Detail("type", text(thing, "/thingTypeName")),
        Detail("attributes", lines(attributes.map(attribute))),
        Detail("version", text(thing, "/version")),
        Detail("certificates", lines(certificates.map(certificate).chain(more))),
        Detail("latest rotation", if id.is_empty() { id } else { rotation }),
    ]
}
