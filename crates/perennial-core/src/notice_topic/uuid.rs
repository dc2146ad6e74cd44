//! UUIDs, as SNS names messages and subscriptions by them.

use std::{fmt, str::FromStr};

/// A random UUID (RFC 9562 §5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid([u8; 16]);

/// A text that is no UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID in lower-case hexadecimal digits")]
pub struct NoUuid;

/// Where hyphens stand before a digit.
const HYPHENS: [usize; 4] = [8, 12, 16, 20];

impl Uuid {
    /// The UUID of random octets.
    pub const fn from_random(mut octets: [u8; 16]) -> Self {
        octets[6] = octets[6] & 0x0f | 0x40;
        octets[8] = octets[8] & 0x3f | 0x80;
        Self(octets)
    }

    /// The UUID that was stored as these octets.
    pub const fn from_bytes(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// Its octets.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, digit) in hex::encode(self.0).chars().enumerate() {
            if HYPHENS.contains(&place) {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl FromStr for Uuid {
    type Err = NoUuid;
    fn from_str(text: &str) -> Result<Self, NoUuid> {
        let mut octets = [0; 16];
        hex::decode_to_slice(text.replace('-', ""), &mut octets).map_err(|_| NoUuid)?;
        let read = Self(octets);
        if read.to_string() == text { Ok(read) } else { Err(NoUuid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_reads_back() {
        let uuid = Uuid::from_random([0xff; 16]);

        let text = uuid.to_string();

        assert_eq!(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(text.parse(), Ok(uuid));
        for bad in ["", "ffffffffffff4fffbfffffffffffffff", "FFFFFFFF-ffff-4fff-bfff-ffffffffffff"]
        {
            assert_eq!(bad.parse::<Uuid>(), Err(NoUuid), "{bad}");
        }
    }
}
