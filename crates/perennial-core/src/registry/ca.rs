//! The customer's own CA: what is registered of it and what may be done with it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    certificate::Validity,
    ids::{CertificateId, TemplateName},
    time::Timestamp,
};

/// The most registered CAs with one subject.
pub const MAX_SAME_SUBJECT: usize = 10;

/// A CA whose device certificates may be registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaCertificate {
    /// SHA-256 of its DER.
    pub certificate_id: CertificateId,
    /// Its DER.
    #[serde(skip)]
    pub der: Vec<u8>,
    /// Whether certificates of it may be registered.
    pub status: CaStatus,
    /// Whether its device certificates register themselves.
    pub auto_registration: AutoRegistration,
    /// How it was shown to be the customer's.
    pub mode: CertificateMode,
    /// What registration by template needs.
    pub registration_config: Option<RegistrationConfig>,
    /// When it may be used.
    pub validity: Validity,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub modified_at: Timestamp,
    /// One more with each change; 1 at first.
    pub customer_version: u64,
}

/// AWS IoT's `registrationConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationConfig {
    /// A template's text, at most 10,240 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_body: Option<String>,
    /// A role's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// A stored template's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_name: Option<TemplateName>,
}

impl RegistrationConfig {
    /// Whether it keeps to the limits.
    ///
    /// # Errors
    /// [`CaRefused::Config`].
    pub fn check(&self) -> Result<(), CaRefused> {
        let body = self.template_body.as_ref().map_or(0, |body| body.chars().count());
        let role = self.role_arn.as_ref().map_or(20, String::len);
        let fine = body <= 10_240 && (20..=2048).contains(&role);
        if fine { Ok(()) } else { Err(CaRefused::Config) }
    }
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $text:literal),+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$each])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// AWS IoT's name for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = CaRefused;
            fn from_str(text: &str) -> Result<Self, CaRefused> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err(CaRefused::Unknown(other.chars().take(64).collect())),
                }
            }
        }
    };
}

named!(
    /// Whether certificates of a CA may be registered; those that are stay what they are.
    CaStatus {
        /// They may.
        Active = "ACTIVE",
        /// They may not.
        Inactive = "INACTIVE"
    }
);

named!(
    /// Whether a CA's device certificates register themselves when they first connect.
    AutoRegistration {
        /// They do, as PENDING_ACTIVATION, if the CA is ACTIVE.
        Enable = "ENABLE",
        /// They are refused.
        Disable = "DISABLE"
    }
);

named!(
    /// How a CA or certificate was registered.
    CertificateMode {
        /// A CA with a proof of possession; a certificate of such a CA, or of the built-in one.
        Default = "DEFAULT",
        /// Without that.
        SniOnly = "SNI_ONLY"
    }
);

/// Why something about a CA is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaRefused {
    /// CertificateStateException.
    #[error("CA certificate {0} is ACTIVE: make it INACTIVE before it is deleted")]
    StillActive(CertificateId),
    /// CertificateStateException.
    #[error("CA certificate {0} is not ACTIVE, so no certificate of it may be registered")]
    NotActive(CertificateId),
    /// LimitExceededException.
    #[error(
        "{MAX_SAME_SUBJECT} CA certificates with this subject are registered; delete one first"
    )]
    TooManySameSubject,
    /// InvalidRequestException.
    #[error(
        "the registration config: a template has at most 10,240 characters, a role's ARN 20 to 2048"
    )]
    Config,
    /// InvalidRequestException.
    #[error("{0:?} is not a value that this may have")]
    Unknown(String),
}
