//! Topic rules: making, replacing, switching, showing, listing, deleting.

use http::Method;
use percent_encoding::percent_decode_str;
use perennial_core::{
    access::Need,
    ids::RuleName,
    registry::{Tag, Tags},
    rule::{
        BUILT_IN, SQL_VERSION, TopicRule,
        action::{Action, Lambda},
        inbox_arn,
    },
    time::Timestamp,
    topic,
};
use perennial_store::{StoreError, StoredRule};
use serde::{Deserialize, Serialize};

use super::topic_rule_destinations::ask_where_needed;
use crate::{
    ApiError, Code,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
    wire::Seconds,
};

const PATH: &str = "/rules/{ruleName}";
/// The most rules of a page, as at AWS, and how many there are when nothing is asked for.
const MAX_RESULTS: u32 = 10_000;
const USUAL_RESULTS: u32 = 250;

pub(super) fn operations() -> Vec<Operation> {
    let (on, off) = ("/rules/{ruleName}/enable", "/rules/{ruleName}/disable");
    vec![
        Operation::iot("CreateTopicRule", (Method::POST, PATH), Need::Operate, create),
        Operation::iot("GetTopicRule", (Method::GET, PATH), Need::Read, show),
        Operation::iot("ListTopicRules", (Method::GET, "/rules"), Need::Read, list),
        Operation::iot("ReplaceTopicRule", (Method::PATCH, PATH), Need::Operate, replace),
        Operation::iot("EnableTopicRule", (Method::POST, on), Need::Operate, enable),
        Operation::iot("DisableTopicRule", (Method::POST, off), Need::Operate, disable),
        Operation::iot("DeleteTopicRule", (Method::DELETE, PATH), Need::Operate, delete),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RulePath {
    rule_name: RuleName,
}

type Written = Input<RulePath, Nothing, TopicRule>;

/// Making the same rule again changes nothing and is no error.
async fn create(call: Call, input: Written) -> Result<Nothing, ApiError> {
    let tags = tags(input.optional_header("x-amz-tagging")?)?;
    let host = input.optional_header("host")?.map(str::to_owned);
    let (name, rule) = (own(input.path.rule_name)?, checked(&call, input.body)?);
    let arn = call.scope().arn("rule", name.as_str());
    let made = call.store().create_topic_rule(name, rule.clone(), tags, call.now()).await;
    made.map_err(|error| ApiError::not_made(error, &arn))?;
    in_force(&call, &rule, host.as_deref()).await
}

async fn replace(call: Call, input: Written) -> Result<Nothing, ApiError> {
    let host = input.optional_header("host")?.map(str::to_owned);
    let (name, rule) = (own(input.path.rule_name)?, checked(&call, input.body)?);
    let replaced = call.store().replace_topic_rule(name, rule.clone(), call.now()).await;
    replaced.map_err(denied)?;
    in_force(&call, &rule, host.as_deref()).await
}

/// Makes the destinations that a rule needs and has not, and lets messages go by it.
async fn in_force(call: &Call, rule: &TopicRule, host: Option<&str>) -> Result<Nothing, ApiError> {
    ask_where_needed(call, &rule.confirmation_urls(), host).await?;
    call.routing().changed().await?;
    Ok(Nothing {})
}

async fn enable(call: Call, input: Input<RulePath>) -> Result<Nothing, ApiError> {
    switch(call, input.path.rule_name, true).await
}

async fn disable(call: Call, input: Input<RulePath>) -> Result<Nothing, ApiError> {
    switch(call, input.path.rule_name, false).await
}

async fn switch(call: Call, name: RuleName, on: bool) -> Result<Nothing, ApiError> {
    let switched = call.store().enable_topic_rule(own(name)?, on, call.now()).await;
    switched.map_err(denied)?;
    call.routing().changed().await?;
    Ok(Nothing {})
}

/// Deleting a rule that is not there is no error.
async fn delete(call: Call, input: Input<RulePath>) -> Result<Nothing, ApiError> {
    call.store().delete_topic_rule(own(input.path.rule_name)?, call.now()).await?;
    call.routing().changed().await?;
    Ok(Nothing {})
}

/// A name that is no built-in rule's.
fn own(name: RuleName) -> Result<RuleName, ApiError> {
    if !name.as_str().starts_with(BUILT_IN) {
        return Ok(name);
    }
    let message = format!(
        "ruleName: {name}: rules whose names begin with {BUILT_IN} are built in; rotations live \
         by them, and they cannot be made, changed, switched or deleted"
    );
    Err(ApiError::invalid(message))
}

/// A rule that can be run, and that leaves the rotation inbox to its own rules.
fn checked(call: &Call, rule: TopicRule) -> Result<TopicRule, ApiError> {
    rule.ready()?;
    let inbox = inbox_arn(call.scope());
    let is_inbox = |action: &Action| matches!(action, Action::Lambda(Lambda { function_arn }) if *function_arn == inbox);
    if rule.actions.iter().chain(&rule.error_action).any(is_inbox) {
        let message = "lambda.functionArn: only built-in rules lead to the rotation inbox, which \
                       believes a session and not a message";
        return Err(ApiError::invalid(message));
    }
    Ok(rule)
}

/// AWS says of a rule that is not there that access to it is denied.
fn denied(error: StoreError) -> ApiError {
    let StoreError::NotFound { name, .. } = &error else { return error.into() };
    let message = format!("Access to topic rule '{name}' was denied: there is none");
    ApiError::new(Code::UnauthorizedException, message)
}

/// `KEY=VALUE&…`, encoded as in a query string.
fn tags(header: Option<&str>) -> Result<Tags, ApiError> {
    let decoded = |text: &str| {
        let decoded = percent_decode_str(&text.replace('+', " ")).decode_utf8().map(String::from);
        decoded.map_err(|_| ApiError::invalid("x-amz-tagging is not UTF-8"))
    };
    let pairs = header.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let tag = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok(Tag { key: decoded(key)?, value: decoded(value)? })
    };
    Ok(Tags::new(pairs.map(tag).collect::<Result<_, ApiError>>()?)?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    rule_arn: String,
    rule: ShownRule,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownRule {
    rule_name: RuleName,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Seconds>,
    #[serde(flatten)]
    rule: TopicRule,
}

async fn show(call: Call, input: Input<RulePath>) -> Result<Shown, ApiError> {
    let name = input.path.rule_name;
    let built_in = built_in(&call)?.into_iter().find(|it| it.name == name);
    let found = match built_in {
        Some(found) => found,
        None => Known::from(call.store().topic_rule(name).await.map_err(denied)?),
    };
    let version = Some(SQL_VERSION.to_owned());
    Ok(Shown {
        rule_arn: call.scope().arn("rule", found.name.as_str()),
        rule: ShownRule {
            rule_name: found.name,
            created_at: found.created_at.map(Seconds),
            rule: TopicRule { aws_iot_sql_version: version, ..found.rule },
        },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    topic: Option<String>,
    max_results: Option<u32>,
    next_token: Option<String>,
    rule_disabled: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    rules: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    rule_arn: String,
    rule_name: RuleName,
    topic_pattern: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Seconds>,
    rule_disabled: bool,
}

/// Built-in rules among the others, by name. There are never more than fit into memory.
async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    let Query { topic, max_results, next_token, rule_disabled } = input.query;
    let list = format!("ListTopicRules/{topic:?}/{rule_disabled:?}");
    let limit = max_results.unwrap_or(USUAL_RESULTS);
    if !(1..=MAX_RESULTS).contains(&limit) {
        let message = format!("maxResults: {limit} is not between 1 and {MAX_RESULTS}");
        return Err(ApiError::invalid(message));
    }
    let after: Option<RuleName> = page::place(&list, next_token.as_deref())?;
    let wanted = |it: &Known| {
        rule_disabled.is_none_or(|wanted| wanted == it.rule.rule_disabled)
            && after.as_ref().is_none_or(|after| it.name > *after)
    };
    let mut known = built_in(&call)?;
    known.extend(call.store().topic_rules().await?.into_iter().map(Known::from));
    known.retain(wanted);
    known.sort_by(|a, b| a.name.cmp(&b.name));
    let mut rules = Vec::new();
    let mut more = false;
    for it in known {
        let Ok(ready) = it.rule.ready() else { continue };
        let pattern = ready.rule.filter();
        let selects = |topic: &str| topic == pattern || topic::matches(pattern, topic);
        if !topic.as_deref().is_none_or(selects) {
            continue;
        }
        more = rules.len() >= limit as usize;
        if more {
            break;
        }
        rules.push(Line {
            rule_arn: call.scope().arn("rule", it.name.as_str()),
            topic_pattern: pattern.to_owned(),
            rule_name: it.name,
            created_at: it.created_at.map(Seconds),
            rule_disabled: it.rule.rule_disabled,
        });
    }
    let last = rules.last().filter(|_| more);
    Ok(Listed { next_token: last.map(|it| page::token(&list, &it.rule_name)), rules })
}

/// A rule, made by somebody or built in.
struct Known {
    name: RuleName,
    rule: TopicRule,
    created_at: Option<Timestamp>,
}

impl From<StoredRule> for Known {
    fn from(stored: StoredRule) -> Self {
        let StoredRule { name, rule, created_at } = stored;
        Self { name, rule, created_at: Some(created_at) }
    }
}

fn built_in(call: &Call) -> Result<Vec<Known>, ApiError> {
    let named = |it: perennial_core::rule::BuiltIn| {
        let name = RuleName::new(&it.name).map_err(|error| ApiError::internal(&error))?;
        Ok(Known { name, rule: it.rule, created_at: None })
    };
    perennial_core::rule::built_in(call.prefix(), call.scope()).into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_as_in_a_query_string() {
        let read = tags(Some("a=1&b%20c=%3D&d=")).unwrap();

        let pairs: Vec<_> = read.as_map().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("a", "1"), ("b c", "="), ("d", "")]);
        assert!(tags(Some("aws:x=1")).is_err());
        assert!(tags(None).unwrap().as_map().is_empty());
    }
}
