//! The account's audit configuration: showing, changing, deleting.

use std::collections::BTreeMap;

use http::Method;
use perennial_core::{
    access::Need,
    audit::{CheckConfiguration, CheckName, ConfigurationUpdate, NotificationTarget},
};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    wire::check_role_arn,
};

const PATH: &str = "/audit/configuration";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "DescribeAccountAuditConfiguration",
            (Method::GET, PATH),
            Need::Read,
            describe,
        ),
        Operation::iot(
            "UpdateAccountAuditConfiguration",
            (Method::PATCH, PATH),
            Need::Operate,
            update,
        ),
        Operation::iot(
            "DeleteAccountAuditConfiguration",
            (Method::DELETE, PATH),
            Need::Operate,
            delete,
        ),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    audit_notification_target_configurations: BTreeMap<String, NotificationTarget>,
    audit_check_configurations: BTreeMap<CheckName, CheckConfiguration>,
}

async fn describe(call: Call, _: Input) -> Result<Described, ApiError> {
    let configuration = call.store().audit_configuration().await?;
    Ok(Described {
        audit_check_configurations: configuration.all_checks(),
        role_arn: configuration.role_arn,
        audit_notification_target_configurations: configuration.targets,
    })
}

async fn update(
    call: Call,
    input: Input<Nothing, Nothing, ConfigurationUpdate>,
) -> Result<Nothing, ApiError> {
    let update = input.body;
    check_role_arn(update.role_arn.as_ref(), "roleArn")?;
    for target in update.audit_notification_target_configurations.values() {
        check_target(target)?;
    }
    call.store().update_audit_configuration(update, call.now()).await?;
    Ok(Nothing {})
}

/// AWS's lengths: 2048 characters at most.
fn check_target(target: &NotificationTarget) -> Result<(), ApiError> {
    check_role_arn(target.role_arn.as_ref(), "auditNotificationTargetConfigurations.roleArn")?;
    if target.target_arn.as_ref().is_some_and(|arn| arn.chars().count() > 2048) {
        let message = "auditNotificationTargetConfigurations.targetArn: 2048 characters at most";
        return Err(ApiError::invalid(message));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WithSchedules {
    #[serde(default)]
    delete_scheduled_audits: bool,
}

async fn delete(call: Call, input: Input<Nothing, WithSchedules>) -> Result<Nothing, ApiError> {
    let with_schedules = input.query.delete_scheduled_audits;
    call.store().delete_audit_configuration(with_schedules, call.now()).await?;
    Ok(Nothing {})
}
