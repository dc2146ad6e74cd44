//! What is known of each check beforehand: severity, resource, reasons, remedies, settings.

use super::{ActionType, CheckName, ReasonCode, ResourceType, Severity, Threshold};
use crate::time::days;

/// A configuration key of a check, its range and its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigurationKey {
    /// Its name; values are whole days in digits.
    pub name: &'static str,
    /// The fewest days.
    pub min_days: u64,
    /// The most days.
    pub max_days: u64,
    /// The days unless others are configured.
    pub default_days: u64,
}

impl ConfigurationKey {
    /// The default as a threshold.
    pub const fn default_threshold(&self) -> Threshold {
        Threshold::of(days(self.default_days))
    }
}

const EXPIRATION: ConfigurationKey = ConfigurationKey {
    name: "CERT_EXPIRATION_THRESHOLD_IN_DAYS",
    min_days: Threshold::MIN_DAYS,
    max_days: Threshold::MAX_DAYS,
    default_days: 30,
};
const AGE: ConfigurationKey = ConfigurationKey {
    name: "CERT_AGE_THRESHOLD_IN_DAYS",
    min_days: Threshold::MIN_DAYS,
    max_days: Threshold::MAX_DAYS,
    default_days: 365,
};
/// No longer than connections are remembered.
const SILENCE: ConfigurationKey = ConfigurationKey {
    name: "PERENNIAL_SILENCE_THRESHOLD_IN_DAYS",
    min_days: 1,
    max_days: 31,
    default_days: 14,
};

/// What is known of a check beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// How bad its findings are.
    pub severity: Severity,
    /// What it examines.
    pub resource_type: ResourceType,
    /// The reasons it can give; none where nothing of its kind exists here.
    pub reason_codes: &'static [ReasonCode],
    /// What may be done about its findings.
    pub mitigations: &'static [ActionType],
    /// What can be configured.
    pub configuration_key: Option<ConfigurationKey>,
}

const NOTIFY: &[ActionType] = &[ActionType::PublishFindingToSns];
const DEVICE: &[ActionType] = &[
    ActionType::PublishFindingToSns,
    ActionType::UpdateDeviceCertificate,
    ActionType::AddThingsToThingGroup,
];
const CA: &[ActionType] = &[ActionType::PublishFindingToSns, ActionType::UpdateCaCertificate];
const POLICY: &[ActionType] =
    &[ActionType::PublishFindingToSns, ActionType::ReplaceDefaultPolicyVersion];
const LOGGING: &[ActionType] = &[ActionType::PublishFindingToSns, ActionType::EnableIotLogging];
const EXPIRY: &[ReasonCode] =
    &[ReasonCode::CertificateApproachingExpiration, ReasonCode::CertificatePastExpiration];
const WEAK_KEY: &[ReasonCode] =
    &[ReasonCode::KeyVulnerabilityRoca, ReasonCode::KeyVulnerabilityDebian];

impl CheckName {
    /// What is known of it beforehand.
    pub const fn descriptor(self) -> Descriptor {
        use ReasonCode as Code;
        use ResourceType as On;
        use Severity::{Critical, High, Low, Medium};
        match self {
            Self::DeviceCertificateExpiring => Descriptor {
                configuration_key: Some(EXPIRATION),
                ..of(Medium, On::DeviceCertificate, EXPIRY, DEVICE)
            },
            Self::DeviceCertificateAge => Descriptor {
                configuration_key: Some(AGE),
                ..of(Low, On::DeviceCertificate, &[Code::CertificatePastAgeThreshold], NOTIFY)
            },
            Self::CaCertificateExpiring => of(Medium, On::CaCertificate, EXPIRY, CA),
            Self::DeviceCertificateKeyQuality => {
                of(Critical, On::DeviceCertificate, WEAK_KEY, DEVICE)
            }
            Self::CaCertificateKeyQuality => of(Critical, On::CaCertificate, WEAK_KEY, CA),
            Self::DeviceCertificateShared => {
                let codes = &[Code::CertificateSharedByMultipleDevices];
                of(Critical, On::DeviceCertificate, codes, DEVICE)
            }
            Self::ConflictingClientIds => {
                of(High, On::ClientId, &[Code::DuplicateClientIdAcrossConnections], NOTIFY)
            }
            Self::RevokedCaCertificateStillActive => {
                of(Critical, On::CaCertificate, &[Code::CertificateRevokedByIssuer], CA)
            }
            Self::RevokedDeviceCertificateStillActive => {
                of(Medium, On::DeviceCertificate, &[Code::CertificateRevokedByIssuer], DEVICE)
            }
            Self::IntermediateCaRevoked => {
                of(Critical, On::IssuerCertificate, &[Code::IntermediateCaRevokedByIssuer], DEVICE)
            }
            Self::IotPolicyOverlyPermissive => {
                let codes = &[Code::AllowsBroadAccessToIotDataPlaneActions];
                of(Critical, On::IotPolicy, codes, POLICY)
            }
            Self::IotPolicyPotentialMisconfiguration => {
                let codes = &[
                    Code::PolicyContainsMqttWildcardsInDeny,
                    Code::TopicFiltersIntendedToDenyAllowed,
                ];
                of(Medium, On::IotPolicy, codes, NOTIFY)
            }
            Self::LoggingDisabled => {
                of(Low, On::AccountSettings, &[Code::LoggingDisabled], LOGGING)
            }
            Self::UnauthenticatedCognitoRoleOverlyPermissive
            | Self::AuthenticatedCognitoRoleOverlyPermissive => {
                of(Critical, On::CognitoIdentityPool, &[], NOTIFY)
            }
            Self::IotRoleAliasOverlyPermissive => of(Critical, On::RoleAlias, &[], NOTIFY),
            Self::IotRoleAliasAllowsAccessToUnusedServices => {
                of(Medium, On::RoleAlias, &[], NOTIFY)
            }
            Self::CertificateUnattached => {
                let codes = &[Code::CertificateWithoutThing, Code::CertificateWithoutPolicy];
                of(Low, On::DeviceCertificate, codes, DEVICE)
            }
            Self::SeveralActiveCertificates => {
                of(Medium, On::DeviceCertificate, &[Code::SeveralActiveCertificates], DEVICE)
            }
            Self::IssuerLifeTooShort => {
                of(High, On::CaCertificate, &[Code::IssuerEndsBeforeItsCertificates], NOTIFY)
            }
            Self::OrphanIncomingCertificate => {
                of(Medium, On::DeviceCertificate, &[Code::OrphanIncomingCertificate], DEVICE)
            }
            Self::SilentThing => Descriptor {
                configuration_key: Some(SILENCE),
                ..of(
                    Medium,
                    On::DeviceCertificate,
                    &[Code::ThingSilentWithExpiringCertificate],
                    DEVICE,
                )
            },
            Self::KeyReused => {
                of(Medium, On::DeviceCertificate, &[Code::KeyReusedAcrossCertificates], DEVICE)
            }
        }
    }

    /// Whether there is anything here that it could examine: there are no Cognito identity pools
    /// and no role aliases. Such a check runs, finds nothing, and says why.
    pub const fn has_subject(self) -> bool {
        !self.descriptor().reason_codes.is_empty()
    }
}

const fn of(
    severity: Severity,
    resource_type: ResourceType,
    reason_codes: &'static [ReasonCode],
    mitigations: &'static [ActionType],
) -> Descriptor {
    Descriptor { severity, resource_type, reason_codes, mitigations, configuration_key: None }
}
