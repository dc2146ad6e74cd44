//! How values look in AWS's JSON.

use perennial_core::{ids::CertificateId, time::Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A time: seconds since 1970 with a fraction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seconds(pub(crate) Timestamp);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit 53 bits")]
        let seconds = self.0.as_millis() as f64 / 1000.0;
        serializer.serialize_f64(seconds)
    }
}

/// A certificate's id, in upper or lower case.
pub(crate) fn certificate_id<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<CertificateId, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.to_ascii_lowercase().parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_with_a_fraction() {
        let at = Seconds(Timestamp::from_millis(1_700_000_000_250));

        assert_eq!(serde_json::to_string(&at).unwrap(), "1700000000.25");
    }
}
