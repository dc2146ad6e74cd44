//! ARNs that requests name: certificates, as principals and as targets.

use perennial_core::{ids::CertificateId, policy::Scope};

use crate::ApiError;

/// The ARN of a certificate.
pub(crate) fn certificate(id: &CertificateId, scope: &Scope) -> String {
    scope.arn("cert", &id.to_string())
}

/// The ARN of a CA's certificate.
pub(crate) fn ca_certificate(id: &CertificateId, scope: &Scope) -> String {
    scope.arn("cacert", &id.to_string())
}

/// The certificate that an ARN of this account and region names.
///
/// # Errors
/// `InvalidRequestException` for anything else.
pub(crate) fn principal(text: &str, scope: &Scope) -> Result<CertificateId, ApiError> {
    let begins = scope.arn("cert", "");
    let id = text.strip_prefix(&begins).map(str::to_ascii_lowercase);
    id.and_then(|id| id.parse().ok()).ok_or_else(|| {
        let shown: String = text.chars().take(200).collect();
        ApiError::invalid(format!(
            "{shown:?} is no certificate of this account and region: {begins}ID is expected"
        ))
    })
}
