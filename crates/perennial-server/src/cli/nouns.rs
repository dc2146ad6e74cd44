//! `perennial thing | certificate | policy | audit | rotation | event`: asking a running server.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use perennial_core::{
    certificate::CertificateStatus,
    ids::{AuditTaskId, CertificateId, PolicyName, RotationId, ThingName},
};
use perennial_server::control::{Answer, Request, ask};
use perennial_store::FindingCursor;

use super::table;

/// How every noun reaches its server and prints.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The server's data folder; `serve` makes it when it does not exist.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "perennial-data",
        env = "PERENNIAL_DATA"
    )]
    data: PathBuf,
    /// Print one JSON object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Where a list begins and how long it is.
#[derive(Debug, Args)]
pub(crate) struct Page<T: std::str::FromStr + Clone + Send + Sync + 'static>
where
    T::Err: std::error::Error + Send + Sync,
{
    /// List what comes after this one: the last of the page before.
    #[arg(long)]
    after: Option<T>,
    /// List at most this many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// Things: the registry's entries for devices.
#[derive(Debug, Subcommand)]
pub(crate) enum Thing {
    /// Make a thing and, from its device's CSR, its first certificate.
    ///
    /// Example: perennial thing create pump-1 --csr pump-1.csr --certificate pump-1.pem
    Create {
        /// Its name, which is its device's client id too.
        name: ThingName,
        /// The device's CSR in PEM; `-` reads it from standard input.
        #[arg(long, value_name = "FILE")]
        csr: Option<PathBuf>,
        /// Write the certificate and its issuer's here.
        #[arg(long, value_name = "FILE", requires = "csr")]
        certificate: Option<PathBuf>,
        /// How many days the first certificate lives, instead of the configured span.
        #[arg(long, value_name = "DAYS", requires = "csr")]
        days: Option<u64>,
    },
    /// List things by name.
    List(#[command(flatten)] Page<ThingName>),
    /// Show a thing, its certificates and its latest rotation.
    Show {
        /// Its name.
        name: ThingName,
    },
}

/// Certificates, by the SHA-256 of their DER.
#[derive(Debug, Subcommand)]
pub(crate) enum Certificate {
    /// List certificates by id.
    List(#[command(flatten)] Page<CertificateId>),
    /// Show a certificate with what is attached to it.
    Show {
        /// Its id.
        id: CertificateId,
    },
    /// Make it INACTIVE: live sessions end at once, and it may be made ACTIVE again.
    Deactivate {
        /// Its id.
        id: CertificateId,
    },
    /// Make it ACTIVE again.
    Activate {
        /// Its id.
        id: CertificateId,
    },
    /// Make it REVOKED, for good: live sessions end at once.
    Revoke {
        /// Its id.
        id: CertificateId,
    },
}

/// Policies: what a certificate's holder may do.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Make a policy from a document in AWS IoT's language.
    ///
    /// Example: perennial policy create sensors --document sensors.json
    Create {
        /// Its name.
        name: PolicyName,
        /// The document; `-` reads it from standard input.
        #[arg(long, value_name = "FILE")]
        document: PathBuf,
    },
    /// Attach a policy to a certificate; its live sessions have it at once.
    Attach {
        /// The policy.
        name: PolicyName,
        /// The certificate's id.
        certificate: CertificateId,
    },
    /// List policies by name.
    List(#[command(flatten)] Page<PolicyName>),
}

/// Audits: finding certificates that want rotating.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Run every enabled check now; rotations open for what they find.
    Run,
    /// List the findings of a task, or of the latest one.
    Findings {
        /// The task's id.
        #[arg(long)]
        task: Option<AuditTaskId>,
        /// List what comes behind this place: the `after` that ends the page before.
        #[arg(long, value_parser = parse_place)]
        after: Option<FindingCursor>,
        /// List at most this many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// Rotations: one for each thing whose certificate is replaced.
#[derive(Debug, Subcommand)]
pub(crate) enum Rotation {
    /// Rotate a thing's certificate now.
    Start {
        /// The thing.
        thing: ThingName,
        /// Which of its certificates, if it has several.
        #[arg(long)]
        certificate: Option<CertificateId>,
    },
    /// List rotations, the latest first.
    List {
        /// Only this thing's.
        #[arg(long)]
        thing: Option<ThingName>,
        /// Only those that have not ended.
        #[arg(long)]
        open: bool,
        /// List at most this many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Show a rotation with its history.
    Show {
        /// Its id.
        id: RotationId,
    },
    /// Call an open rotation off; an unproven certificate is withdrawn.
    Cancel {
        /// Its id.
        id: RotationId,
    },
}

/// The event log.
#[derive(Debug, Subcommand)]
pub(crate) enum Event {
    /// List events in order.
    List {
        /// Above this number.
        #[arg(long, default_value_t = 0)]
        after: i64,
        /// List at most this many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Check that no record was changed, taken out or put in.
    Verify,
}

impl Thing {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let (name, csr, certificate, days) = match self {
            Self::Create { name, csr, certificate, days } => (name, csr, certificate, days),
            Self::List(Page { after, limit }) => {
                return common.print(&Request::ListThings { after, limit });
            }
            Self::Show { name } => return common.print(&Request::ShowThing { name }),
        };
        let csr_pem = csr.as_deref().map(read_text).transpose()?;
        let validity_secs = days.map(|days| days.saturating_mul(86_400));
        let done = common.ask(&Request::CreateThing { name, csr_pem, validity_secs })?;
        if let (Some(path), Some(pem)) = (certificate, done.first().and_then(certificate_pem)) {
            std::fs::write(&path, pem)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        table::print(&done, common.json)
    }
}

fn certificate_pem(object: &serde_json::Value) -> Option<&str> {
    object.get("certificatePem")?.as_str()
}

impl Certificate {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let update = |id, status| Request::UpdateCertificate { id, status };
        common.print(&match self {
            Self::List(Page { after, limit }) => Request::ListCertificates { after, limit },
            Self::Show { id } => Request::ShowCertificate { id },
            Self::Deactivate { id } => update(id, CertificateStatus::Inactive),
            Self::Activate { id } => update(id, CertificateStatus::Active),
            Self::Revoke { id } => update(id, CertificateStatus::Revoked),
        })
    }
}

impl Policy {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        common.print(&match self {
            Self::Create { name, document } => {
                Request::CreatePolicy { name, document: read_text(&document)? }
            }
            Self::Attach { name, certificate } => {
                Request::AttachPolicy { name, certificate_id: certificate }
            }
            Self::List(Page { after, limit }) => Request::ListPolicies { after, limit },
        })
    }
}

impl Audit {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        common.print(&match self {
            Self::Run => Request::RunAudit,
            Self::Findings { task, after, limit } => Request::ListFindings { task, after, limit },
        })
    }
}

impl Rotation {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        common.print(&match self {
            Self::Start { thing, certificate } => {
                Request::StartRotation { thing, certificate_id: certificate }
            }
            Self::List { thing, open, limit } => Request::ListRotations { thing, open, limit },
            Self::Show { id } => Request::ShowRotation { id },
            Self::Cancel { id } => Request::CancelRotation { id },
        })
    }
}

impl Event {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        common.print(&match self {
            Self::List { after, limit } => Request::ListEvents { after, limit },
            Self::Verify => Request::VerifyEvents,
        })
    }
}

impl Common {
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    fn ask(&self, request: &Request) -> anyhow::Result<Vec<serde_json::Value>> {
        match ask(request, &self.data)? {
            Answer::Done(objects) => Ok(objects),
            Answer::Refused(reason) => anyhow::bail!("{reason}"),
        }
    }

    fn print(&self, request: &Request) -> anyhow::Result<ExitCode> {
        table::print(&self.ask(request)?, self.json)
    }
}

fn parse_place(text: &str) -> Result<FindingCursor, serde_json::Error> {
    serde_json::from_str(text)
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
