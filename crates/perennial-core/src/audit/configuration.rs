//! The account's audit configuration: which checks are enabled, how, and who is told.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{CheckName, Threshold, UnknownCheckName};

/// Whether a check is enabled, and its configuration by key: `AuditCheckConfiguration`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckConfiguration {
    /// Whether audits may run it.
    #[serde(default)]
    pub enabled: bool,
    /// Its configuration: texts, as AWS has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub configuration: BTreeMap<String, String>,
}

/// Who is told when an audit ends: `AuditNotificationTarget`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotificationTarget {
    /// The topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_arn: Option<String>,
    /// The role to publish with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Whether it is told.
    #[serde(default)]
    pub enabled: bool,
}

/// The account's audit configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountConfiguration {
    /// The role that AWS would read with; kept and shown, nothing here needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Who is told, by type: `SNS`.
    #[serde(default)]
    pub targets: BTreeMap<String, NotificationTarget>,
    /// The checks that were ever configured.
    #[serde(default)]
    pub checks: BTreeMap<CheckName, CheckConfiguration>,
}

impl AccountConfiguration {
    /// The topic on which audits that ended are told, if they are told on one.
    pub fn notified_topic(&self) -> Option<&str> {
        let target = self.targets.get("SNS").filter(|target| target.enabled)?;
        target.target_arn.as_deref()
    }
}

/// What `UpdateAccountAuditConfiguration` may change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigurationUpdate {
    /// The role.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// Who is told.
    #[serde(default)]
    pub audit_notification_target_configurations: BTreeMap<String, NotificationTarget>,
    /// The checks by name.
    #[serde(default)]
    pub audit_check_configurations: BTreeMap<String, CheckConfiguration>,
}

/// A change that is not taken, or a list of checks that cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// No such check.
    #[error(transparent)]
    UnknownCheck(#[from] UnknownCheckName),
    /// No such target type.
    #[error("{0:?} is no type of notification target: use SNS")]
    UnknownTarget(String),
    /// The check has no such key.
    #[error("{check} has no configuration {key:?}")]
    UnknownKey {
        /// The check.
        check: CheckName,
        /// The key.
        key: String,
    },
    /// Out of range.
    #[error("{key} must be {min} to {max} days in digits, not {value:?}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A scheduled audit needs it.
    #[error("{0} is part of a scheduled audit: take it out there before disabling it")]
    InUse(CheckName),
    /// Must be enabled to run.
    #[error("{0} is not enabled: enable it with UpdateAccountAuditConfiguration first")]
    Disabled(CheckName),
    /// A first configuration has a role and a check.
    #[error("the first configuration needs roleArn and at least one enabled check")]
    Incomplete,
    /// Nothing to run.
    #[error("targetCheckNames must name at least one check")]
    NoChecks,
}

impl AccountConfiguration {
    /// Whether the check may run.
    pub fn is_enabled(&self, check: CheckName) -> bool {
        self.checks.get(&check).is_some_and(|it| it.enabled)
    }

    /// Every check that may run.
    pub fn enabled(&self) -> Vec<CheckName> {
        CheckName::ALL.into_iter().filter(|check| self.is_enabled(*check)).collect()
    }

    /// Every check there is, configured or not.
    pub fn all_checks(&self) -> BTreeMap<CheckName, CheckConfiguration> {
        let of = |check| (check, self.checks.get(&check).cloned().unwrap_or_default());
        CheckName::ALL.into_iter().map(of).collect()
    }

    /// The check's threshold, if days were configured.
    pub fn threshold(&self, check: CheckName) -> Option<Threshold> {
        let key = check.descriptor().configuration_key?;
        let days = self.checks.get(&check)?.configuration.get(key.name)?.parse().ok()?;
        Some(Threshold::of(crate::time::days(days)))
    }

    /// The configuration with `update` in it; `scheduled` are the checks of scheduled audits.
    ///
    /// # Errors
    /// [`ConfigurationError`] says what is not taken; then nothing is.
    pub fn updated(
        &self,
        update: ConfigurationUpdate,
        scheduled: &BTreeSet<CheckName>,
    ) -> Result<Self, ConfigurationError> {
        let mut next = self.clone();
        next.role_arn = update.role_arn.or(next.role_arn);
        for (kind, target) in update.audit_notification_target_configurations {
            if kind != "SNS" {
                return Err(ConfigurationError::UnknownTarget(kind));
            }
            next.targets.insert(kind, target);
        }
        for (name, check) in update.audit_check_configurations {
            let name: CheckName = name.parse()?;
            next.set_check(name, check, scheduled)?;
        }
        Ok(next)
    }

    fn set_check(
        &mut self,
        name: CheckName,
        check: CheckConfiguration,
        scheduled: &BTreeSet<CheckName>,
    ) -> Result<(), ConfigurationError> {
        if !check.enabled && scheduled.contains(&name) {
            return Err(ConfigurationError::InUse(name));
        }
        for (key, value) in &check.configuration {
            check_value(name, key, value)?;
        }
        let kept = self.checks.entry(name).or_default();
        kept.enabled = check.enabled;
        kept.configuration.extend(check.configuration);
        Ok(())
    }

    /// What an account that was never configured must at least have.
    ///
    /// # Errors
    /// [`ConfigurationError::Incomplete`] without a role or an enabled check.
    pub fn check_complete(&self) -> Result<(), ConfigurationError> {
        let complete = self.role_arn.is_some() && self.checks.values().any(|it| it.enabled);
        if complete { Ok(()) } else { Err(ConfigurationError::Incomplete) }
    }

    /// The checks by these names, each once and enabled.
    ///
    /// # Errors
    /// [`ConfigurationError`] for none, an unknown one or a disabled one.
    pub fn runnable(&self, names: &[String]) -> Result<Vec<CheckName>, ConfigurationError> {
        let checks: BTreeSet<CheckName> =
            names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        match checks.iter().find(|check| !self.is_enabled(**check)) {
            Some(disabled) => Err(ConfigurationError::Disabled(*disabled)),
            None if checks.is_empty() => Err(ConfigurationError::NoChecks),
            None => Ok(checks.into_iter().collect()),
        }
    }
}

fn check_value(check: CheckName, key: &str, value: &str) -> Result<(), ConfigurationError> {
    let known = check.descriptor().configuration_key.filter(|known| known.name == key);
    let unknown = || ConfigurationError::UnknownKey { check, key: key.to_owned() };
    let known = known.ok_or_else(unknown)?;
    let digits = value.len() <= 4 && value.bytes().all(|octet| octet.is_ascii_digit());
    let days = value.parse().ok().filter(|_| digits);
    if days.is_some_and(|days| (known.min_days..=known.max_days).contains(&days)) {
        return Ok(());
    }
    let (min, max) = (known.min_days, known.max_days);
    Err(ConfigurationError::Value { key: known.name, value: value.to_owned(), min, max })
}
