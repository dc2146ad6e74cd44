//! The checks of keys: those that others can compute, and those that were certified before.

use std::{collections::HashSet, fmt, str::FromStr};

use super::{NonCompliance, ReasonCode, ResourceIdentifier, roca};

/// What a list of Debian's predictable keys knows a key by: the last 80 bits of the SHA-1 of
/// `Modulus=HEX\n`, as `openssl x509 -modulus` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPrint(pub [u8; 10]);

/// What is known of a public key as far as its quality goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyQuality {
    /// Whether it has ROCA's fingerprint.
    pub roca: bool,
    /// What a list of weak keys would know it by; RSA keys have one.
    pub print: Option<KeyPrint>,
}

impl KeyQuality {
    /// What is known of an RSA key; `print` is hashed elsewhere.
    pub fn of_rsa(modulus: &[u8], print: KeyPrint) -> Self {
        Self { roca: roca::is_vulnerable(modulus), print: Some(print) }
    }

    /// Whether, and why, the key is weak.
    pub fn weakness(&self, listed: &Blocklist) -> Option<ReasonCode> {
        if self.roca {
            return Some(ReasonCode::KeyVulnerabilityRoca);
        }
        let listed = self.print.is_some_and(|print| listed.contains(print));
        listed.then_some(ReasonCode::KeyVulnerabilityDebian)
    }

    /// `…_KEY_QUALITY_CHECK` of the certificate that `resource` names.
    pub fn examine(
        &self,
        resource: ResourceIdentifier,
        listed: &Blocklist,
    ) -> Option<NonCompliance> {
        Some(NonCompliance::new(resource, self.weakness(listed)?))
    }
}

/// Keys that are known to be weak (CVE-2008-0166 and whatever else its reader lists).
#[derive(Clone, Default)]
pub struct Blocklist(HashSet<KeyPrint>);

/// A line of a blocklist that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlocklistError {
    /// Neither a comment nor 20 digits.
    #[error(
        "line {line} is not 20 hexadecimal digits: one key a line, as in openssl-blacklist's \
         blacklist.RSA-2048; comments begin with #"
    )]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// More than [`Blocklist::MAX_KEYS`].
    #[error("the list has more than {max} keys", max = Blocklist::MAX_KEYS)]
    TooLong,
}

impl Blocklist {
    /// The most keys: Debian's lists have some 200,000 a size.
    pub const MAX_KEYS: usize = 4_000_000;

    /// Adds a list in the format of openssl-blacklist.
    ///
    /// # Errors
    /// [`BlocklistError`] names the line.
    pub fn add(&mut self, text: &str) -> Result<(), BlocklistError> {
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if self.0.len() >= Self::MAX_KEYS {
                return Err(BlocklistError::TooLong);
            }
            self.0.insert(line.parse().map_err(|_| BlocklistError::Line { line: at + 1 })?);
        }
        Ok(())
    }

    /// Whether the key is listed.
    pub fn contains(&self, print: KeyPrint) -> bool {
        self.0.contains(&print)
    }

    /// How many keys are listed.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Blocklist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blocklist({} keys)", self.0.len())
    }
}

/// Not 20 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key's print is 20 hexadecimal digits")]
pub struct NotAPrint;

impl FromStr for KeyPrint {
    type Err = NotAPrint;
    fn from_str(text: &str) -> Result<Self, NotAPrint> {
        let mut print = [0; 10];
        hex::decode_to_slice(text, &mut print).map_err(|_| NotAPrint)?;
        Ok(Self(print))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CertificateId;

    const LISTED: KeyPrint = KeyPrint([0x95, 0x9a, 0x1a, 0x15, 0x34, 0x44, 0x57, 0x8d, 0x01, 0x0b]);

    #[test]
    fn a_listed_key_is_found_and_another_is_not() {
        let mut listed = Blocklist::default();
        listed.add("# comment\n\n959a1a153444578d010b\n6475773dd6238880de70\n").unwrap();
        let resource = ResourceIdentifier::DeviceCertificateId(CertificateId::from_bytes([1; 32]));
        let weak = KeyQuality { roca: false, print: Some(LISTED) };
        let fine = KeyQuality { roca: false, print: Some(KeyPrint([7; 10])) };

        let found = weak.examine(resource.clone(), &listed);

        assert_eq!(listed.len(), 2);
        assert_eq!(found.map(|it| it.reason_code), Some(ReasonCode::KeyVulnerabilityDebian));
        assert_eq!(fine.examine(resource.clone(), &listed), None);
        assert_eq!(weak.examine(resource, &Blocklist::default()), None);
    }

    #[test]
    fn a_line_that_is_no_key_is_named() {
        let error = Blocklist::default().add("# x\n959a1a153444578d010b\n959a1a15\n").unwrap_err();

        assert_eq!(error, BlocklistError::Line { line: 3 });
    }
}
