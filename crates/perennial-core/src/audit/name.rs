//! The checks by name: AWS IoT Device Defender's, and ours beyond them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A check by AWS IoT Device Defender's name; those of our own begin with `PERENNIAL_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CheckName {
    /// A device certificate expires within the threshold, or has expired.
    DeviceCertificateExpiring,
    /// A device certificate was registered at least the threshold ago.
    DeviceCertificateAge,
    /// A CA certificate expires within 30 days, or has expired.
    CaCertificateExpiring,
    /// A device's key is one that others can compute.
    DeviceCertificateKeyQuality,
    /// An authority's key is one that others can compute.
    CaCertificateKeyQuality,
    /// Several connections used one certificate at once.
    DeviceCertificateShared,
    /// A connection took the client id of another.
    ConflictingClientIds,
    /// An active CA certificate is on its issuer's revocation list.
    RevokedCaCertificateStillActive,
    /// An active device certificate is on its issuer's revocation list.
    RevokedDeviceCertificateStillActive,
    /// The issuer of active device certificates is on its own issuer's revocation list.
    IntermediateCaRevoked,
    /// A policy gives its holders other devices' topics, shadows or jobs.
    IotPolicyOverlyPermissive,
    /// A policy's Deny does not deny what it seems to.
    IotPolicyPotentialMisconfiguration,
    /// Nothing is logged.
    LoggingDisabled,
    /// There are no Cognito identity pools here.
    UnauthenticatedCognitoRoleOverlyPermissive,
    /// There are no Cognito identity pools here.
    AuthenticatedCognitoRoleOverlyPermissive,
    /// There are no role aliases here.
    IotRoleAliasOverlyPermissive,
    /// There are no role aliases here.
    IotRoleAliasAllowsAccessToUnusedServices,
    /// Ours: an active certificate is attached to no thing, or has no policy.
    CertificateUnattached,
    /// Ours: a thing has several active certificates and no rotation is under way.
    SeveralActiveCertificates,
    /// Ours: an authority ends before what it has yet to issue would.
    IssuerLifeTooShort,
    /// Ours: a rotation has ended without its incoming certificate, which is still active.
    OrphanIncomingCertificate,
    /// Ours: a thing with an expiring certificate was not heard of for a while.
    SilentThing,
    /// Ours: a certificate has a key that an earlier certificate had.
    KeyReused,
}

/// A text that names no check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no audit check here: use a name that DescribeAccountAuditConfiguration lists")]
pub struct UnknownCheckName(pub String);

impl CheckName {
    /// Every check, in the order in which an audit runs them.
    pub const ALL: [Self; 23] = [
        Self::DeviceCertificateExpiring,
        Self::DeviceCertificateAge,
        Self::CaCertificateExpiring,
        Self::DeviceCertificateKeyQuality,
        Self::CaCertificateKeyQuality,
        Self::DeviceCertificateShared,
        Self::ConflictingClientIds,
        Self::RevokedCaCertificateStillActive,
        Self::RevokedDeviceCertificateStillActive,
        Self::IntermediateCaRevoked,
        Self::IotPolicyOverlyPermissive,
        Self::IotPolicyPotentialMisconfiguration,
        Self::LoggingDisabled,
        Self::UnauthenticatedCognitoRoleOverlyPermissive,
        Self::AuthenticatedCognitoRoleOverlyPermissive,
        Self::IotRoleAliasOverlyPermissive,
        Self::IotRoleAliasAllowsAccessToUnusedServices,
        Self::CertificateUnattached,
        Self::SeveralActiveCertificates,
        Self::IssuerLifeTooShort,
        Self::OrphanIncomingCertificate,
        Self::SilentThing,
        Self::KeyReused,
    ];

    /// The name as the API has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeviceCertificateExpiring => "DEVICE_CERTIFICATE_EXPIRING_CHECK",
            Self::DeviceCertificateAge => "DEVICE_CERTIFICATE_AGE_CHECK",
            Self::CaCertificateExpiring => "CA_CERTIFICATE_EXPIRING_CHECK",
            Self::DeviceCertificateKeyQuality => "DEVICE_CERTIFICATE_KEY_QUALITY_CHECK",
            Self::CaCertificateKeyQuality => "CA_CERTIFICATE_KEY_QUALITY_CHECK",
            Self::DeviceCertificateShared => "DEVICE_CERTIFICATE_SHARED_CHECK",
            Self::ConflictingClientIds => "CONFLICTING_CLIENT_IDS_CHECK",
            Self::RevokedCaCertificateStillActive => "REVOKED_CA_CERTIFICATE_STILL_ACTIVE_CHECK",
            Self::RevokedDeviceCertificateStillActive => {
                "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK"
            }
            Self::IntermediateCaRevoked => {
                "INTERMEDIATE_CA_REVOKED_FOR_ACTIVE_DEVICE_CERTIFICATES_CHECK"
            }
            Self::IotPolicyOverlyPermissive => "IOT_POLICY_OVERLY_PERMISSIVE_CHECK",
            Self::IotPolicyPotentialMisconfiguration => {
                "IOT_POLICY_POTENTIAL_MISCONFIGURATION_CHECK"
            }
            Self::LoggingDisabled => "LOGGING_DISABLED_CHECK",
            Self::UnauthenticatedCognitoRoleOverlyPermissive => {
                "UNAUTHENTICATED_COGNITO_ROLE_OVERLY_PERMISSIVE_CHECK"
            }
            Self::AuthenticatedCognitoRoleOverlyPermissive => {
                "AUTHENTICATED_COGNITO_ROLE_OVERLY_PERMISSIVE_CHECK"
            }
            Self::IotRoleAliasOverlyPermissive => "IOT_ROLE_ALIAS_OVERLY_PERMISSIVE_CHECK",
            Self::IotRoleAliasAllowsAccessToUnusedServices => {
                "IOT_ROLE_ALIAS_ALLOWS_ACCESS_TO_UNUSED_SERVICES_CHECK"
            }
            Self::CertificateUnattached => "PERENNIAL_CERTIFICATE_UNATTACHED_CHECK",
            Self::SeveralActiveCertificates => "PERENNIAL_SEVERAL_ACTIVE_CERTIFICATES_CHECK",
            Self::IssuerLifeTooShort => "PERENNIAL_ISSUER_LIFE_TOO_SHORT_CHECK",
            Self::OrphanIncomingCertificate => "PERENNIAL_ORPHAN_INCOMING_CERTIFICATE_CHECK",
            Self::SilentThing => "PERENNIAL_SILENT_THING_CHECK",
            Self::KeyReused => "PERENNIAL_KEY_REUSED_CHECK",
        }
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CheckName {
    type Err = UnknownCheckName;
    fn from_str(text: &str) -> Result<Self, UnknownCheckName> {
        let found = Self::ALL.into_iter().find(|name| name.as_str() == text);
        found.ok_or_else(|| UnknownCheckName(text.to_owned()))
    }
}

impl Serialize for CheckName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CheckName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
