//! The credential scope: the day, region and service that a signature is for.

use super::SignatureError;

/// What the last part of every credential scope says.
const TERMINATOR: &str = "aws4_request";

/// A service of AWS's that requests may be signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// The control plane of AWS IoT; Perennial's own paths too.
    Iot,
    /// The data plane of AWS IoT.
    IotData,
    /// Notices.
    Sns,
}

impl Service {
    /// The name it is signed with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::IotData => "iotdata",
            Self::Sns => "sns",
        }
    }

    fn find(name: &str) -> Option<Self> {
        [Self::Iot, Self::IotData, Self::Sns].into_iter().find(|it| it.as_str() == name)
    }
}

/// What a request is signed for, at whatever service of AWS's kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignedFor<'s> {
    /// The day, `YYYYMMDD`.
    pub(super) date: &'s str,
    /// The region's name.
    pub(super) region: &'s str,
    /// The service's name.
    pub(super) service: &'s str,
}

impl std::fmt::Display for SignedFor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// `DATE/REGION/SERVICE/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialScope {
    /// The day, `YYYYMMDD`.
    pub date: String,
    /// The region's name.
    pub region: String,
    /// The service.
    pub service: Service,
}

impl CredentialScope {
    /// Reads the parts of a scope.
    pub(super) fn read(parts: [&str; 4]) -> Result<Self, SignatureError> {
        let [date, region, service, terminator] = parts;
        if terminator != TERMINATOR {
            let text =
                format!("Credential should be scoped with a valid terminator: '{TERMINATOR}'.");
            return Err(SignatureError::Invalid(text));
        }
        let service = Service::find(service).ok_or_else(|| {
            SignatureError::Invalid(
                "Credential should be scoped to correct service: 'iot', 'iotdata' or 'sns'."
                    .to_owned(),
            )
        })?;
        Ok(Self { date: date.to_owned(), region: region.to_owned(), service })
    }
}

impl CredentialScope {
    pub(super) fn signed_for(&self) -> SignedFor<'_> {
        let Self { date, region, service } = self;
        SignedFor { date, region, service: service.as_str() }
    }
}

impl std::fmt::Display for CredentialScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.signed_for().fmt(f)
    }
}
