//! The rules engine as the API sees it, and the requests by which destinations are confirmed.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use perennial_api::{Confirmation, Routing};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_outbound::{HttpSender, RetrySchedule, SendError};
use perennial_rules::Rules;
use perennial_store::{DeadLetter, DestinationStatus, Store, StoreError};
use serde_json::json;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How an owner who cannot be reached is asked again.
const AGAIN: RetrySchedule =
    RetrySchedule { first: Duration::from_secs(1), longest: Duration::from_secs(8), max_tries: 3 };

/// The engine, and what it takes to ask owners.
pub(crate) struct RulesRouting {
    rules: Rules,
    store: Store,
    sender: HttpSender,
    asking: TaskTracker,
}

impl RulesRouting {
    pub(crate) fn new(rules: Rules, store: Store, sender: HttpSender) -> Self {
        Self { rules, store, sender, asking: TaskTracker::new() }
    }
}

#[async_trait]
impl Routing for RulesRouting {
    async fn changed(&self) -> Result<(), StoreError> {
        self.rules.reload().await
    }

    fn ask_to_confirm(&self, confirmation: Confirmation) {
        self.asking.spawn(ask(self.sender.clone(), self.store.clone(), confirmation));
    }

    async fn replay(&self, id: i64, letter: DeadLetter) -> bool {
        self.rules.replay(id, letter).await
    }
}

async fn ask(sender: HttpSender, store: Store, confirmation: Confirmation) {
    let Confirmation { id, url, .. } = &confirmation;
    match asked(&sender, &confirmation).await {
        Ok(()) => info!(destination.id = %id, %url, "the destination was asked to confirm"),
        Err(reason) => {
            warn!(destination.id = %id, %url, reason, "the destination could not be asked to confirm");
            let reason = format!("The request to confirm did not arrive: {reason}");
            let status = DestinationStatus::Error;
            let now = SystemClock.now();
            if let Err(error) = store.set_rule_destination(*id, status, Some(reason), now).await {
                warn!(%error, "that could not be written down");
            }
        }
    }
}

async fn asked(sender: &HttpSender, confirmation: &Confirmation) -> Result<(), String> {
    let mut tries = 0;
    loop {
        let request = request(confirmation).map_err(|error| error.to_string())?;
        let (reason, may_work_later) = match sender.send(request).await {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => (format!("it answered {}", response.status()), true),
            Err(SendError::Refused(refusal)) => (refusal.to_string(), false),
            Err(SendError::Failed(failure)) => (failure.to_string(), true),
        };
        tries += 1;
        let pause = AGAIN.pause_after(tries, fastrand::u32(..)).filter(|_| may_work_later);
        let Some(pause) = pause else { return Err(reason) };
        tokio::time::sleep(pause).await;
    }
}

/// As AWS sends it ("Managing HTTP topic rule destinations").
fn request(confirmation: &Confirmation) -> Result<Request<Bytes>, http::Error> {
    let Confirmation { arn, url, token, enable_url, .. } = confirmation;
    let body = json!({ "arn": arn, "confirmationToken": token, "enableUrl": enable_url,
        "messageType": "DestinationConfirmation" });
    Request::builder()
        .method(Method::POST)
        .uri(asking(url, token))
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(
            HeaderName::from_static("x-amz-rules-engine-message-type"),
            HeaderValue::from_static("DestinationConfirmation"),
        )
        .header(HeaderName::from_static("x-amz-rules-engine-destination-arn"), arn)
        .body(Bytes::from(body.to_string()))
}

/// The URL that is asked: behind what the owner's own query says.
fn asking(url: &str, token: &str) -> String {
    match url.contains('?') {
        true => format!("{url}&confirmationToken={token}"),
        false => format!("{}/?confirmationToken={token}", url.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_a_parameter_whatever_the_url_has() {
        for (url, expected) in [
            ("https://a.example", "https://a.example/?confirmationToken=t"),
            ("https://a.example/in/", "https://a.example/in/?confirmationToken=t"),
            ("https://a.example/in?k=v", "https://a.example/in?k=v&confirmationToken=t"),
        ] {
            assert_eq!(asking(url, "t"), expected);
        }
    }
}
