//! `[audit]`: when and what is audited.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use perennial_core::{
    audit::{CheckName, Schedule, Threshold},
    time::days,
};
use serde::Deserialize;

use super::{Config, ConfigError};

/// When and what is audited.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// From one audit to the next; a day is counted from midnight UTC.
    pub every_secs: u64,
    /// A certificate with less than this left is a finding. Device Defender allows no less than
    /// 30 days; certificates that live shorter need less.
    pub expiring_secs: u64,
    /// A certificate older than this is a finding; absent, age is not checked unless somebody
    /// enables that check.
    pub age_secs: Option<u64>,
    /// Whether what the age check finds is rotated, as what is about to end is.
    pub rotate_aged: bool,
    /// Files with keys known to be weak, in the format of openssl-blacklist.
    pub weak_keys: Vec<PathBuf>,
    /// Files with revocation lists, PEM or DER, of this server's authorities or their issuers;
    /// looked at again every hour.
    pub revocation_lists: Vec<PathBuf>,
}

impl Default for Audit {
    fn default() -> Self {
        let (every_secs, expiring_secs) = (days(1).as_secs(), days(30).as_secs());
        Self {
            every_secs,
            expiring_secs,
            age_secs: None,
            rotate_aged: true,
            weak_keys: Vec::new(),
            revocation_lists: Vec::new(),
        }
    }
}

impl Config {
    /// The thresholds that the file sets.
    pub(crate) fn thresholds(&self) -> Result<BTreeMap<CheckName, Threshold>, ConfigError> {
        let Audit { expiring_secs, age_secs, .. } = &self.audit;
        let expiring = threshold("audit.expiring_secs", *expiring_secs)?;
        let age = age_secs.map(|secs| threshold("audit.age_secs", secs)).transpose()?;
        let age = age.map(|age| (CheckName::DeviceCertificateAge, age));
        Ok([(CheckName::DeviceCertificateExpiring, expiring)].into_iter().chain(age).collect())
    }

    /// The checks that the file wants to run: all that have something to examine, age only when it
    /// says so, and re-used keys only where new ones are wanted.
    pub(crate) fn enabled_checks(&self) -> BTreeSet<CheckName> {
        let unwanted = |check: &CheckName| {
            *check == CheckName::DeviceCertificateAge && self.audit.age_secs.is_none()
                || *check == CheckName::KeyReused && !self.rotation.rekey
        };
        let wanted = |check: &CheckName| check.has_subject() && !unwanted(check);
        CheckName::ALL.into_iter().filter(wanted).collect()
    }

    /// The checks whose findings are rotated.
    pub(crate) fn rotated_checks(&self) -> BTreeSet<CheckName> {
        let aged = self.audit.rotate_aged.then_some(CheckName::DeviceCertificateAge);
        aged.into_iter().chain([CheckName::DeviceCertificateExpiring]).collect()
    }

    pub(crate) fn schedule(&self) -> Result<Schedule, ConfigError> {
        let secs = self.audit.every_secs;
        Schedule::every(Duration::from_secs(secs)).map_err(|error| ConfigError::Value {
            key: "audit.every_secs",
            value: secs.to_string(),
            reason: error.to_string(),
        })
    }
}

fn threshold(key: &'static str, secs: u64) -> Result<Threshold, ConfigError> {
    Threshold::custom(Duration::from_secs(secs)).map_err(|error| ConfigError::Value {
        key,
        value: secs.to_string(),
        reason: error.to_string(),
    })
}
