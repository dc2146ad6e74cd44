//! The command that runs after a certificate came into use. What it prints goes where the agent logs.

use std::{
    io::stderr,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use perennial_core::{ids::CertificateId, message::HookResult};
use tokio::{process::Command, time::timeout};

use crate::config::Hook;

/// Runs the hook without a shell; killed after its time-out.
pub(super) async fn run(
    hook: Hook,
    credential: PathBuf,
    certificate_id: CertificateId,
) -> HookResult {
    let exit_code = match start(&hook, &credential, certificate_id) {
        Ok(mut child) => match timeout(hook.timeout_for, child.wait()).await {
            Ok(Ok(status)) => ended(&hook, status),
            Ok(Err(error)) => said(&format!("could not be waited for: {error}")),
            Err(_) => said("ran into its time-out and was killed"),
        },
        Err(error) => said(&format!("could not be started: {error}")),
    };
    HookResult { exit_code }
}

fn ended(hook: &Hook, status: ExitStatus) -> Option<i32> {
    let program = hook.command.first().map(String::as_str).unwrap_or_default();
    if status.success() {
        tracing::info!(hook.program = program, "the hook ran");
    } else {
        tracing::warn!(hook.program = program, "the hook failed: {status}");
    }
    status.code()
}

fn said(what: &str) -> Option<i32> {
    tracing::warn!("the hook {what}");
    None
}

fn start(
    hook: &Hook,
    credential: &Path,
    certificate_id: CertificateId,
) -> std::io::Result<tokio::process::Child> {
    let (program, arguments) = hook.command.split_first().ok_or(std::io::ErrorKind::NotFound)?;
    Command::new(program)
        .args(arguments)
        .env("PERENNIAL_CERTIFICATE", credential.join("certificate.pem"))
        .env("PERENNIAL_KEY", credential.join("key.pem"))
        .env("PERENNIAL_CERTIFICATE_ID", certificate_id.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::from(stderr().as_fd().try_clone_to_owned()?))
        .kill_on_drop(true)
        .spawn()
}
