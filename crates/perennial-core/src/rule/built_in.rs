//! The rules that the server itself lives by: those of the rotation inbox.

use super::{
    SQL_VERSION,
    action::{Action, Lambda},
    topic_rule::TopicRule,
};
use crate::{
    policy::Scope,
    topic::{Kind, Prefix},
};

/// What the names of built-in rules begin with; no other rule's may.
pub const BUILT_IN: &str = "perennial_";
/// The function's name that stands for the rotation inbox in the ARN that lists show.
pub const INBOX_FUNCTION: &str = "perennial-rotation-inbox";

/// A built-in rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: String,
    /// Which messages it takes in.
    pub kind: Kind,
    /// As it is shown.
    pub rule: TopicRule,
}

/// The rules by which devices' messages come to their rotations, in the order of their names.
///
/// The statement is that of AWS's reference architecture; its filter is what the server
/// subscribes with.
pub fn built_in(prefix: &Prefix, scope: &Scope) -> Vec<BuiltIn> {
    let of = |kind: Kind| BuiltIn {
        name: format!("{BUILT_IN}{kind}"),
        kind,
        rule: TopicRule {
            sql: format!("SELECT clientid() AS clientid, * FROM '{}'", prefix.filter(kind)),
            description: Some("Built in: what devices say of their rotations".to_owned()),
            actions: vec![Action::Lambda(Lambda { function_arn: inbox_arn(scope) })],
            rule_disabled: false,
            aws_iot_sql_version: Some(SQL_VERSION.to_owned()),
            error_action: None,
        },
    };
    let mut rules: Vec<BuiltIn> = Kind::FROM_DEVICE.into_iter().map(of).collect();
    rules.sort_by(|a, b| a.name.cmp(&b.name));
    rules
}

/// The rotation inbox in the form of a function's ARN.
pub fn inbox_arn(scope: &Scope) -> String {
    format!(
        "arn:{}:lambda:{}:{}:function:{INBOX_FUNCTION}",
        scope.partition, scope.region, scope.account
    )
}
