//! Which level holds for whom.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::IpAddr,
};

use super::{LogLevel, LoggedEvent, Record, Severity};
use crate::ids::CertificateId;

/// Who did what is to be recorded, as far as that is known.
#[derive(Clone, Copy, Default)]
pub struct Speaker<'a> {
    /// Under which client id.
    pub client_id: Option<&'a str>,
    /// With which certificate.
    pub principal: Option<CertificateId>,
    /// From where.
    pub source: Option<IpAddr>,
    /// The numbers of its thing's groups, and of those they lie in; asked only where a group has a
    /// level.
    pub groups: Option<&'a dyn Fn() -> Vec<i64>>,
}

impl fmt::Debug for Speaker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Speaker({:?}, {:?}, {:?})", self.client_id, self.principal, self.source)
    }
}

/// Every level there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    /// Of whoever has no other.
    pub default: LogLevel,
    /// Whether nothing is recorded at all.
    pub all_disabled: bool,
    /// Of events, instead of the default.
    pub events: BTreeMap<LoggedEvent, LogLevel>,
    /// Of clients.
    pub clients: HashMap<String, LogLevel>,
    /// Of addresses.
    pub sources: HashMap<IpAddr, LogLevel>,
    /// Of certificates.
    pub principals: HashMap<CertificateId, LogLevel>,
    /// Of thing groups, by number.
    pub groups: HashMap<i64, LogLevel>,
}

impl Default for Levels {
    /// Failures are recorded.
    fn default() -> Self {
        Self {
            default: LogLevel::Error,
            all_disabled: false,
            events: BTreeMap::new(),
            clients: HashMap::new(),
            sources: HashMap::new(),
            principals: HashMap::new(),
            groups: HashMap::new(),
        }
    }
}

impl Levels {
    /// What is the most that is recorded of anybody.
    pub fn most(&self) -> LogLevel {
        if self.all_disabled {
            return LogLevel::Disabled;
        }
        let events = self.events.values().chain(self.clients.values());
        let others = self.sources.values().chain(self.principals.values());
        let all = events.chain(others).chain(self.groups.values());
        all.copied().fold(self.default, LogLevel::max)
    }

    /// Whether something of this severity may be recorded of anybody.
    pub fn may_record(&self, severity: Severity) -> bool {
        self.most().records(severity)
    }

    /// Whether that is recorded.
    pub fn record(&self, record: &Record<'_>) -> bool {
        !self.all_disabled && self.level_of(record.event, &record.speaker).records(record.severity)
    }

    /// The level for an event of somebody: of those of the targets that they are, the one that
    /// records most; without one, that of the event; else the default.
    fn level_of(&self, event: LoggedEvent, speaker: &Speaker<'_>) -> LogLevel {
        let client = speaker.client_id.and_then(|id| self.clients.get(id));
        let source = speaker.source.and_then(|address| self.sources.get(&address.to_canonical()));
        let principal = speaker.principal.and_then(|id| self.principals.get(&id));
        let named = [client, source, principal].into_iter().flatten().max();
        let own = named.max(self.group_level(speaker).as_ref()).copied();
        own.or_else(|| self.events.get(&event).copied()).unwrap_or(self.default)
    }

    fn group_level(&self, speaker: &Speaker<'_>) -> Option<LogLevel> {
        let groups = speaker.groups.filter(|_| !self.groups.is_empty())?;
        groups().iter().filter_map(|number| self.groups.get(number)).max().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::Protocol;

    fn levels() -> Levels {
        Levels {
            clients: HashMap::from([("quiet".to_owned(), LogLevel::Disabled)]),
            sources: HashMap::from([("192.0.2.7".parse().unwrap(), LogLevel::Info)]),
            groups: HashMap::from([(7, LogLevel::Warn)]),
            events: BTreeMap::from([(LoggedEvent::Connect, LogLevel::Info)]),
            ..Levels::default()
        }
    }

    fn said(levels: &Levels, event: LoggedEvent, severity: Severity, speaker: Speaker<'_>) -> bool {
        let (topic, reason, protocol) = (None, None, Protocol::Mqtt);
        levels.record(&Record { event, severity, speaker, protocol, topic, reason })
    }

    #[test]
    fn without_a_target_the_event_and_then_the_default_counts() {
        let (levels, anybody) = (levels(), Speaker::default());

        assert!(said(&levels, LoggedEvent::Connect, Severity::Info, anybody));
        assert!(said(&levels, LoggedEvent::PublishIn, Severity::Error, anybody));
        assert!(!said(&levels, LoggedEvent::PublishIn, Severity::Info, anybody));
    }

    #[test]
    fn a_target_counts_before_both_even_if_it_says_less() {
        let quiet = Speaker { client_id: Some("quiet"), ..Speaker::default() };
        let loud = Speaker { source: "::ffff:192.0.2.7".parse().ok(), ..Speaker::default() };

        let levels = levels();

        assert!(!said(&levels, LoggedEvent::Connect, Severity::Error, quiet));
        assert!(said(&levels, LoggedEvent::PublishIn, Severity::Info, loud));
    }

    #[test]
    fn of_several_targets_the_most_verbose_counts() {
        let groups = || vec![3, 7];
        let both =
            Speaker { client_id: Some("quiet"), groups: Some(&groups), ..Speaker::default() };

        let levels = levels();

        assert!(said(&levels, LoggedEvent::Connect, Severity::Warn, both));
        assert!(!said(&levels, LoggedEvent::Connect, Severity::Info, both));
    }

    #[test]
    fn disabling_all_wins_over_everything() {
        let levels = Levels { all_disabled: true, ..levels() };
        let loud = Speaker { source: "192.0.2.7".parse().ok(), ..Speaker::default() };

        assert!(!said(&levels, LoggedEvent::Connect, Severity::Error, loud));
        assert!(!levels.may_record(Severity::Error));
    }
}
