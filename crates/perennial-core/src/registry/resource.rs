//! Resources by their ARNs: what can be tagged, attached to, or asked for.

use crate::{
    ids::{CertificateId, PolicyName, ThingGroupName, ThingName, ThingTypeName},
    policy::Scope,
};

/// One resource of this server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// `thing/NAME`.
    Thing(ThingName),
    /// `thingtype/NAME`.
    ThingType(ThingTypeName),
    /// `thinggroup/NAME`.
    ThingGroup(ThingGroupName),
    /// `policy/NAME`.
    Policy(PolicyName),
    /// `cert/ID`.
    Certificate(CertificateId),
    /// `cacert/ID`.
    CaCertificate(CertificateId),
    /// Another kind, such as `scheduledaudit`, that the registry knows only by name.
    Other {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
}

/// Why a text is not an ARN of this server: InvalidRequestException.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// Not an ARN, or another service's, region's or account's.
    #[error("{arn:?} is not an ARN of this server: those begin with {prefix}")]
    Foreign {
        /// What was given, at most 128 characters of it.
        arn: String,
        /// What was expected.
        prefix: String,
    },
    /// The name does not fit the kind.
    #[error("in the ARN: {0}")]
    Name(#[from] crate::ids::IdError),
}

impl Resource {
    /// Reads an ARN.
    ///
    /// # Errors
    /// [`ArnError`] when it is not of `scope`, or its name is not one.
    pub fn parse(arn: &str, scope: &Scope) -> Result<Self, ArnError> {
        let whole = scope.arn("", "");
        let prefix = whole.trim_end_matches('/');
        let foreign = || ArnError::Foreign {
            arn: arn.chars().take(128).collect(),
            prefix: prefix.to_owned(),
        };
        let (kind, name) =
            arn.strip_prefix(prefix).and_then(|rest| rest.split_once('/')).ok_or_else(foreign)?;
        if name.is_empty() || name.len() > 256 || kind.is_empty() || kind.len() > 64 {
            return Err(foreign());
        }
        Ok(match kind {
            "thing" => Self::Thing(ThingName::new(name)?),
            "thingtype" => Self::ThingType(ThingTypeName::new(name)?),
            "thinggroup" => Self::ThingGroup(ThingGroupName::new(name)?),
            "policy" => Self::Policy(PolicyName::new(name)?),
            // Either case is accepted, as everywhere in AWS IoT's API.
            "cert" => Self::Certificate(name.to_ascii_lowercase().parse()?),
            "cacert" => Self::CaCertificate(name.to_ascii_lowercase().parse()?),
            kind => Self::Other { kind: kind.to_owned(), name: name.to_owned() },
        })
    }

    /// Its kind, as ARNs name it.
    pub fn kind(&self) -> &str {
        match self {
            Self::Thing(_) => "thing",
            Self::ThingType(_) => "thingtype",
            Self::ThingGroup(_) => "thinggroup",
            Self::Policy(_) => "policy",
            Self::Certificate(_) => "cert",
            Self::CaCertificate(_) => "cacert",
            Self::Other { kind, .. } => kind,
        }
    }

    /// Its name within its kind.
    pub fn name(&self) -> String {
        match self {
            Self::Thing(name) => name.to_string(),
            Self::ThingType(name) => name.to_string(),
            Self::ThingGroup(name) => name.to_string(),
            Self::Policy(name) => name.to_string(),
            Self::Certificate(id) | Self::CaCertificate(id) => id.to_string(),
            Self::Other { name, .. } => name.clone(),
        }
    }

    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> String {
        scope.arn(self.kind(), &self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_reads_back_and_a_foreign_one_is_refused() {
        let scope = Scope::default();
        let id = "0f".repeat(32);

        for (kind, name) in [
            ("thing", "pump-1"),
            ("thingtype", "pump"),
            ("thinggroup", "north"),
            ("policy", "a@b"),
            ("cert", id.as_str()),
            ("cacert", id.as_str()),
            ("scheduledaudit", "daily"),
        ] {
            let arn = scope.arn(kind, name);
            assert_eq!(Resource::parse(&arn, &scope).unwrap().arn(&scope), arn);
        }
        for bad in [
            "",
            "pump-1",
            "arn:aws:iot:us-east-1:000000000000:thing/a",
            "arn:aws:iot:local-1:000000000000:thing",
            "arn:aws:iot:local-1:000000000000:thing/",
            "arn:aws:iot:local-1:000000000000:cert/abc",
        ] {
            assert!(Resource::parse(bad, &scope).is_err(), "{bad}");
        }
    }
}
