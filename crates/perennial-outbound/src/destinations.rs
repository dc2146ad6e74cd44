//! Destinations: where messages may go. What is not listed is refused.

use std::net::IpAddr;

use http::{Uri, uri::Scheme};
use perennial_core::network::Network;

use crate::address::is_public;

/// The destinations that a configuration lists; none by default.
#[derive(Debug, Clone, Default)]
pub struct Destinations(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    place: Place,
    /// May be spoken to without TLS.
    plain: bool,
}

#[derive(Debug, Clone)]
enum Place {
    Name(String),
    /// Every name below this one.
    Below(String),
    Network(Network),
}

/// A line of the list that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no destination: write a name (\"hooks.example.com\"), every name below one \
     (\"*.example.com\"), an address or a network (\"10.1.0.0/16\"); \"http://\" before it allows \
     it without TLS"
)]
pub struct BadDestination(pub String);

/// Why nothing is sent there. The same request will be refused again until the list changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It names no host, more than a host, or a port that is none.
    #[error("{0:?} is no URL that messages are sent to: write https://HOST/PATH")]
    Url(String),
    /// The host is not listed.
    #[error(
        "nothing is sent to {host}: add \"{host}\" to `[outbound] allow` in the server's configuration"
    )]
    NotListed {
        /// Which.
        host: String,
    },
    /// It is listed, but not for messages without TLS.
    #[error(
        "nothing is sent to {host} without TLS: use https, or add \"http://{host}\" to \
         `[outbound] allow` in the server's configuration"
    )]
    NotEncrypted {
        /// Which.
        host: String,
    },
    /// The name leads to an address that is neither public nor listed.
    #[error(
        "{host} leads to {address}, which is not a public address: if it shall, add \"{address}\" \
         to `[outbound] allow` in the server's configuration"
    )]
    NotPublic {
        /// Which.
        host: String,
        /// Where it leads.
        address: IpAddr,
    },
}

impl Destinations {
    /// Reads a list.
    ///
    /// # Errors
    /// [`BadDestination`] is the first line that says nothing.
    pub fn parse(lines: &[String]) -> Result<Self, BadDestination> {
        lines
            .iter()
            .map(|line| entry(line).ok_or_else(|| BadDestination(line.clone())))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether nothing may be sent at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether requests may go to `uri`, as far as its text tells: a name's addresses are judged
    /// when it is resolved.
    ///
    /// # Errors
    /// [`Refusal`] says what to add to the list.
    pub fn check(&self, uri: &Uri) -> Result<(), Refusal> {
        let bad = || Refusal::Url(uri.to_string());
        let plain = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => false,
            Some(scheme) if *scheme == Scheme::HTTP => true,
            Some(_) | None => return Err(bad()),
        };
        // Who reads a user's name before the host differently would connect elsewhere.
        let authority = uri.authority().filter(|it| !it.as_str().contains('@')).ok_or_else(bad)?;
        // A port that is none would be taken for the scheme's own.
        let has_bad_port = authority.as_str() != authority.host() && authority.port().is_none();
        let host = host(authority.host());
        if host.is_empty() || has_bad_port {
            return Err(bad());
        }
        let named: Vec<&Entry> = self.0.iter().filter(|entry| entry.place.is(&host)).collect();
        if named.is_empty() {
            return Err(Refusal::NotListed { host });
        }
        if plain && !named.iter().any(|entry| entry.plain) {
            return Err(Refusal::NotEncrypted { host });
        }
        Ok(())
    }

    /// Whether a listed name may lead to `address`.
    pub(crate) fn may_lead_to(&self, address: IpAddr) -> bool {
        is_public(address) || self.0.iter().any(|entry| entry.place.holds(address))
    }
}

impl Place {
    /// Whether a URL's host, a name or an address, is this place.
    fn is(&self, host: &str) -> bool {
        match self {
            Self::Name(name) => name == host,
            Self::Below(name) => host
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            Self::Network(network) => host.parse().is_ok_and(|address| network.contains(address)),
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        matches!(self, Self::Network(network) if network.contains(address))
    }
}

/// A host as it is compared: lower case, without brackets and without the root's dot.
fn host(text: &str) -> String {
    let text = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()
}

fn entry(line: &str) -> Option<Entry> {
    let (plain, rest) = match line.strip_prefix("http://") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("https://").unwrap_or(line)),
    };
    if let Some(network) = Network::parse(rest) {
        return Some(Entry { place: Place::Network(network), plain });
    }
    let (below, name) = match rest.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, rest),
    };
    let name = host(name);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // A network that is none would otherwise pass for a name.
    let is_numeric = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_numeric || name.len() > 253 || !name.split('.').all(is_label) {
        return None;
    }
    let place = if below { Place::Below(name) } else { Place::Name(name) };
    Some(Entry { place, plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(lines: &[&str]) -> Destinations {
        Destinations::parse(&lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn check(lines: &[&str], url: &str) -> Result<(), Refusal> {
        listed(lines).check(&url.parse().unwrap())
    }

    #[test]
    fn only_what_is_listed_passes() {
        for (lines, url, passes) in [
            (&["hooks.example.com"][..], "https://hooks.example.com/x", true),
            (&["hooks.example.com"], "https://HOOKS.example.com.:444/", true),
            (&["hooks.example.com"], "https://a.hooks.example.com/", false),
            (&["hooks.example.com"], "https://hooks.example.com.evil.test/", false),
            (&["*.example.com"], "https://a.b.example.com/", true),
            (&["*.example.com"], "https://example.com/", false),
            (&["*.example.com"], "https://evilexample.com/", false),
            (&["10.1.0.0/16"], "https://10.1.2.3/", true),
            (&["10.1.0.0/16"], "https://10.2.0.1/", false),
            (&["10.1.0.0/16"], "https://[::ffff:10.1.2.3]/", true),
            (&["10.1.0.0/16"], "https://inside.example.com/", false),
            (&["2001:db8::/32"], "https://[2001:db8::1]:8443/", true),
            (&["127.0.0.1"], "https://2130706433/", false),
            (&["127.0.0.1"], "https://127.1/", false),
            (&["http://hooks.example.com"], "http://hooks.example.com/", true),
            (&["http://hooks.example.com"], "https://hooks.example.com/", true),
            (&["hooks.example.com"], "http://hooks.example.com/", false),
            (&["http://127.0.0.1", "127.0.0.0/8"], "http://127.0.0.2/", false),
            (&["example.com"], "ftp://example.com/", false),
            (&["example.com"], "https://example.com@10.0.0.1/", false),
            (&["example.com"], "https://user@example.com/", false),
            (&["example.com"], "/path", false),
            (&["example.com"], "https://example.com:99999/", false),
            (&["example.com"], "https://example.com:/", false),
            (&["2001:db8::/32"], "https://[2001:db8::1]:99999/", false),
            (&[], "https://example.com/", false),
        ] {
            assert_eq!(check(lines, url).is_ok(), passes, "{lines:?} {url}");
        }
    }

    #[test]
    fn a_refusal_names_the_line_to_add() {
        let not_listed = check(&[], "https://hooks.example.com/").unwrap_err();
        let not_encrypted = check(&["hooks.example.com"], "http://hooks.example.com/").unwrap_err();

        assert!(not_listed.to_string().contains("add \"hooks.example.com\" to `[outbound] allow`"));
        assert!(not_encrypted.to_string().contains("add \"http://hooks.example.com\""));
    }

    #[test]
    fn a_line_that_says_nothing_is_refused() {
        for line in [
            "",
            "*",
            "*.",
            "10.1.0.0/33",
            "10.1.0",
            "a b",
            "example.com/path",
            "a..b",
            "*.*.b",
            "ftp://x",
        ] {
            let read = Destinations::parse(&[line.to_owned()]);

            assert!(read.is_err(), "{line}");
        }
    }

    #[test]
    fn a_name_leads_to_public_addresses_and_listed_ones() {
        let destinations = listed(&["hooks.example.com", "10.1.0.0/16"]);

        let leads = |text: &str| destinations.may_lead_to(text.parse().unwrap());

        assert!(leads("1.1.1.1") && leads("10.1.0.1"));
        assert!(!leads("10.2.0.1") && !leads("127.0.0.1") && !leads("169.254.169.254"));
    }
}
