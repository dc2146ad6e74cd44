//! `[notices]`: whom people are told by, when, and of what.

use std::{collections::BTreeSet, time::Duration};

use perennial_core::{
    notice::{Days, QuietHours, Redelivery, Rules, Zone},
    time::Timestamp,
};
use perennial_store::{LOG_TARGET, NoticeSettings};
use serde::Deserialize;

use super::ConfigError;

/// Whom people are told by, when, and of what.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notices {
    /// Where a notice goes first: `log`, `mqtt`, or notice topics' ARNs.
    pub targets: Vec<String>,
    /// Where it goes when nobody acknowledged it, or the first cannot be reached.
    pub escalation_targets: Vec<String>,
    /// How long after it was told it is escalated.
    pub escalate_secs: u64,
    /// How long after it was told what came since is; doubles each time.
    pub update_secs: u64,
    /// The longest that pause gets.
    pub max_update_secs: u64,
    /// How long nothing must have happened for it to be closed.
    pub close_secs: u64,
    /// How long it stays open at most.
    pub max_open_secs: u64,
    /// The pause after a delivery failed; doubles each time, up to ten minutes.
    pub retry_secs: u64,
    /// How often a message is tried for one target.
    pub max_tries: u32,
    /// How long a link that acknowledges is good for.
    pub link_secs: u64,
    /// When people are only told what is critical.
    pub quiet: Option<Quiet>,
    /// With how many days left people are told of a certificate whose device is away.
    pub unreachable_days: BTreeSet<u16>,
    /// With how many days left people are told of a CA certificate.
    pub authority_days: BTreeSet<u16>,
    /// For how long a device must have been away.
    pub away_secs: u64,
    /// How often certificates are looked at for that.
    pub look_secs: u64,
    /// How many refusals of one kind within a minute people are told of.
    pub refusals_per_minute: u64,
    /// With how many MiB free the disk is nearly full.
    pub free_mib: u64,
}

/// When people are only told what is critical.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// From when: `22:00`.
    pub from: String,
    /// Until when: `07:00`.
    pub to: String,
    /// By which clocks: `+01:00`, or a name of the system's time zone database: `Europe/Berlin`.
    #[serde(default = "utc")]
    pub zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Default for Notices {
    fn default() -> Self {
        let (rules, redelivery) = (Rules::default(), Redelivery::default());
        Self {
            targets: vec![LOG_TARGET.to_owned()],
            escalation_targets: Vec::new(),
            escalate_secs: 3_600,
            update_secs: rules.update_for.as_secs(),
            max_update_secs: rules.max_update_for.as_secs(),
            close_secs: rules.close_for.as_secs(),
            max_open_secs: rules.max_open_for.as_secs(),
            retry_secs: redelivery.pause_for.as_secs(),
            max_tries: redelivery.max_tries,
            link_secs: rules.max_open_for.as_secs(),
            quiet: None,
            unreachable_days: [30, 14, 7, 3, 1].into(),
            authority_days: [180, 90, 30, 14, 7, 3, 1].into(),
            away_secs: 3_600,
            look_secs: 6 * 3_600,
            refusals_per_minute: 10,
            free_mib: 1_024,
        }
    }
}

impl Notices {
    /// What the store is told.
    ///
    /// # Errors
    /// [`ConfigError::Value`] names the key.
    pub(crate) fn settings(&self) -> Result<NoticeSettings, ConfigError> {
        if self.targets.is_empty() {
            let reason = "somebody must be told: name at least the log";
            return Err(wrong("notices.targets", "[]", reason));
        }
        let max_pause_for = Redelivery::default().max_pause_for;
        Ok(NoticeSettings {
            rules: self.rules()?,
            redelivery: Redelivery {
                pause_for: Duration::from_secs(self.retry_secs.max(1)).min(max_pause_for),
                max_pause_for,
                max_tries: self.max_tries.max(1),
            },
            first: self.targets.clone(),
            second: self.escalation_targets.clone(),
            ..NoticeSettings::default()
        })
    }

    fn rules(&self) -> Result<Rules, ConfigError> {
        let escalates = !self.escalation_targets.is_empty();
        let rules = Rules {
            update_for: Duration::from_secs(self.update_secs),
            max_update_for: Duration::from_secs(self.max_update_secs),
            escalate_for: escalates.then(|| Duration::from_secs(self.escalate_secs)),
            close_for: Duration::from_secs(self.close_secs),
            max_open_for: Duration::from_secs(self.max_open_secs),
            quiet: self.quiet.as_ref().map(Quiet::hours).transpose()?,
            ..Rules::default()
        };
        rules.checked().map_err(|error| wrong("notices", "…", error))
    }

    /// The spans of `days`, which only mean something when there is a day left.
    pub(crate) fn spans(days: &BTreeSet<u16>) -> Vec<Days> {
        days.iter().filter(|days| **days > 0).map(|days| Days::new(*days)).collect()
    }
}

impl Quiet {
    fn hours(&self) -> Result<QuietHours, ConfigError> {
        let from = minute("notices.quiet.from", &self.from)?;
        let to = minute("notices.quiet.to", &self.to)?;
        QuietHours::new(from, to, zone(&self.zone)?).map_err(|error| {
            wrong("notices.quiet", &format!("{} to {}", self.from, self.to), error)
        })
    }
}

fn wrong(key: &'static str, value: &str, reason: impl ToString) -> ConfigError {
    ConfigError::Value { key, value: value.to_owned(), reason: reason.to_string() }
}

/// The minute of the day of `22:00`.
fn minute(key: &'static str, text: &str) -> Result<u16, ConfigError> {
    let read = |text: &str| -> Option<u16> {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    read(text).ok_or_else(|| wrong(key, text, "a time of day looks like 22:00"))
}

/// A time zone by its offset or its name.
fn zone(text: &str) -> Result<Zone, ConfigError> {
    let refused = |reason: &dyn ToString| wrong("notices.quiet.zone", text, reason.to_string());
    if text == "UTC" {
        return Ok(Zone::UTC);
    }
    if let Some(offset) = offset(text) {
        return Zone::new(offset, Vec::new()).map_err(|error| refused(&error));
    }
    let named = named(text).map_err(|reason| refused(&reason))?;
    let now = jiff::Timestamp::now();
    let minutes = |seconds: i32| i16::try_from(seconds.div_euclid(60)).unwrap_or(i16::MAX);
    let changes = named.following(now).take(CHANGES).map(|it| {
        (Timestamp::from_millis(it.timestamp().as_millisecond()), minutes(it.offset().seconds()))
    });
    let first = minutes(named.to_offset(now).seconds());
    Zone::new(first, changes.collect()).map_err(|error| refused(&error))
}

/// How many changes of a zone's clocks are looked ahead: those of thirty years.
const CHANGES: usize = 60;

/// The minutes of `+01:00`.
fn offset(text: &str) -> Option<i16> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..=18).contains(&hours) && (0..60).contains(&minutes))
        .then_some(sign * (hours * 60 + minutes))
}

/// A zone of the system's database.
fn named(name: &str) -> Result<jiff::tz::TimeZone, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    if name.is_empty() || !name.chars().all(fits) || name.starts_with('/') {
        return Err("a time zone looks like +01:00 or Europe/Berlin".to_owned());
    }
    let path = std::path::Path::new(ZONES).join(name);
    let octets = std::fs::read(&path).map_err(|error| {
        format!("{} cannot be read ({error}): install tzdata, or use an offset", path.display())
    })?;
    jiff::tz::TimeZone::tzif(name, &octets).map_err(|error| error.to_string())
}

/// Where systems keep their time zones.
const ZONES: &str = "/usr/share/zoneinfo";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn settings(text: &str) -> Result<NoticeSettings, String> {
        let config = Config::parse(text).map_err(|error| error.to_string())?;
        config.notices.settings().map_err(|error| error.to_string())
    }

    #[test]
    fn nobody_is_escalated_to_unless_somebody_is_named() {
        let alone = settings("").unwrap();
        let both = settings("[notices]\nescalation_targets = [\"mqtt\"]\n").unwrap();

        assert_eq!(alone.rules.escalate_for, None);
        assert_eq!(both.rules.escalate_for, Some(Duration::from_secs(3_600)));
    }

    #[test]
    fn quiet_hours_are_a_zones_own() {
        let quiet = |zone: &str| {
            let table = "[notices.quiet]\nfrom = \"22:00\"\nto = \"07:00\"\n";
            settings(&format!("{table}zone = \"{zone}\"\n"))
        };
        let at_21_30 = Timestamp::from_secs(21 * 3_600 + 1_800);

        assert!(!quiet("UTC").unwrap().rules.quiet.unwrap().is_quiet(at_21_30));
        assert!(quiet("+01:00").unwrap().rules.quiet.unwrap().is_quiet(at_21_30));
        assert!(quiet("../etc/passwd").unwrap_err().contains("notices.quiet.zone"));
        assert!(quiet("+19:00").unwrap_err().contains("notices.quiet.zone"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_key() {
        for (text, key) in [
            ("[notices]\ntargets = []\n", "notices.targets"),
            ("[notices]\nupdate_secs = 0\n", "notices"),
            ("[notices.quiet]\nfrom = \"25:00\"\nto = \"07:00\"\n", "notices.quiet.from"),
            ("[notices.quiet]\nfrom = \"07:00\"\nto = \"07:00\"\n", "notices.quiet"),
        ] {
            let refused = settings(text).unwrap_err();
            assert!(refused.starts_with(key), "{refused}");
        }
    }
}
