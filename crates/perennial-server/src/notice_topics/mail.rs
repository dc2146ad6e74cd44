//! Mails: a message for people, or SNS's JSON for programs.

use perennial_core::notice_topic::Protocol;
use perennial_outbound::{Mail, MailError};
use perennial_store::{Due, DueDelivery, Lane};

use super::sending::{NotSent, Sending};

/// Mails what is due.
pub(super) async fn send(
    sending: &Sending,
    lane: &Lane,
    delivery: &DueDelivery,
    due: &Due,
) -> Result<String, NotSent> {
    let none =
        || NotSent::Never("no mail leaves: there is no [mail] in the configuration".to_owned());
    let mailer = sending.mail.as_ref().ok_or_else(none)?;
    let mail = mail(sending, lane, delivery, due)?;
    mailer.send(mail).await.map_err(|error| match error {
        MailError::Refused(_) => NotSent::Never(error.to_string()),
        MailError::Failed(_) => NotSent::Unreachable(error.to_string()),
    })
}

fn mail(
    sending: &Sending,
    lane: &Lane,
    delivery: &DueDelivery,
    due: &Due,
) -> Result<Mail, NotSent> {
    let arn = sending.urls.topic_arn(&due.topic);
    let unsubscribe_url = sending.unsubscribe_url(due);
    let subject = match &due.what {
        Ok(message) => {
            message.subject().map_or_else(|| format!("Notice: {}", due.topic), str::to_owned)
        }
        Err(_) => format!("Subscribe to {}?", due.topic),
    };
    let text = match (&due.what, lane.protocol) {
        (_, Protocol::EmailJson) => sending.enveloped(Protocol::EmailJson, delivery, due)?,
        (Ok(message), _) => {
            let id = delivery.message_id;
            let text = message.text_for(Protocol::Email);
            format!(
                "{text}\n\n-- \nTopic: {arn}\nMessage: {id}\nNo more of these: {unsubscribe_url}\n"
            )
        }
        (Err(token), _) => question(&arn, &sending.urls.subscribe(&due.topic, token)),
    };
    Ok(Mail {
        to: lane.endpoint.clone(),
        from_name: Some(due.display_name.clone()),
        subject,
        text,
        unsubscribe_url: due.what.is_ok().then_some(unsubscribe_url),
    })
}

fn question(arn: &str, url: &str) -> String {
    format!(
        "Somebody wants messages of the topic\n\n    {arn}\n\nto come to this address. If you want \
         them, visit\n\n    {url}\n\nwithin two days. If you do not, do nothing: nothing else will \
         come.\n"
    )
}
