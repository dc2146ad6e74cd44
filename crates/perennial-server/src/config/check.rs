//! Values that cannot be: each is told with its place, what it is and what it may be.

use std::{fmt::Display, ops::RangeInclusive};

use perennial_core::time::days;
use rustls::pki_types::ServerName;

use super::{Config, ConfigError};

/// The longest span that anything may take: nobody means more, and sums of such stay sums.
const LONGEST: u64 = 36_500 * 86_400;

/// A value that cannot be.
#[derive(Debug)]
struct Wrong {
    table: &'static str,
    key: &'static str,
    value: String,
    reason: String,
}

/// What is wrong with the configuration in `text`, in words with their lines; nothing when it can
/// be used.
pub(super) fn check(config: &Config, text: &str) -> Result<(), String> {
    let mut all = Checks::default();
    all.listeners(config);
    all.certificates(config);
    all.audit(config);
    all.rotation(config);
    all.account(config);
    if all.0.is_empty() {
        return Ok(());
    }
    let told = all.0.iter().map(|wrong| wrong.told(text));
    Err(told.collect::<Vec<_>>().join("\n"))
}

impl Wrong {
    fn told(&self, text: &str) -> String {
        let Self { table, key, value, reason } = self;
        match line_of(text, table, key) {
            Some(line) => format!("line {line}: {table}.{key} = {value}: {reason}"),
            None => format!("{table}.{key} = {value}: {reason}"),
        }
    }
}

/// The line that sets a key; nothing when the file does not, or in a way that is not looked for.
fn line_of(text: &str, table: &str, key: &str) -> Option<usize> {
    let mut within = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            within = header.split(']').next().unwrap_or_default().trim().to_owned();
        } else if let Some((name, _)) = line.split_once('=') {
            let name: String = name.split_whitespace().collect();
            let dotted = within.is_empty() && name == format!("{table}.{key}");
            if dotted || (within == table && name == key) {
                return Some(number);
            }
        }
    }
    None
}

#[derive(Default)]
struct Checks(Vec<Wrong>);

impl Checks {
    fn wrong(
        &mut self,
        (table, key): (&'static str, &'static str),
        value: impl Display,
        reason: impl Into<String>,
    ) {
        let (value, reason) = (value.to_string(), reason.into());
        self.0.push(Wrong { table, key, value, reason });
    }

    fn within(&mut self, at: (&'static str, &'static str), value: u64, range: RangeInclusive<u64>) {
        if !range.contains(&value) {
            let reason = format!("from {} to {}", range.start(), range.end());
            self.wrong(at, value, reason);
        }
    }

    fn listeners(&mut self, config: &Config) {
        let names = &config.mqtt.names;
        if names.is_empty() {
            self.wrong(("mqtt", "names"), "[]", "devices know the server by at least one name");
        }
        for name in names {
            let host = name.strip_prefix("*.").unwrap_or(name);
            if ServerName::try_from(host).is_err() {
                let reason = "is neither a DNS name nor an IP address";
                self.wrong(("mqtt", "names"), format!("{name:?}"), reason);
            }
        }
        if let Some(plain) = config.http.plain.filter(|it| !it.ip().is_loopback()) {
            let reason = "without TLS only a loopback address may be listened on";
            self.wrong(("http", "plain"), plain, reason);
        }
        let (rate, burst) = (config.http.requests_per_second.into(), config.http.burst.into());
        self.within(("http", "requests_per_second"), rate, 1..=1_000_000);
        self.within(("http", "burst"), burst, 1..=1_000_000);
    }

    fn certificates(&mut self, config: &Config) {
        let it = &config.certificates;
        self.within(("certificates", "device_secs"), it.device_secs, 60..=LONGEST);
        self.within(("certificates", "server_secs"), it.server_secs, 60..=LONGEST);
        self.within(("certificates", "grace_secs"), it.grace_secs, 0..=LONGEST);
    }

    fn audit(&mut self, config: &Config) {
        let it = &config.audit;
        self.within(("audit", "every_secs"), it.every_secs, 1..=days(366).as_secs());
        if let Err(ConfigError::Value { key, value, reason }) = config.thresholds() {
            let key = key.strip_prefix("audit.").unwrap_or(key);
            self.wrong(("audit", key), value, reason);
        }
        let lives = config.certificates.device_secs;
        if it.expiring_secs >= lives {
            let reason = format!(
                "is not less than certificates.device_secs = {lives}: every certificate would be \
                 rotated at once, and again"
            );
            self.wrong(("audit", "expiring_secs"), it.expiring_secs, reason);
        }
    }

    fn rotation(&mut self, config: &Config) {
        let it = &config.rotation;
        let spans = [
            ("spread_secs", it.spread_secs, 0),
            ("csr_wait_secs", it.csr_wait_secs, 1),
            ("ack_wait_secs", it.ack_wait_secs, 1),
            ("settle_secs", it.settle_secs, 0),
            ("hold_secs", it.hold_secs, 1),
            ("recovery_secs", it.recovery_secs, 0),
            ("retry_secs", it.retry_secs, 1),
        ];
        for (key, value, least) in spans {
            self.within(("rotation", key), value, least..=LONGEST);
        }
        self.within(("rotation", "max_tries"), it.max_tries.into(), 1..=1_000);
        self.within(("rotation", "max_attempts"), it.max_attempts.into(), 0..=1_000);
    }

    fn account(&mut self, config: &Config) {
        let (id, region) = (&config.account.id, &config.account.region);
        if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            self.wrong(("account", "id"), format!("{id:?}"), "is not twelve digits");
        }
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || region.len() > 64 || !region.bytes().all(is_plain) {
            let reason = "is not 1 to 64 lower-case letters, digits and '-'";
            self.wrong(("account", "region"), format!("{region:?}"), reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        check(&Config::parse(text).unwrap(), text).unwrap_err()
    }

    #[test]
    fn a_value_that_cannot_be_is_told_with_its_line_and_what_may_be() {
        // Regression: all of these were accepted in silence.
        let bad = [
            ("[rotation]\nmax_tries = 0", "line 2: rotation.max_tries = 0: from 1 to"),
            ("[rotation]\n\nspread_secs = 99999999999999", "line 3: rotation.spread_secs"),
            ("[rotation]\ncsr_wait_secs = 0", "rotation.csr_wait_secs = 0"),
            ("[rotation]\nack_wait_secs = 0", "rotation.ack_wait_secs = 0"),
            ("[rotation]\nhold_secs = 0", "rotation.hold_secs = 0"),
            ("[mqtt]\nnames = [\"*.x y\"]", "line 2: mqtt.names = \"*.x y\""),
            ("[mqtt]\nnames = []", "line 2: mqtt.names = []"),
            ("[http]\nplain = \"0.0.0.0:80\"", "line 2: http.plain = 0.0.0.0:80"),
            ("account.id = \"x\"", "line 1: account.id = \"x\""),
            ("[account]\nregion = \"a b\"", "line 2: account.region = \"a b\""),
            ("[audit]\nevery_secs = 0", "line 2: audit.every_secs = 0"),
            ("[audit]\nage_secs = 0", "line 2: audit.age_secs = 0"),
            ("[certificates]\ndevice_secs = 1", "line 2: certificates.device_secs = 1"),
            (
                "[certificates]\ndevice_secs = 86400\n[audit]\nexpiring_secs = 86400",
                "line 4: audit.expiring_secs = 86400: is not less than",
            ),
        ];

        for (text, told) in bad {
            let said = said(text);
            assert!(said.contains(told), "{text}: {said}");
        }
    }

    #[test]
    fn every_wrong_value_is_told_at_once_and_the_usual_ones_are_right() {
        let several = said("[rotation]\nmax_tries = 0\nhold_secs = 0\n");

        assert_eq!(several.lines().count(), 2, "{several}");
        check(&Config::default(), "").unwrap();
        let names =
            "[mqtt]\nnames = [\"mqtt.example.com\", \"*.example.com\", \"10.0.0.5\", \"::1\"]";
        check(&Config::parse(names).unwrap(), names).unwrap();
        let hours = "[certificates]\ndevice_secs = 86400\n[audit]\nexpiring_secs = 28800";
        check(&Config::parse(hours).unwrap(), hours).unwrap();
    }
}
