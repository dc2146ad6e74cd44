//! Destinations of HTTP actions: making, confirming, showing, listing, switching, deleting.

use std::collections::BTreeSet;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use http::{Method, Uri, uri::Authority};
use perennial_core::{
    access::Need,
    ids::{Digest, ResourceId},
};
use perennial_store::{DestinationStatus, RuleDestination, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError, Confirmation,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
    wire::Seconds,
};

const ALL: &str = "/destinations";
const ONE: &str = "/destinations/{*arn}";
/// What stands before the token in the URL that confirms.
pub(crate) const CONFIRM: &str = "/confirmdestination/";
/// The kind in a destination's ARN, and what stands before its id.
const KIND: (&str, &str) = ("ruledestination", "http/");
/// The longest URL, as at AWS.
const MAX_URL: usize = 2000;
/// The octets of a token.
const TOKEN_LEN: usize = 32;

pub(super) fn operations() -> Vec<Operation> {
    let confirmed = "/confirmdestination/{*confirmationToken}";
    vec![
        Operation::iot("CreateTopicRuleDestination", (Method::POST, ALL), Need::Operate, create),
        Operation::iot("GetTopicRuleDestination", (Method::GET, ONE), Need::Read, show),
        Operation::iot("ListTopicRuleDestinations", (Method::GET, ALL), Need::Read, list),
        Operation::iot("UpdateTopicRuleDestination", (Method::PATCH, ALL), Need::Operate, update),
        Operation::iot("DeleteTopicRuleDestination", (Method::DELETE, ONE), Need::Operate, delete),
        Operation::iot(
            "ConfirmTopicRuleDestination",
            (Method::GET, confirmed),
            Need::Operate,
            confirm_signed,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct New {
    destination_configuration: Configuration,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Configuration {
    http_url_configuration: HttpUrl,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HttpUrl {
    confirmation_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    topic_rule_destination: Shown,
}

/// AWS's `TopicRuleDestination`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(flatten)]
    common: Common,
    http_url_properties: HttpUrl,
}

/// AWS's `TopicRuleDestinationSummary`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    #[serde(flatten)]
    common: Common,
    http_url_summary: HttpUrl,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Common {
    arn: String,
    status: &'static str,
    created_at: Seconds,
    last_updated_at: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
}

fn common(call: &Call, it: &RuleDestination) -> Common {
    Common {
        arn: arn(call, it.id),
        status: it.status.as_str(),
        created_at: Seconds(it.created_at),
        last_updated_at: Seconds(it.updated_at),
        status_reason: it.reason.clone(),
    }
}

fn shown(call: &Call, it: RuleDestination) -> One {
    let common = common(call, &it);
    let http_url_properties = HttpUrl { confirmation_url: it.confirmation_url };
    One { topic_rule_destination: Shown { common, http_url_properties } }
}

fn arn(call: &Call, id: ResourceId) -> String {
    call.scope().arn(KIND.0, &format!("{}{id}", KIND.1))
}

/// The id in an ARN of this server's.
fn id(call: &Call, arn: &str) -> Result<ResourceId, ApiError> {
    let before = call.scope().arn(KIND.0, KIND.1);
    let id = arn.strip_prefix(&before).and_then(|id| id.parse().ok());
    id.ok_or_else(|| {
        let message = format!("arn: {before}ID of a topic rule destination is expected");
        ApiError::invalid(message)
    })
}

async fn create(call: Call, input: Input<Nothing, Nothing, New>) -> Result<One, ApiError> {
    let host = input.optional_header("host")?.map(str::to_owned);
    let url = input.body.destination_configuration.http_url_configuration.confirmation_url;
    check_url(&url)?;
    let (token, digest) = token()?;
    let made = call.store().create_rule_destination(url.clone(), digest, call.now()).await;
    let made = made.map_err(|error| exists(&call, error))?;
    ask(&call, &made, token, host.as_deref());
    Ok(shown(&call, made))
}

fn exists(call: &Call, error: StoreError) -> ApiError {
    let StoreError::Exists { name, id: Some(id), .. } = &error else { return error.into() };
    let message = format!("The destination {name} exists already");
    ApiError::exists(message, &id.to_string(), &arn(call, *id))
}

/// Makes the destinations of these confirmation URLs that there are not, and asks their owners.
pub(super) async fn ask_where_needed(
    call: &Call,
    urls: &BTreeSet<&str>,
    host: Option<&str>,
) -> Result<(), ApiError> {
    for url in urls {
        check_url(url)?;
        let (token, digest) = token()?;
        let url = (*url).to_owned();
        match call.store().create_rule_destination(url, digest, call.now()).await {
            Ok(made) => ask(call, &made, token, host),
            Err(StoreError::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Sends the owner the request, which names this server as its caller knows it.
fn ask(call: &Call, it: &RuleDestination, token: String, host: Option<&str>) {
    let host = host.unwrap_or_default();
    call.routing().ask_to_confirm(Confirmation {
        id: it.id,
        arn: arn(call, it.id),
        url: it.confirmation_url.clone(),
        enable_url: format!("https://{host}{CONFIRM}{token}"),
        token,
    });
}

fn check_url(url: &str) -> Result<(), ApiError> {
    let uri: Option<Uri> = url.parse().ok();
    let fits = url.len() <= MAX_URL
        && uri.is_some_and(|it| {
            it.scheme_str() == Some("https") && it.authority().is_some_and(is_host)
        })
        // It would not be sent, and neither what is added behind it.
        && !url.contains('#');
    if fits {
        return Ok(());
    }
    let message = format!(
        "confirmationUrl: https://HOST/PATH is expected, without a user or a fragment and of at most \
         {MAX_URL} bytes"
    );
    Err(ApiError::invalid(message))
}

/// Whether it is a host, perhaps with a port, and nothing else.
fn is_host(authority: &Authority) -> bool {
    let text = authority.as_str();
    !text.contains('@') && (text == authority.host() || authority.port().is_some())
}

/// A token that nobody can guess, and its digest, which is all that is kept of it.
fn token() -> Result<(String, Digest), ApiError> {
    let mut octets = [0; TOKEN_LEN];
    let filled = SystemRandom::new().fill(&mut octets);
    filled.map_err(|_| ApiError::internal(&"the system gives no random numbers"))?;
    let token = hex::encode(octets);
    let digest = digest_of(&token);
    Ok((token, digest))
}

fn digest_of(token: &str) -> Digest {
    let mut octets = [0; 32];
    octets.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    Digest::from_bytes(octets)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenPath {
    confirmation_token: String,
}

async fn confirm_signed(call: Call, input: Input<TokenPath>) -> Result<Nothing, ApiError> {
    confirm(&call, &input.path.confirmation_token).await
}

/// Confirms for whoever has the token: it was sent to the destination and to nobody else.
pub(crate) async fn confirm(call: &Call, token: &str) -> Result<Nothing, ApiError> {
    call.store().confirm_rule_destination(digest_of(token), call.now()).await?;
    call.routing().changed().await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArnPath {
    arn: String,
}

async fn show(call: Call, input: Input<ArnPath>) -> Result<One, ApiError> {
    let found = call.store().rule_destination(id(&call, &input.path.arn)?).await?;
    Ok(shown(&call, found))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    destination_summaries: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list(call: Call, input: Input<Nothing, page::Paged>) -> Result<Listed, ApiError> {
    let page::Paged { max_results, next_token } = input.query;
    let list = "ListTopicRuleDestinations";
    let limit = page::limit(max_results, "maxResults")?;
    let after = page::place(list, next_token.as_deref())?;
    let found = call.store().rule_destinations(after, limit).await?;
    let summary = |it: RuleDestination| Summary {
        common: common(&call, &it),
        http_url_summary: HttpUrl { confirmation_url: it.confirmation_url },
    };
    Ok(Listed {
        destination_summaries: found.items.into_iter().map(summary).collect(),
        next_token: found.next.map(|place| page::token(list, &place)),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    arn: String,
    status: Wanted,
}

/// The statuses that can be asked for.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Wanted {
    Enabled,
    Disabled,
    InProgress,
}

/// IN_PROGRESS asks the owner anew.
async fn update(call: Call, input: Input<Nothing, Nothing, Change>) -> Result<Nothing, ApiError> {
    let host = input.optional_header("host")?.map(str::to_owned);
    let id = id(&call, &input.body.arn)?;
    let status = match input.body.status {
        Wanted::InProgress => {
            let (token, digest) = token()?;
            let waiting = call.store().await_confirmation(id, digest, call.now()).await?;
            call.routing().changed().await?;
            ask(&call, &waiting, token, host.as_deref());
            return Ok(Nothing {});
        }
        Wanted::Enabled => DestinationStatus::Enabled,
        Wanted::Disabled => DestinationStatus::Disabled,
    };
    call.store().set_rule_destination(id, status, None, call.now()).await?;
    call.routing().changed().await?;
    Ok(Nothing {})
}

/// Deleting a destination that is not there is no error.
async fn delete(call: Call, input: Input<ArnPath>) -> Result<Nothing, ApiError> {
    call.store().delete_rule_destination(id(&call, &input.path.arn)?, call.now()).await?;
    call.routing().changed().await?;
    Ok(Nothing {})
}
