//! Why a resource fails a check: Device Defender's reason codes, and ours beyond them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// `LOW`.
    Low,
    /// `MEDIUM`.
    Medium,
    /// `HIGH`.
    High,
    /// `CRITICAL`.
    Critical,
}

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $words:literal;)*) => {
        /// Why a resource fails a check, by code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ReasonCode {
            $($(#[$doc])* $name,)*
        }

        impl ReasonCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as the API has it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What it means, in words.
            pub const fn in_words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

reason_codes! {
    /// Still valid, but expires within the threshold.
    CertificateApproachingExpiration = "CERTIFICATE_APPROACHING_EXPIRATION",
        "The certificate expires soon.";
    /// Not valid any more.
    CertificatePastExpiration = "CERTIFICATE_PAST_EXPIRATION",
        "The certificate has expired and is still active.";
    /// Registered at least the threshold ago.
    CertificatePastAgeThreshold = "CERTIFICATE_PAST_AGE_THRESHOLD",
        "The certificate is older than it should become.";
    /// ROCA.
    KeyVulnerabilityRoca = "CERTIFICATE_KEY_VULNERABILITY_CVE-2017-15361",
        "The key was made by a library whose RSA keys can be factored (ROCA).";
    /// Debian's predictable keys.
    KeyVulnerabilityDebian = "CERTIFICATE_KEY_VULNERABILITY_CVE-2008-0166",
        "The key is one of the few that Debian's OpenSSL of 2006 to 2008 made.";
    /// Several connections at once.
    CertificateSharedByMultipleDevices = "CERTIFICATE_SHARED_BY_MULTIPLE_DEVICES",
        "Certificate shared by one or more devices.";
    /// A client id taken over.
    DuplicateClientIdAcrossConnections = "DUPLICATE_CLIENT_ID_ACROSS_CONNECTIONS",
        "Connections with the same client id disconnected each other.";
    /// On the issuer's list.
    CertificateRevokedByIssuer = "CERTIFICATE_REVOKED_BY_ISSUER",
        "The certificate is on its issuer's revocation list and is still active.";
    /// The issuer is on its issuer's list.
    IntermediateCaRevokedByIssuer = "INTERMEDIATE_CA_REVOKED_BY_ISSUER",
        "The issuer of active device certificates is on its own issuer's revocation list.";
    /// A policy that is too broad.
    AllowsBroadAccessToIotDataPlaneActions = "ALLOWS_BROAD_ACCESS_TO_IOT_DATA_PLANE_ACTIONS",
        "Policy allows broad access to IoT data plane actions.";
    /// `+` or `#` in a Deny.
    PolicyContainsMqttWildcardsInDeny = "POLICY_CONTAINS_MQTT_WILDCARDS_IN_DENY_STATEMENT",
        "Policy contains MQTT wildcards in a Deny statement, where they are plain characters.";
    /// A Deny that a wildcard subscription goes around.
    TopicFiltersIntendedToDenyAllowed = "TOPIC_FILTERS_INTENDED_TO_DENY_ALLOWED_USING_WILDCARDS",
        "Topic filters that a Deny statement names are reached by subscribing with wildcards.";
    /// Nothing is logged.
    LoggingDisabled = "LOGGING_DISABLED", "Logging is disabled.";
    /// Attached to nothing.
    CertificateWithoutThing = "PERENNIAL_CERTIFICATE_WITHOUT_THING",
        "The certificate is active and attached to no thing: it is never rotated.";
    /// Nothing is allowed to it.
    CertificateWithoutPolicy = "PERENNIAL_CERTIFICATE_WITHOUT_POLICY",
        "The certificate is active and has no policy: its device can do nothing.";
    /// More than one.
    SeveralActiveCertificates = "PERENNIAL_SEVERAL_ACTIVE_CERTIFICATES",
        "The thing has several active certificates and no rotation is under way.";
    /// The authority ends too soon.
    IssuerEndsBeforeItsCertificates = "PERENNIAL_ISSUER_ENDS_BEFORE_ITS_CERTIFICATES",
        "The authority ends before a certificate that it issues now should.";
    /// Left over.
    OrphanIncomingCertificate = "PERENNIAL_ORPHAN_INCOMING_CERTIFICATE",
        "A rotation ended without this incoming certificate, which is still active.";
    /// Not heard of.
    ThingSilentWithExpiringCertificate = "PERENNIAL_THING_SILENT_WITH_EXPIRING_CERTIFICATE",
        "The thing's certificate expires soon and its device has not connected for long.";
    /// Certified before.
    KeyReusedAcrossCertificates = "PERENNIAL_KEY_REUSED_ACROSS_CERTIFICATES",
        "The certificate has a key that an earlier certificate had.";
}

/// A text that is no reason code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no reason code of an audit check")]
pub struct UnknownReasonCode(String);

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ReasonCode {
    type Err = UnknownReasonCode;
    fn from_str(text: &str) -> Result<Self, UnknownReasonCode> {
        let found = Self::ALL.iter().copied().find(|code| code.as_str() == text);
        found.ok_or_else(|| UnknownReasonCode(text.to_owned()))
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReasonCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
