//! What certificates are issued like: lifetimes, names and purposes.

use std::{net::IpAddr, time::Duration};

use perennial_core::{
    certificate::Validity,
    ids::ThingName,
    time::{Timestamp, days},
};

use crate::IssueError;

/// What a thing's URI begins with; the thing's name follows.
pub(crate) const THING_URI_PREFIX: &str = "urn:perennial:thing:";

/// The URI of a thing in its certificate's subject alternative name: `urn:perennial:thing:<name>`.
pub fn thing_uri(thing: &ThingName) -> String {
    format!("{THING_URI_PREFIX}{thing}")
}

/// How device certificates are issued. Usage and purpose are not choices: digitalSignature and
/// client authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// How long a certificate lasts from the moment of issuing; cut short where its issuer ends.
    pub validity_for: Duration,
    /// How far before the moment of issuing it begins, for devices whose clock is behind.
    pub backdate: Duration,
}

impl Default for Profile {
    /// 90 days, back-dated by 10 minutes.
    fn default() -> Self {
        Self { validity_for: days(90), backdate: Duration::from_secs(600) }
    }
}

/// How a server's own certificates are issued, for digitalSignature and server authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerProfile {
    /// How long a certificate lasts from the moment of issuing; cut short where its issuer ends.
    pub validity_for: Duration,
    /// How far before the moment of issuing it begins.
    pub backdate: Duration,
}

impl Default for ServerProfile {
    /// 30 days, back-dated by 10 minutes.
    fn default() -> Self {
        Self { validity_for: days(30), backdate: Duration::from_secs(600) }
    }
}

/// The names under which a server is reached; at least one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerNames {
    /// DNS names.
    pub dns: Vec<String>,
    /// IP addresses.
    pub ip: Vec<IpAddr>,
}

/// The validity of a certificate issued `now`: whole seconds, inside of its issuer's.
///
/// # Errors
/// [`IssueError::IssuerNotValid`] when the issuer is not valid now.
pub(crate) fn validity(
    validity_for: Duration,
    backdate: Duration,
    issuer: Validity,
    now: Timestamp,
) -> Result<Validity, IssueError> {
    if !issuer.contains(now) {
        return Err(IssueError::IssuerNotValid { issuer, now });
    }
    let not_before = whole_seconds(now - backdate).max(issuer.not_before);
    let not_after = whole_seconds(now + validity_for).min(issuer.not_after);
    if not_after <= now {
        return Err(IssueError::NoTimeLeft { not_after, now });
    }
    Ok(Validity { not_before, not_after })
}

pub(crate) fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_certificate_is_back_dated_and_whole_in_seconds() {
        let issuer = Validity { not_before: at(0), not_after: at(100_000) };

        let validity = validity(secs(500), secs(60), issuer, Timestamp::from_millis(1_000_700));

        assert_eq!(validity, Ok(Validity { not_before: at(940), not_after: at(1500) }));
    }

    #[test]
    fn a_certificate_never_reaches_beyond_its_issuer() {
        let issuer = Validity { not_before: at(1000), not_after: at(2000) };

        let cut = validity(secs(5000), secs(60), issuer, at(1010));
        let forever = validity(Duration::MAX, Duration::ZERO, issuer, at(1010));

        assert_eq!(cut, Ok(issuer));
        assert_eq!(forever, Ok(Validity { not_before: at(1010), not_after: at(2000) }));
    }

    #[test]
    fn an_issuer_that_is_over_or_not_begun_issues_nothing() {
        let issuer = Validity { not_before: at(1000), not_after: at(2000) };

        for now in [at(999), at(2001)] {
            let refused = validity(secs(5), secs(0), issuer, now);
            assert_eq!(refused, Err(IssueError::IssuerNotValid { issuer, now }));
        }
        assert!(matches!(
            validity(secs(5), secs(0), issuer, at(2000)),
            Err(IssueError::NoTimeLeft { .. })
        ));
        assert!(matches!(
            validity(Duration::ZERO, secs(0), issuer, at(1500)),
            Err(IssueError::NoTimeLeft { .. })
        ));
    }
}
