//! POSTs: SNS's messages to HTTP endpoints, and what chats' webhooks want.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use perennial_core::notice_topic::{Protocol, slack, teams};
use perennial_outbound::SendError;
use perennial_store::{Due, DueDelivery, Lane};

use super::sending::{NotSent, Sending};

/// The longest that is kept of an answer, in bytes.
const MAX_SHOWN: usize = 200;

/// Posts what is due.
pub(super) async fn send(
    sending: &Sending,
    lane: &Lane,
    delivery: &DueDelivery,
    due: &Due,
) -> Result<String, NotSent> {
    let (body, kind) = body(sending, lane.protocol, delivery, due)?;
    let mut request = Request::post(lane.endpoint.as_str())
        .body(Bytes::from(body))
        .map_err(|error| NotSent::Never(error.to_string()))?;
    let agent = concat!("perennial/", env!("CARGO_PKG_VERSION"));
    let headers = request.headers_mut();
    set(headers, header::CONTENT_TYPE, kind)?;
    set(headers, header::USER_AGENT, agent)?;
    if matches!(lane.protocol, Protocol::Http | Protocol::Https) {
        tell(headers, sending, delivery, due)?;
    }
    let answer = sending.http.send(request).await.map_err(|error| match error {
        SendError::Refused(refusal) => NotSent::Never(refusal.to_string()),
        SendError::Failed(failure) => NotSent::Unreachable(failure.to_string()),
    })?;
    let shown = String::from_utf8_lossy(answer.body().get(..MAX_SHOWN).unwrap_or(answer.body()));
    judge(answer.status(), shown.trim())
}

/// Whether an endpoint took it. As SNS has it, what is the sender's fault stays so; a redirect is
/// not followed.
fn judge(status: StatusCode, body: &str) -> Result<String, NotSent> {
    let said = format!("{status} {body}").trim().to_owned();
    let is_temporary =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    if status.is_success() {
        Ok(said)
    } else if status.is_client_error() && !is_temporary {
        Err(NotSent::Never(said))
    } else {
        Err(NotSent::NotNow(said))
    }
}

fn body(
    sending: &Sending,
    protocol: Protocol,
    delivery: &DueDelivery,
    due: &Due,
) -> Result<(String, &'static str), NotSent> {
    let (plain, json) = ("text/plain; charset=UTF-8", "application/json");
    Ok(match (protocol, &due.what) {
        (Protocol::Slack, Ok(message)) => {
            (slack(message.subject(), message.text_for(protocol)), json)
        }
        (Protocol::Teams, Ok(message)) => {
            (teams(message.subject(), message.text_for(protocol)), json)
        }
        (_, Ok(message)) if due.settings.raw_message_delivery => {
            (message.text_for(protocol).to_owned(), plain)
        }
        (_, _) => (sending.enveloped(protocol, delivery, due)?, plain),
    })
}

/// SNS's header fields.
fn tell(
    headers: &mut HeaderMap,
    sending: &Sending,
    delivery: &DueDelivery,
    due: &Due,
) -> Result<(), NotSent> {
    let is_message = due.what.is_ok();
    let kind = if is_message { "Notification" } else { "SubscriptionConfirmation" };
    let named = |name| HeaderName::from_static(name);
    set(headers, named("x-amz-sns-message-type"), kind)?;
    set(headers, named("x-amz-sns-message-id"), &delivery.message_id.to_string())?;
    set(headers, named("x-amz-sns-topic-arn"), &sending.urls.topic_arn(&due.topic))?;
    if is_message {
        let arn = sending.urls.subscription_arn(&due.topic, &due.subscription);
        set(headers, named("x-amz-sns-subscription-arn"), &arn)?;
    }
    if is_message && due.settings.raw_message_delivery {
        set(headers, named("x-amz-sns-rawdelivery"), "true")?;
    }
    Ok(())
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), NotSent> {
    let value = HeaderValue::from_str(value).map_err(|error| NotSent::Never(error.to_string()))?;
    headers.insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_judged_as_sns_does() {
        let judged = |code: u16| judge(StatusCode::from_u16(code).unwrap(), "x");

        assert!([200, 202, 204].into_iter().all(|code| judged(code).is_ok()));
        for code in [302, 307, 408, 429, 500, 503] {
            assert!(matches!(judged(code), Err(NotSent::NotNow(_))), "{code}");
        }
        for code in [400, 401, 403, 404, 410] {
            assert!(matches!(judged(code), Err(NotSent::Never(_))), "{code}");
        }
    }
}
