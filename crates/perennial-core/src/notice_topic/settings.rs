//! Settings of topics and subscriptions: what SNS calls their attributes, as far as they can be set.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    DeliveryPolicy, DeliveryPolicyError, FilterError, FilterPolicy, FilterScope, Message, Protocol,
    SIGNATURE_VERSION,
};
use crate::time::days;

/// How long a confirmation's token counts.
pub const CONFIRMED_WITHIN: Duration = days(2);
/// How long a subscription that nobody confirms stays.
pub const PENDING_FOR: Duration = days(3);

/// A topic's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicSettings {
    /// Who mails are from, for people.
    pub display_name: String,
}

/// A subscription's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionSettings {
    /// Which messages it wants, as JSON; all when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_policy: Option<String>,
    /// What that looks at.
    pub filter_policy_scope: FilterScope,
    /// Whether messages come without an envelope.
    pub raw_message_delivery: bool,
    /// How HTTP endpoints are tried again, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_policy: Option<String>,
}

/// A setting that may not be: InvalidParameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// No such setting.
    #[error("there is no attribute {0:?} here: docs/aws-compatibility.md lists those there are")]
    Unknown(String),
    /// Not one of its values.
    #[error("{name}: {reason}")]
    Value {
        /// Which.
        name: &'static str,
        /// What it has to be.
        reason: &'static str,
    },
    /// Not a filter policy.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// Not a delivery policy.
    #[error(transparent)]
    Delivery(#[from] DeliveryPolicyError),
}

impl TopicSettings {
    /// Settings of these attributes.
    ///
    /// # Errors
    /// [`SettingError`] names the first that may not be.
    pub fn of(attributes: &BTreeMap<String, String>) -> Result<Self, SettingError> {
        let mut settings = Self::default();
        attributes.iter().try_for_each(|(name, value)| settings.set(name, value))?;
        Ok(settings)
    }

    /// Sets one.
    ///
    /// # Errors
    /// [`SettingError`] says why not.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        match name {
            "DisplayName" if is_display_name(value) => value.clone_into(&mut self.display_name),
            "DisplayName" => {
                let reason = "at most 100 printable characters without < > \" are expected";
                return Err(SettingError::Value { name: "DisplayName", reason });
            }
            // SNS has 1, over SHA-1, as well.
            "SignatureVersion" if value == SIGNATURE_VERSION => {}
            "SignatureVersion" => {
                let reason = "only 2 (SHA-256) is signed here";
                return Err(SettingError::Value { name: "SignatureVersion", reason });
            }
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

impl SubscriptionSettings {
    /// Settings of these attributes, for a subscriber that `protocol` reaches.
    ///
    /// # Errors
    /// [`SettingError`] names the first that may not be.
    pub fn of(
        attributes: &BTreeMap<String, String>,
        protocol: Protocol,
    ) -> Result<Self, SettingError> {
        let mut settings = Self::default();
        // The policy means what its scope says.
        let scope_first = |name: &&str| *name != "FilterPolicyScope";
        let mut names: Vec<&str> = attributes.keys().map(String::as_str).collect();
        names.sort_by_key(scope_first);
        for name in names {
            settings.set(name, &attributes[name], protocol)?;
        }
        Ok(settings)
    }

    /// Sets one; an empty policy is none.
    ///
    /// # Errors
    /// [`SettingError`] says why not.
    pub fn set(&mut self, name: &str, value: &str, protocol: Protocol) -> Result<(), SettingError> {
        let some = || Some(value.to_owned()).filter(|it| !it.is_empty() && it != "{}");
        match name {
            "FilterPolicy" => {
                if let Some(text) = some() {
                    FilterPolicy::parse(&text, self.filter_policy_scope)?;
                }
                self.filter_policy = some();
            }
            "FilterPolicyScope" => self.set_scope(value)?,
            "RawMessageDelivery" => self.raw_message_delivery = raw(value, protocol)?,
            "DeliveryPolicy" => {
                if !matches!(protocol, Protocol::Http | Protocol::Https) {
                    let reason = "only http and https have one";
                    return Err(SettingError::Value { name: "DeliveryPolicy", reason });
                }
                if let Some(text) = some() {
                    DeliveryPolicy::parse(&text)?;
                }
                self.delivery_policy = some();
            }
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    fn set_scope(&mut self, value: &str) -> Result<(), SettingError> {
        let scope = match value {
            "MessageAttributes" => FilterScope::MessageAttributes,
            "MessageBody" => FilterScope::MessageBody,
            _ => {
                let reason = "use MessageAttributes or MessageBody";
                return Err(SettingError::Value { name: "FilterPolicyScope", reason });
            }
        };
        if let Some(text) = &self.filter_policy {
            FilterPolicy::parse(text, scope)?;
        }
        self.filter_policy_scope = scope;
        Ok(())
    }

    /// Whether it wants `message`. A policy that cannot be read any more lets everything through:
    /// people are rather told too much.
    pub fn want(&self, message: &Message) -> bool {
        let policy = self.filter_policy.as_ref();
        let policy =
            policy.and_then(|text| FilterPolicy::parse(text, self.filter_policy_scope).ok());
        policy.is_none_or(|policy| policy.admits(message))
    }

    /// The pause after `tries` that failed, where a policy says; none of them when that were enough.
    pub fn pause_after(&self, tries: u32) -> Option<Option<Duration>> {
        let policy = DeliveryPolicy::parse(self.delivery_policy.as_ref()?).ok()?;
        Some(policy.pause_after(tries))
    }
}

fn raw(value: &str, protocol: Protocol) -> Result<bool, SettingError> {
    let name = "RawMessageDelivery";
    match value.to_ascii_lowercase().as_str() {
        "true" if protocol.may_be_raw() => Ok(true),
        "true" => Err(SettingError::Value { name, reason: "only http, https and mqtt have it" }),
        "false" => Ok(false),
        _ => Err(SettingError::Value { name, reason: "use true or false" }),
    }
}

fn is_display_name(value: &str) -> bool {
    value.chars().count() <= 100 && value.chars().all(|c| !c.is_control() && !"<>\"".contains(c))
}

fn unknown(name: &str) -> SettingError {
    SettingError::Unknown(name.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(
        pairs: &[(&str, &str)],
        protocol: Protocol,
    ) -> Result<SubscriptionSettings, SettingError> {
        let pairs = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        SubscriptionSettings::of(&pairs.collect(), protocol)
    }

    #[test]
    fn a_policy_is_read_in_its_scope_whatever_the_order() {
        let nested = ("FilterPolicy", r#"{"a": {"b": [1]}}"#);

        let within = settings(&[nested, ("FilterPolicyScope", "MessageBody")], Protocol::Https);

        assert!(within.is_ok());
        assert!(settings(&[nested], Protocol::Https).is_err());
        let mut within = within.unwrap();
        assert!(within.set("FilterPolicyScope", "MessageAttributes", Protocol::Https).is_err());
        assert_eq!(within.filter_policy_scope, FilterScope::MessageBody);
    }

    #[test]
    fn what_a_protocol_cannot_do_is_refused() {
        assert!(settings(&[("RawMessageDelivery", "true")], Protocol::Mqtt).is_ok());
        assert!(settings(&[("RawMessageDelivery", "true")], Protocol::Email).is_err());
        assert!(
            settings(&[("DeliveryPolicy", r#"{"healthyRetryPolicy": {}}"#)], Protocol::Mqtt)
                .is_err()
        );
        assert!(settings(&[("RedrivePolicy", "{}")], Protocol::Https).is_err());
        assert!(
            TopicSettings::of(&[("SignatureVersion".to_owned(), "1".to_owned())].into()).is_err()
        );
    }
}
