//! Looking: one page of what a check examines, read along an index and put to the core.

mod authorities;
mod certificates;
mod connections;
mod things;

use std::sync::Arc;

use perennial_core::{
    audit::{
        AccountConfiguration, CheckName, NonCompliance, PolicyVersion, ResourceType, Threshold,
        hygiene, policies,
    },
    policy::Document,
    time::Timestamp,
};
use rusqlite::Connection;

use super::{AuditSettings, Surroundings};
use crate::{StoreError, logging, policies::page as policy_page};

/// How many rows of an index are looked at in one page.
const PAGE: usize = 2000;
/// How many policies are: each is read whole.
const POLICIES: usize = 100;

/// What all checks of a task go by.
pub(super) struct Context {
    pub(super) configuration: AccountConfiguration,
    pub(super) settings: AuditSettings,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) collecting_since: Timestamp,
    pub(super) previous_run: Option<Timestamp>,
    pub(super) now: Timestamp,
}

/// A place in the index that a check walks along: behind it the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    at: i64,
    key: Vec<u8>,
}

impl Default for Place {
    fn default() -> Self {
        Self { at: i64::MIN, key: Vec::new() }
    }
}

impl Place {
    fn key(key: &[u8]) -> Self {
        Self { at: 0, key: key.to_vec() }
    }

    /// The key as the text it was made of.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.key).into_owned()
    }
}

/// What a page has, and where the next one begins, if there is one.
pub(super) type Looked = (Vec<NonCompliance>, Option<Place>);

impl Context {
    /// The check's threshold: days of the account's configuration, else the server's own span,
    /// else Device Defender's default.
    fn threshold(&self, check: CheckName) -> Threshold {
        let default = || check.descriptor().configuration_key.map(|key| key.default_threshold());
        self.configuration
            .threshold(check)
            .or_else(|| self.settings.thresholds.get(&check).copied())
            .or_else(default)
            .unwrap_or(Threshold::EXPIRY)
    }
}

/// One page of a check.
pub(super) fn look(
    connection: &Connection,
    check: CheckName,
    context: &Context,
    place: &Place,
) -> Result<Looked, StoreError> {
    match check {
        CheckName::DeviceCertificateExpiring => certificates::expiring(connection, context, place),
        CheckName::DeviceCertificateAge => certificates::aged(connection, context, place),
        CheckName::DeviceCertificateKeyQuality => certificates::weak(connection, context, place),
        CheckName::KeyReused => certificates::reused(connection, place),
        CheckName::CertificateUnattached => certificates::unattached(connection, place),
        CheckName::RevokedDeviceCertificateStillActive => certificates::revoked(connection, place),
        CheckName::SilentThing => things::silent(connection, context, place),
        CheckName::SeveralActiveCertificates => things::several_active(connection, place),
        CheckName::OrphanIncomingCertificate => things::orphans(connection, place),
        CheckName::DeviceCertificateShared => connections::shared(connection, context, place),
        CheckName::ConflictingClientIds => connections::conflicting(connection, context, place),
        CheckName::CaCertificateExpiring
        | CheckName::CaCertificateKeyQuality
        | CheckName::RevokedCaCertificateStillActive
        | CheckName::IntermediateCaRevoked
        | CheckName::IssuerLifeTooShort => authorities::look(connection, check, context),
        CheckName::IotPolicyOverlyPermissive => {
            policies_page(connection, place, policies::overly_permissive)
        }
        CheckName::IotPolicyPotentialMisconfiguration => {
            policies_page(connection, place, policies::misconfigured)
        }
        CheckName::LoggingDisabled => {
            let account = &context.settings.account;
            let logging = logging::is_enabled(connection)?;
            Ok((hygiene::logging(account, logging).into_iter().collect(), None))
        }
        CheckName::UnauthenticatedCognitoRoleOverlyPermissive
        | CheckName::AuthenticatedCognitoRoleOverlyPermissive
        | CheckName::IotRoleAliasOverlyPermissive
        | CheckName::IotRoleAliasAllowsAccessToUnusedServices => Ok((Vec::new(), None)),
    }
}

/// How many resources of a kind there are for a check to examine.
pub(super) fn total(
    connection: &Connection,
    kind: ResourceType,
    context: &Context,
) -> Result<u64, StoreError> {
    let sql = match kind {
        ResourceType::DeviceCertificate => {
            "SELECT COUNT(*) FROM certificates INDEXED BY certificates_active_by_end \
             WHERE status = 1"
        }
        ResourceType::ClientId => {
            "SELECT COUNT(*) FROM (SELECT 1 FROM connections GROUP BY client_id)"
        }
        ResourceType::IotPolicy => "SELECT COUNT(*) FROM policies",
        ResourceType::CaCertificate | ResourceType::IssuerCertificate => {
            return Ok(context.surroundings.all_authorities().count() as u64);
        }
        ResourceType::AccountSettings => return Ok(1),
        ResourceType::CognitoIdentityPool | ResourceType::RoleAlias | ResourceType::IamRole => {
            return Ok(0);
        }
    };
    let count: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// A page of the policies' default versions.
fn policies_page(
    connection: &Connection,
    place: &Place,
    examine: fn(&PolicyVersion, &Document) -> Option<NonCompliance>,
) -> Result<Looked, StoreError> {
    let page = policy_page(connection, &place.text(), POLICIES)?;
    let last = page.last().map(|policy| Place::key(policy.name.as_str().as_bytes()));
    let full = page.len() == POLICIES;
    let mut found = Vec::new();
    for policy in page {
        let policy_version_id = policy.default_version.to_string();
        let version = PolicyVersion { policy_name: policy.name, policy_version_id };
        let document = Document::parse(&policy.document)
            .map_err(|error| StoreError::corrupt("policy document", error))?;
        found.extend(examine(&version, &document));
    }
    Ok((found, last.filter(|_| full)))
}
