//! Mitigation over store and broker: what can be done here, and what there is nothing for.

use std::sync::Arc;

use async_trait::async_trait;
use perennial_broker::{BrokerHandle, Outgoing, Qos};
use perennial_core::{
    audit::{Finding, PolicyVersion, Remedy},
    certificate::CertificateStatus,
    ids::{CertificateId, ThingGroupName, ThingName},
    logging::LogLevel,
    notice_topic::MessageAttributes,
    registry::CaStatus,
    time::Timestamp,
};
use perennial_store::{CaUpdate, LoggingUpdate, Remedies, RemedyError, Shared, Store, StoreError};
use serde_json::json;

use super::{LiveDeviceLog, LiveRegistry};
use crate::notice_topics::{NoticeTopics, PublishError};

/// Findings that somebody wants told are published below this topic, by check.
const FINDINGS: &str = "$perennial/audit/findings";

/// Carries remedies out.
pub(crate) struct StoreRemedies {
    store: Store,
    registry: Arc<LiveRegistry>,
    broker: BrokerHandle,
    topics: NoticeTopics,
    device_log: Arc<LiveDeviceLog>,
}

impl StoreRemedies {
    pub(crate) fn new(
        store: Store,
        registry: Arc<LiveRegistry>,
        (broker, topics): (BrokerHandle, NoticeTopics),
        device_log: Arc<LiveDeviceLog>,
    ) -> Self {
        Self { store, registry, broker, topics, device_log }
    }

    /// One that is INACTIVE, REVOKED or gone already needs no more.
    async fn deactivate(&self, id: CertificateId, now: Timestamp) -> Result<(), RemedyError> {
        let done = self.store.update_status(id, CertificateStatus::Inactive, now).await;
        match done {
            Ok(_) => {
                self.registry.changed(&[id]);
                Ok(())
            }
            Err(StoreError::NotFound { .. } | StoreError::Unlawful(_)) => Ok(()),
            Err(error) => Err(internal(&error)),
        }
    }

    /// Keeps new certificates of a registered CA out.
    async fn deactivate_ca(&self, id: CertificateId, now: Timestamp) -> Result<(), RemedyError> {
        let status = Some(CaStatus::Inactive);
        let update = CaUpdate { status, ..CaUpdate::default() };
        match self.store.update_ca(id, update, now).await {
            Ok(_) => self.registry.cas_changed().await.map_err(|error| internal(&error)),
            Err(StoreError::NotFound { .. }) => {
                Err(nothing("it is no registered CA: this server's own authority stays in use"))
            }
            Err(error) => Err(internal(&error)),
        }
    }

    async fn add_things(
        &self,
        things: Vec<ThingName>,
        groups: &[String],
        now: Timestamp,
    ) -> Result<(), RemedyError> {
        let named =
            groups.iter().map(|name| ThingGroupName::new(name)).collect::<Result<Vec<_>, _>>();
        let groups = named.map_err(|error| nothing(&error.to_string()))?;
        for thing in things {
            let added =
                self.store.change_groups(thing.clone(), groups.clone(), Vec::new(), now).await;
            added.map_err(failed)?;
            self.registry.thing_changed(thing).await.map_err(failed)?;
        }
        Ok(())
    }

    /// The version that was found makes room for one that allows nothing; if another one is in
    /// force by now, it is not what was found.
    async fn blank(&self, found: PolicyVersion, now: Timestamp) -> Result<(), RemedyError> {
        let PolicyVersion { policy_name, policy_version_id } = found;
        let number = policy_version_id.parse().map_err(|_| {
            nothing(&format!("{policy_version_id:?} is no version of a policy here"))
        })?;
        let blanked = self.store.blank_policy(policy_name.clone(), number, now).await;
        blanked.map_err(failed)?;
        self.registry.shared_changed(Shared::Policy(policy_name)).await;
        Ok(())
    }

    async fn enable_logging(
        &self,
        level: LogLevel,
        role_arn: String,
        now: Timestamp,
    ) -> Result<(), RemedyError> {
        let update = LoggingUpdate {
            role_arn: Some(role_arn),
            default: Some(level),
            all_disabled: Some(false),
            events: None,
        };
        self.store.update_logging(update, now).await.map_err(failed)?;
        self.device_log.refresh().await.map_err(failed)
    }

    /// On the notice topic that the action names; one that is not there has the action fail. Then on
    /// the broker's own topic.
    async fn publish(
        &self,
        topic_arn: &str,
        finding: &Finding,
        now: Timestamp,
    ) -> Result<(), RemedyError> {
        let body = json!({ "topicArn": topic_arn, "finding": finding });
        let told = self.topics.publish(topic_arn, None, body.to_string(), MessageAttributes::new());
        told.await.map_err(untold)?;
        let written = self.store.record_notices(vec![body.clone()], Vec::new(), now).await;
        written.map_err(|error| internal(&error))?;
        self.broker.publish(vec![Outgoing {
            topic: format!("{FINDINGS}/{}", finding.check_name),
            payload: body.to_string().into(),
            qos: Qos::AtLeastOnce,
            retain: false,
        }]);
        Ok(())
    }
}

#[async_trait]
impl Remedies for StoreRemedies {
    async fn apply(
        &self,
        remedy: Remedy,
        finding: &Finding,
        now: Timestamp,
    ) -> Result<(), RemedyError> {
        match remedy {
            Remedy::DeactivateDeviceCertificate(id) => self.deactivate(id, now).await,
            Remedy::Publish { topic_arn } => self.publish(&topic_arn, finding, now).await,
            Remedy::DeactivateCaCertificate(id) => self.deactivate_ca(id, now).await,
            Remedy::AddThingsToGroups { things, groups, .. } => {
                self.add_things(things, &groups, now).await
            }
            Remedy::BlankPolicy(version) => self.blank(version, now).await,
            Remedy::EnableLogging { level, role_arn } => {
                self.enable_logging(level, role_arn, now).await
            }
        }
    }
}

/// Why the store did not do it, as an execution's record names that.
fn failed(error: StoreError) -> RemedyError {
    let code = match &error {
        StoreError::NotFound { .. } => "RESOURCE_NOT_FOUND",
        StoreError::VersionConflict { .. } => "VERSION_CONFLICT",
        StoreError::VersionsLimitExceeded(_) => "VERSIONS_LIMIT_EXCEEDED",
        StoreError::LimitExceeded(_) => "LIMIT_EXCEEDED",
        StoreError::Invalid(_) | StoreError::Refused(_) => "INVALID_REQUEST",
        StoreError::Exists { .. }
        | StoreError::Conflict(_)
        | StoreError::DeleteConflict(_)
        | StoreError::StateConflict(_)
        | StoreError::Unlawful(_)
        | StoreError::Rule(_)
        | StoreError::Database(_)
        | StoreError::Corrupt { .. }
        | StoreError::Outdated { .. }
        | StoreError::Undone
        | StoreError::Closed => return internal(&error),
    };
    RemedyError { code, message: error.to_string() }
}

/// Why a finding is not published.
fn untold(error: PublishError) -> RemedyError {
    match error {
        PublishError::Store(error) => failed(error),
        PublishError::Topic(_) | PublishError::Message(_) => {
            RemedyError { code: "INVALID_REQUEST", message: error.to_string() }
        }
    }
}

fn internal(error: &dyn std::error::Error) -> RemedyError {
    RemedyError { code: "INTERNAL_FAILURE", message: error.to_string() }
}

fn nothing(message: &str) -> RemedyError {
    RemedyError { code: "NOT_SUPPORTED", message: message.to_owned() }
}
