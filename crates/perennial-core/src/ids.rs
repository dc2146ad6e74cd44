//! Typed identifiers: each is validated once, when it is made, and cheap to clone.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Why a text is not the identifier it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty or longer than the identifier may be.
    #[error("{kind} must be 1 to {max} bytes long, not {len}")]
    Length {
        /// Which identifier was meant.
        kind: &'static str,
        /// The longest length in bytes.
        max: usize,
        /// The length that was given.
        len: usize,
    },
    /// A character that the identifier may not have.
    #[error("{kind} may not contain {found:?}: allowed are {allowed}")]
    Character {
        /// Which identifier was meant.
        kind: &'static str,
        /// The first character that is not allowed.
        found: char,
        /// The allowed characters, in words.
        allowed: &'static str,
    },
    /// Not the right number of lower-case hexadecimal digits.
    #[error("{kind} must be {digits} lower-case hexadecimal digits")]
    NotHex {
        /// Which identifier was meant.
        kind: &'static str,
        /// How many digits it has.
        digits: usize,
    },
}

fn check(
    kind: &'static str,
    max: usize,
    allowed: &'static str,
    accept: fn(char) -> bool,
    text: &str,
) -> Result<(), IdError> {
    if text.is_empty() || text.len() > max {
        return Err(IdError::Length { kind, max, len: text.len() });
    }
    match text.chars().find(|c| !accept(*c)) {
        Some(found) => Err(IdError::Character { kind, found, allowed }),
        None => Ok(()),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:literal, $allowed:literal, $accept:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest length in bytes.
            pub const MAX_LEN: usize = $max;

            /// Checks `text` and makes the identifier.
            ///
            /// # Errors
            /// [`IdError`] says which rule the text breaks.
            pub fn new(text: &str) -> Result<Self, IdError> {
                check($kind, $max, $allowed, $accept, text)?;
                Ok(Self(text.into()))
            }

            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::new(&text).map_err(D::Error::custom)
            }
        }
    };
}

text_id!(
    /// A registry entry's name: AWS IoT's `[a-zA-Z0-9:_-]{1,128}`.
    ThingName,
    "a thing name",
    128,
    "letters, digits, ':', '_' and '-'",
    |c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-')
);

text_id!(
    /// An MQTT client identifier of 1 to 128 bytes that can stand as one topic level.
    ///
    /// AWS IoT forbids a leading `$`; `/`, `+`, `#` and control characters are refused here as
    /// well, since the management topics carry the client id as one level.
    ClientId,
    "a client id",
    128,
    "any but '/', '+', '#', '$' and control characters",
    |c| !matches!(c, '/' | '+' | '#' | '$') && !c.is_control()
);

text_id!(
    /// A policy's name: AWS IoT's `[\w+=,.@-]{1,128}`.
    PolicyName,
    "a policy name",
    128,
    "letters, digits and any of _ + = , . @ -",
    |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | '-')
);

text_id!(
    /// An access key's id: 16 to 128 letters, digits and `_`, as AWS's `accessKeyIdType`.
    AccessKeyId,
    "an access key id",
    128,
    "letters, digits and '_'",
    |c| c.is_ascii_alphanumeric() || c == '_'
);

text_id!(
    /// A topic rule's name, as AWS IoT allows it.
    RuleName,
    "a rule name",
    128,
    "letters, digits and '_'",
    |c| c.is_ascii_alphanumeric() || c == '_'
);

text_id!(
    /// A thing type's name, spelled like a [`ThingName`].
    ThingTypeName,
    "a thing type name",
    128,
    "letters, digits, ':', '_' and '-'",
    |c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-')
);

text_id!(
    /// A thing group's name, spelled like a [`ThingName`].
    ThingGroupName,
    "a thing group name",
    128,
    "letters, digits, ':', '_' and '-'",
    |c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-')
);

text_id!(
    /// A billing group's name, spelled like a [`ThingName`].
    BillingGroupName,
    "a billing group name",
    128,
    "letters, digits, ':', '_' and '-'",
    |c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-')
);

text_id!(
    /// A provisioning template's name: AWS IoT's `[0-9A-Za-z_-]{1,36}`.
    TemplateName,
    "a template name",
    36,
    "letters, digits, '_' and '-'",
    |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
);

impl From<&ThingName> for ClientId {
    /// A device connects under its thing's name; every thing name is a valid client id.
    fn from(name: &ThingName) -> Self {
        Self(Arc::clone(&name.0))
    }
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The identifier with these octets.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The identifier's octets.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0u8; $bytes * 2];
                // The buffer has exactly two digits an octet, so this cannot fail.
                hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0u8; $bytes];
                let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
                match hex::decode_to_slice(text, &mut bytes) {
                    Ok(()) if lower => Ok(Self(bytes)),
                    Ok(()) | Err(_) => Err(IdError::NotHex { kind: $kind, digits: $bytes * 2 }),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

hex_id!(
    /// A certificate's id: the SHA-256 of its DER, as AWS IoT names certificates and principals.
    CertificateId,
    "a certificate id",
    32
);

hex_id!(
    /// One rotation's id: 16 random octets drawn at opening.
    RotationId,
    "a rotation id",
    16
);

impl RotationId {
    /// The id of the rotation that follows upon the one with this id: the next number, which
    /// nobody will draw.
    pub const fn following(&self) -> Self {
        Self(u128::from_be_bytes(self.0).wrapping_add(1).to_be_bytes())
    }
}

hex_id!(
    /// One audit task's id: 16 random octets, 32 digits as AWS IoT Device Defender gives them.
    AuditTaskId,
    "an audit task id",
    16
);

hex_id!(
    /// One audit finding's id: 16 random octets.
    FindingId,
    "a finding id",
    16
);

hex_id!(
    /// One notice's id: 16 random octets drawn when it is opened.
    NoticeId,
    "a notice id",
    16
);

hex_id!(
    /// The code that a CA's verification certificate names: 32 random octets, 64 digits as AWS
    /// IoT gives them.
    RegistrationCode,
    "a registration code",
    32
);

hex_id!(
    /// A SHA-256 digest, of a CSR's DER or of a public key (SubjectPublicKeyInfo).
    Digest,
    "a digest",
    32
);

/// What tells a thing, type, group or version from another that had its name before: a random
/// UUID (RFC 9562 §5.4), as AWS IoT's `thingId` and `generationId`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId([u8; 16]);

impl ResourceId {
    /// The UUID that these random octets make; six of their bits say that it is random.
    pub const fn from_random(mut octets: [u8; 16]) -> Self {
        octets[6] = octets[6] & 0x0f | 0x40;
        octets[8] = octets[8] & 0x3f | 0x80;
        Self(octets)
    }

    /// Its octets.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, octet) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no [`ResourceId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a random UUID in lower-case hex, 8-4-4-4-12, is expected")]
pub struct NotAResourceId;

impl FromStr for ResourceId {
    type Err = NotAResourceId;
    fn from_str(text: &str) -> Result<Self, NotAResourceId> {
        let mut octets = [0; 16];
        hex::decode_to_slice(text.replace('-', ""), &mut octets).map_err(|_| NotAResourceId)?;
        let id = Self::from_random(octets);
        // Only in its own spelling, and only if the six bits are what they must be.
        if id.to_string() == text { Ok(id) } else { Err(NotAResourceId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_id_reads_back_in_its_own_spelling_only() {
        let id = ResourceId::from_random([7; 16]);
        let text = id.to_string();

        assert_eq!(text.parse(), Ok(id));
        for bad in [
            "",
            "07070707-0707-0707-0707-070707070707",
            &text.replace('-', ""),
            &text.to_uppercase(),
        ] {
            assert_eq!(bad.parse::<ResourceId>().is_ok(), bad == text, "{bad}");
        }
    }

    #[test]
    fn a_resource_id_is_a_random_uuid() {
        let id = ResourceId::from_random([0xff; 16]);

        assert_eq!(id.to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(ResourceId::from_random(*id.as_bytes()), id);
    }

    #[test]
    fn a_thing_name_follows_aws_rule() {
        assert!(ThingName::new("pump-1:a_B").is_ok());
        assert_eq!(
            ThingName::new("pump 1").unwrap_err().to_string(),
            "a thing name may not contain ' ': allowed are letters, digits, ':', '_' and '-'"
        );
        assert!(matches!(ThingName::new(""), Err(IdError::Length { .. })));
        assert!(matches!(ThingName::new(&"x".repeat(129)), Err(IdError::Length { len: 129, .. })));
    }

    #[test]
    fn a_client_id_is_one_topic_level() {
        for bad in ["a/b", "a+b", "#", "$aws", "a\0b", ""] {
            assert!(ClientId::new(bad).is_err(), "{bad:?}");
        }
        assert!(ClientId::new("Gerät 7").is_ok());
    }

    #[test]
    fn a_certificate_id_is_lower_case_hex_both_ways() {
        let text = "00ff".repeat(16);

        let id: CertificateId = text.parse().unwrap();

        assert_eq!(id.to_string(), text);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
        assert!(text.to_uppercase().parse::<CertificateId>().is_err());
        assert!("00ff".parse::<CertificateId>().is_err());
    }
}
