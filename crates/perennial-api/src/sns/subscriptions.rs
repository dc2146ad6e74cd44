//! Subscriptions: asked for, confirmed, described, changed and ended.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use perennial_core::{
    access::Need,
    ids::Digest,
    notice_topic::{
        Protocol, SubscriptionSettings, TopicName, Uuid, parse_subscription_arn, subscription_arn,
        topic_arn,
    },
    policy::Scope,
};
use perennial_store::{Confirming, StoreError, Subscribing, Subscription};
use serde::{Deserialize, Serialize};

use super::{
    Operation,
    form::Flag,
    topics::{PAGE, topic},
};
use crate::{ApiError, Code, call::Call, decode::Nothing, page};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("Subscribe", Need::Operate, subscribe),
        Operation::new("ConfirmSubscription", Need::Operate, confirm),
        Operation::new("Unsubscribe", Need::Operate, unsubscribe),
        Operation::new("GetSubscriptionAttributes", Need::Read, attributes),
        Operation::new("SetSubscriptionAttributes", Need::Operate, set),
        Operation::new("ListSubscriptions", Need::Read, list),
        Operation::new("ListSubscriptionsByTopic", Need::Read, list_by_topic),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Wish {
    topic_arn: String,
    protocol: String,
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    return_subscription_arn: Flag,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Subscribed {
    pub(super) subscription_arn: String,
}

async fn subscribe(call: Call, input: Wish) -> Result<Subscribed, ApiError> {
    let topic = topic(&call, &input.topic_arn)?;
    let invalid = |error: &dyn std::fmt::Display| ApiError::invalid(error.to_string());
    let protocol: Protocol = input.protocol.parse().map_err(|error| invalid(&error))?;
    protocol.check(&input.endpoint).map_err(|error| invalid(&error))?;
    let settings =
        SubscriptionSettings::of(&input.attributes, protocol).map_err(|error| invalid(&error))?;
    call.notices().check(protocol, &input.endpoint).map_err(ApiError::invalid)?;
    let confirming = if protocol.needs_confirmation() { Some(confirming()?) } else { None };
    let wish = Subscribing {
        id: Uuid::from_random(Call::drawn()?),
        topic: topic.clone(),
        protocol,
        endpoint: input.endpoint,
        settings,
        confirming,
    };
    let subscribed = call.store().subscribe(wish, call.now()).await.map_err(not_made)?;
    call.notices().nudge();
    let arn = subscription_arn(call.scope(), &topic, &subscribed.id);
    let shown = subscribed.confirmed || input.return_subscription_arn.0;
    Ok(Subscribed { subscription_arn: if shown { arn } else { "pending confirmation".to_owned() } })
}

fn not_made(error: StoreError) -> ApiError {
    if let StoreError::LimitExceeded(why) = error {
        return ApiError::new(Code::SubscriptionLimitExceeded, why);
    }
    error.into()
}

/// A fresh token, and the id of the message that carries it.
fn confirming() -> Result<Confirming, ApiError> {
    let token = format!("{}{}", hex::encode(Call::drawn()?), hex::encode(Call::drawn()?));
    let digest = token_digest(&token);
    Ok(Confirming { digest, token, message_id: Uuid::from_random(Call::drawn()?) })
}

fn token_digest(token: &str) -> Digest {
    let whole = digest(&SHA256, token.as_bytes());
    let mut octets = [0; 32];
    // SHA-256 gives 32 octets, so nothing is cut and nothing stays zero.
    for (to, from) in octets.iter_mut().zip(whole.as_ref()) {
        *to = *from;
    }
    Digest::from_bytes(octets)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Confirmation {
    topic_arn: String,
    token: String,
    #[serde(default)]
    authenticate_on_unsubscribe: Flag,
}

async fn confirm(call: Call, input: Confirmation) -> Result<Subscribed, ApiError> {
    let topic = topic(&call, &input.topic_arn)?;
    confirm_with(&call, topic, &input.token, input.authenticate_on_unsubscribe.0).await
}

/// Confirms for whoever has the token.
pub(super) async fn confirm_with(
    call: &Call,
    topic: TopicName,
    token: &str,
    authenticated: bool,
) -> Result<Subscribed, ApiError> {
    let (store, digest) = (call.store(), token_digest(token));
    let id = store.confirm_subscription(topic.clone(), digest, authenticated, call.now()).await?;
    Ok(Subscribed { subscription_arn: subscription_arn(call.scope(), &topic, &id) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    subscription_arn: String,
}

/// The subscription that an ARN names.
pub(super) async fn found(call: &Call, arn: &str) -> Result<Subscription, ApiError> {
    let (topic, id) = parse_subscription_arn(arn, call.scope())?;
    let found = call.store().subscription(id).await?;
    if found.topic == topic {
        Ok(found)
    } else {
        Err(ApiError::not_found("Subscription does not exist"))
    }
}

async fn unsubscribe(call: Call, input: Named) -> Result<Nothing, ApiError> {
    let found = found(&call, &input.subscription_arn).await?;
    call.store().unsubscribe(found.id, call.now()).await?;
    Ok(Nothing {})
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    attributes: BTreeMap<&'static str, String>,
}

async fn attributes(call: Call, input: Named) -> Result<Attributes, ApiError> {
    let Subscription { topic, protocol, endpoint, settings, authenticated, confirmed, .. } =
        found(&call, &input.subscription_arn).await?;
    let mut attributes = BTreeMap::from([
        ("SubscriptionArn", input.subscription_arn),
        ("TopicArn", topic_arn(call.scope(), &topic)),
        ("Owner", call.scope().account.clone()),
        ("Protocol", protocol.to_string()),
        ("Endpoint", endpoint),
        ("RawMessageDelivery", settings.raw_message_delivery.to_string()),
        ("ConfirmationWasAuthenticated", authenticated.to_string()),
        ("PendingConfirmation", (!confirmed).to_string()),
    ]);
    if let Some(policy) = settings.filter_policy {
        attributes.insert("FilterPolicy", policy);
        attributes.insert("FilterPolicyScope", settings.filter_policy_scope.to_string());
    }
    if let Some(policy) = settings.delivery_policy {
        attributes.insert("EffectiveDeliveryPolicy", policy.clone());
        attributes.insert("DeliveryPolicy", policy);
    }
    Ok(Attributes { attributes })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Setting {
    subscription_arn: String,
    attribute_name: String,
    #[serde(default)]
    attribute_value: String,
}

async fn set(call: Call, input: Setting) -> Result<Nothing, ApiError> {
    let found = found(&call, &input.subscription_arn).await?;
    let setting = (input.attribute_name, input.attribute_value);
    call.store().set_subscription(found.id, setting, call.now()).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Paged {
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PagedByTopic {
    topic_arn: String,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    subscriptions: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    subscription_arn: String,
    owner: String,
    protocol: Protocol,
    endpoint: String,
    topic_arn: String,
}

impl Shown {
    fn of(it: Subscription, scope: &Scope) -> Self {
        let arn = subscription_arn(scope, &it.topic, &it.id);
        Self {
            subscription_arn: if it.confirmed { arn } else { "PendingConfirmation".to_owned() },
            owner: scope.account.clone(),
            protocol: it.protocol,
            endpoint: it.endpoint,
            topic_arn: topic_arn(scope, &it.topic),
        }
    }
}

async fn list(call: Call, input: Paged) -> Result<Listed, ApiError> {
    listed(&call, None, "ListSubscriptions", input.next_token).await
}

async fn list_by_topic(call: Call, input: PagedByTopic) -> Result<Listed, ApiError> {
    let name = topic(&call, &input.topic_arn)?;
    let list = format!("ListSubscriptionsByTopic/{name}");
    listed(&call, Some(name), &list, input.next_token).await
}

async fn listed(
    call: &Call,
    topic: Option<TopicName>,
    list: &str,
    token: Option<String>,
) -> Result<Listed, ApiError> {
    let after: Option<Uuid> = page::place(list, token.as_deref())?;
    let found = call.store().list_subscriptions(topic, after, PAGE).await?;
    let shown = found.items.into_iter().map(|it| Shown::of(it, call.scope()));
    Ok(Listed {
        subscriptions: shown.collect(),
        next_token: found.next.map(|place| page::token(list, &place)),
    })
}
