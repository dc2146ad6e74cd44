//! Condition keys: a connection's variables, and two facts of a CONNECT.

use super::super::{error::Problem, variable::Variable};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// The same for as long as a connection lasts.
    Variable(Variable),
    /// `iot:ConnectAttributes`: which features a CONNECT uses; no values on other requests.
    ConnectAttributes,
    /// `iot:LastWillTopic`: the ARN of the Last Will's topic in a CONNECT that has one.
    LastWillTopic,
}

impl Key {
    pub(super) fn parse(name: &str) -> Result<Self, Problem> {
        match name {
            "iot:ConnectAttributes" => Ok(Self::ConnectAttributes),
            "iot:LastWillTopic" => Ok(Self::LastWillTopic),
            other => Variable::parse(other)
                .map(Self::Variable)
                .ok_or_else(|| Problem::UnknownKey(other.to_owned())),
        }
    }

    /// The variable that it is, if it is one.
    pub(super) fn variable(&self) -> Option<&Variable> {
        match self {
            Self::Variable(variable) => Some(variable),
            Self::ConnectAttributes | Self::LastWillTopic => None,
        }
    }

    pub(super) fn is_many_valued(&self) -> bool {
        match self {
            Self::Variable(variable) => variable.is_many_valued(),
            Self::ConnectAttributes => true,
            Self::LastWillTopic => false,
        }
    }
}

/// The features of a CONNECT that `iot:ConnectAttributes` lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) struct ConnectFeatures {
    /// The session outlives its connection.
    pub persistent: bool,
    /// There is a Last Will.
    pub last_will: bool,
}

impl ConnectFeatures {
    /// None: a clean connect, or a request that is no CONNECT.
    pub(in crate::policy) const NONE: Self = Self { persistent: false, last_will: false };

    /// Every combination, each at the place its [`bit`](Self::bit) gives.
    pub(in crate::policy) const ALL: [Self; 4] = [
        Self::NONE,
        Self { persistent: true, last_will: false },
        Self { persistent: false, last_will: true },
        Self { persistent: true, last_will: true },
    ];

    /// A set of one: this combination.
    pub(in crate::policy) const fn bit(self) -> u8 {
        1 << (self.persistent as u8 | (self.last_will as u8) << 1)
    }

    pub(super) fn names(self) -> Vec<&'static str> {
        let persistent = self.persistent.then_some("PersistentConnect");
        persistent.into_iter().chain(self.last_will.then_some("LastWill")).collect()
    }
}
