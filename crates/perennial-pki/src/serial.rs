//! Certificate serial numbers: 20 random octets that every encoder writes as 20 octets.

use std::{fmt, str::FromStr};

use aws_lc_rs::rand::SecureRandom;

/// A certificate's serial number (RFC 5280 §4.1.2.2): 20 octets, positive.
///
/// The top bit is clear, so that the INTEGER stays positive in 20 octets, and the next one is
/// set, so that it never has fewer; 158 bits are random.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial([u8; 20]);

/// Why there is no serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SerialError {
    /// The random source failed.
    #[error("the system's random source gave no octets for a serial number")]
    NoRandom,
    /// The stored octets are not a serial number of ours.
    #[error(
        "a serial number must be 20 octets, 40 lower-case hexadecimal digits, of which the first is 4 to 7"
    )]
    Malformed,
}

impl Serial {
    /// A serial number from the system's random source.
    ///
    /// # Errors
    /// [`SerialError::NoRandom`] when the source fails.
    pub fn random() -> Result<Self, SerialError> {
        Self::draw(&aws_lc_rs::rand::SystemRandom::new())
    }

    /// A serial number from `random`.
    ///
    /// # Errors
    /// [`SerialError::NoRandom`] when the source fails.
    pub fn draw(random: &dyn SecureRandom) -> Result<Self, SerialError> {
        let mut octets = [0; 20];
        random.fill(&mut octets).map_err(|_| SerialError::NoRandom)?;
        octets[0] = octets[0] & 0x7f | 0x40;
        Ok(Self(octets))
    }

    /// The serial number that was stored as these octets.
    ///
    /// # Errors
    /// [`SerialError::Malformed`] when it is none that [`Self::draw`] makes.
    pub fn from_bytes(octets: [u8; 20]) -> Result<Self, SerialError> {
        if octets[0] & 0xc0 == 0x40 { Ok(Self(octets)) } else { Err(SerialError::Malformed) }
    }

    /// Its octets, big-endian.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Serial {
    type Err = SerialError;
    fn from_str(text: &str) -> Result<Self, SerialError> {
        let mut octets = [0; 20];
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(SerialError::Malformed);
        }
        hex::decode_to_slice(text, &mut octets).map_err(|_| SerialError::Malformed)?;
        Self::from_bytes(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_positive_20_octets_and_never_the_same() {
        let drawn: std::collections::HashSet<_> =
            (0..1000).map(|_| Serial::random().unwrap()).collect();

        assert_eq!(drawn.len(), 1000);
        assert!(drawn.iter().all(|serial| (0x40..0x80).contains(&serial.as_bytes()[0])));
    }

    #[test]
    fn a_serial_reads_back_and_a_foreign_one_does_not() {
        let serial = Serial::random().unwrap();

        assert_eq!(serial.to_string().parse(), Ok(serial));
        assert_eq!(Serial::from_bytes(*serial.as_bytes()), Ok(serial));
        assert_eq!(Serial::from_bytes([0; 20]), Err(SerialError::Malformed));
        assert_eq!(Serial::from_bytes([0x80; 20]), Err(SerialError::Malformed));
        assert!("12".parse::<Serial>().is_err());
    }
}
