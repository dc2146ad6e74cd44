//! A certificate and its things: one alone, or any number together.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::ids::ThingName;

/// How a certificate is attached to a thing: AWS IoT's `thingPrincipalType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PrincipalType {
    /// The thing is the certificate's only one, whatever client id it connects under.
    ExclusiveThing,
    /// One of any number; a connection is for the one named like its client id.
    #[default]
    NonExclusiveThing,
}

/// Why an attachment is refused: InvalidRequestException.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentRefused {
    /// It belongs to one thing alone.
    #[error("the certificate belongs to thing {0} exclusively: detach it there first")]
    ExclusiveElsewhere(ThingName),
    /// It cannot belong to one thing alone.
    #[error(
        "the certificate is attached to thing {0}, so it cannot belong to another exclusively: detach it there first"
    )]
    AttachedElsewhere(ThingName),
    /// It is attached to the same thing in the other way.
    #[error("the certificate is attached to this thing as {0}: detach it first to change that")]
    OtherType(PrincipalType),
}

impl PrincipalType {
    /// Both.
    pub const ALL: [Self; 2] = [Self::ExclusiveThing, Self::NonExclusiveThing];

    /// Whether a certificate may be attached to `thing` in this way, given how it is attached to
    /// that thing and to one other, if it is. `Ok(false)` when it is already.
    ///
    /// # Errors
    /// [`AttachmentRefused`] says what is in the way.
    pub fn attach(
        self,
        here: Option<Self>,
        elsewhere: Option<(&ThingName, Self)>,
    ) -> Result<bool, AttachmentRefused> {
        if let Some(found) = here {
            let same = found == self;
            return if same { Ok(false) } else { Err(AttachmentRefused::OtherType(found)) };
        }
        match elsewhere {
            Some((thing, Self::ExclusiveThing)) => {
                Err(AttachmentRefused::ExclusiveElsewhere(thing.clone()))
            }
            Some((thing, Self::NonExclusiveThing)) if self == Self::ExclusiveThing => {
                Err(AttachmentRefused::AttachedElsewhere(thing.clone()))
            }
            Some((_, Self::NonExclusiveThing)) | None => Ok(true),
        }
    }

    /// AWS IoT's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExclusiveThing => "EXCLUSIVE_THING",
            Self::NonExclusiveThing => "NON_EXCLUSIVE_THING",
        }
    }
}

impl fmt::Display for PrincipalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no principal type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no principal type: use EXCLUSIVE_THING or NON_EXCLUSIVE_THING")]
pub struct UnknownPrincipalType(String);

impl FromStr for PrincipalType {
    type Err = UnknownPrincipalType;
    fn from_str(text: &str) -> Result<Self, UnknownPrincipalType> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| UnknownPrincipalType(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::{PrincipalType::*, *};

    #[test]
    fn an_exclusive_thing_is_the_only_one() {
        let other = ThingName::new("pump-2").unwrap();
        let alone = Some((&other, ExclusiveThing));
        let shared = Some((&other, NonExclusiveThing));

        for wanted in PrincipalType::ALL {
            assert_eq!(wanted.attach(None, None), Ok(true));
            assert_eq!(wanted.attach(Some(wanted), None), Ok(false));
            assert_eq!(
                wanted.attach(None, alone),
                Err(AttachmentRefused::ExclusiveElsewhere(other.clone()))
            );
        }
        assert_eq!(NonExclusiveThing.attach(None, shared), Ok(true));
        assert_eq!(
            ExclusiveThing.attach(None, shared),
            Err(AttachmentRefused::AttachedElsewhere(other.clone()))
        );
        assert_eq!(
            ExclusiveThing.attach(Some(NonExclusiveThing), None),
            Err(AttachmentRefused::OtherType(NonExclusiveThing))
        );
    }
}
