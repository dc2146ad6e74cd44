//! Who may do what through the API: the roles of access keys, and what an operation needs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What an access key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything, access keys and authorities included.
    Administrator,
    /// Runs the fleet: things, certificates, policies, rotations, audits.
    Operator,
    /// Reads everything, the event log included, and runs audits; changes nothing of the fleet.
    Auditor,
    /// Reads the registry, rotations and audits.
    ReadOnly,
}

/// What an operation needs its caller to be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// Looking at the registry, rotations and audits.
    Read,
    /// Looking for faults: the event log, running audits.
    Audit,
    /// Changing the fleet.
    Operate,
    /// Changing who may change what: access keys, authorities, settings.
    Administer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Administrator, Self::Operator, Self::Auditor, Self::ReadOnly];

    /// Whether a key of this role may do what needs `need`.
    pub const fn may(self, need: Need) -> bool {
        match (self, need) {
            (Self::Administrator, _)
            | (Self::Operator, Need::Read | Need::Audit | Need::Operate)
            | (Self::Auditor, Need::Read | Need::Audit)
            | (Self::ReadOnly, Need::Read) => true,
            (Self::Operator, Need::Administer)
            | (Self::Auditor, Need::Operate | Need::Administer)
            | (Self::ReadOnly, Need::Audit | Need::Operate | Need::Administer) => false,
        }
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::ReadOnly => "read-only",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role: use administrator, operator, auditor or read-only")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_it_is_for_and_no_more() {
        let needs = [Need::Read, Need::Audit, Need::Operate, Need::Administer];
        let may = |role: Role| needs.map(|need| role.may(need));

        assert_eq!(may(Role::Administrator), [true, true, true, true]);
        assert_eq!(may(Role::Operator), [true, true, true, false]);
        assert_eq!(may(Role::Auditor), [true, true, false, false]);
        assert_eq!(may(Role::ReadOnly), [true, false, false, false]);
    }

    #[test]
    fn a_role_reads_back_from_its_own_name() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!("root".parse::<Role>().is_err());
    }
}
