//! Targets: whom a level is for.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::ids::{CertificateId, ClientId, ThingGroupName};

/// What kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "AWS's names say it")]
pub enum TargetType {
    Default,
    ThingGroup,
    ClientId,
    SourceIp,
    PrincipalId,
}

/// Whom a level is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Everybody for whom there is no other.
    Default,
    /// The connections for things of a group, or of one below it.
    ThingGroup(ThingGroupName),
    /// A client.
    ClientId(ClientId),
    /// Who comes from an address.
    SourceIp(IpAddr),
    /// Who has a certificate.
    PrincipalId(CertificateId),
}

/// A target that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogTargetError {
    /// All but DEFAULT are named.
    #[error("a target of type {0} needs a targetName")]
    Unnamed(TargetType),
    /// There is one DEFAULT.
    #[error("the target DEFAULT has no targetName")]
    Named,
    /// A name that none of its kind can have.
    #[error("{name:?} is no target of type {target_type}: {why}")]
    Name {
        /// Its kind.
        target_type: TargetType,
        /// Its name.
        name: String,
        /// Why not.
        why: String,
    },
}

impl TargetType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "DEFAULT",
            Self::ThingGroup => "THING_GROUP",
            Self::ClientId => "CLIENT_ID",
            Self::SourceIp => "SOURCE_IP",
            Self::PrincipalId => "PRINCIPAL_ID",
        }
    }
}

impl fmt::Display for TargetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl LogTarget {
    /// The target of a kind and a name.
    ///
    /// # Errors
    /// [`LogTargetError`] when there can be no such target.
    pub fn new(target_type: TargetType, name: Option<&str>) -> Result<Self, LogTargetError> {
        let name = match (target_type, name) {
            (TargetType::Default, None) => return Ok(Self::Default),
            (TargetType::Default, Some(_)) => return Err(LogTargetError::Named),
            (_, None) => return Err(LogTargetError::Unnamed(target_type)),
            (_, Some(name)) => name,
        };
        let named = match target_type {
            TargetType::Default => Ok(Self::Default),
            TargetType::ThingGroup => named(ThingGroupName::new(name), Self::ThingGroup),
            TargetType::ClientId => named(ClientId::new(name), Self::ClientId),
            TargetType::SourceIp => named(name.parse(), Self::SourceIp),
            TargetType::PrincipalId => named(name.parse(), Self::PrincipalId),
        };
        named.map_err(|why| LogTargetError::Name { target_type, name: name.to_owned(), why })
    }

    /// Its kind.
    pub fn target_type(&self) -> TargetType {
        match self {
            Self::Default => TargetType::Default,
            Self::ThingGroup(_) => TargetType::ThingGroup,
            Self::ClientId(_) => TargetType::ClientId,
            Self::SourceIp(_) => TargetType::SourceIp,
            Self::PrincipalId(_) => TargetType::PrincipalId,
        }
    }

    /// Its name.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Default => None,
            Self::ThingGroup(name) => Some(name.to_string()),
            Self::ClientId(id) => Some(id.to_string()),
            Self::SourceIp(address) => Some(address.to_string()),
            Self::PrincipalId(id) => Some(id.to_string()),
        }
    }
}

fn named<T, E: fmt::Display>(
    read: Result<T, E>,
    target: impl FnOnce(T) -> LogTarget,
) -> Result<LogTarget, String> {
    read.map(target).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_what_its_kind_can_be_called() {
        let digest = "ab".repeat(32);
        let good = [
            (TargetType::Default, None),
            (TargetType::ThingGroup, Some("pumps")),
            (TargetType::ClientId, Some("pump-1")),
            (TargetType::SourceIp, Some("192.0.2.7")),
            (TargetType::SourceIp, Some("2001:db8::7")),
            (TargetType::PrincipalId, Some(digest.as_str())),
        ];

        for (kind, name) in good {
            let target = LogTarget::new(kind, name).unwrap();
            assert_eq!((target.target_type(), target.name().as_deref()), (kind, name));
        }
    }

    #[test]
    fn what_nobody_can_be_called_is_refused() {
        let bad = [
            (TargetType::Default, Some("x")),
            (TargetType::ThingGroup, None),
            (TargetType::ClientId, Some("a/b")),
            (TargetType::SourceIp, Some("192.0.2.0/24")),
            (TargetType::PrincipalId, Some("abc")),
        ];

        for (kind, name) in bad {
            assert!(LogTarget::new(kind, name).is_err(), "{kind} {name:?}");
        }
    }
}
