//! Chats: a message as Slack's and Teams' webhooks want it.

use serde_json::json;

/// The longest text that is shown; Slack cuts at 40,000 characters, Teams at 28 KB.
const MAX_SHOWN: usize = 20_000;

/// The body for a Slack incoming webhook. Slack's three control characters are escaped, so that no
/// message can mention people or hide where a link leads.
pub fn slack(subject: Option<&str>, text: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let head = subject.map(|subject| format!("*{}*\n", escaped(subject))).unwrap_or_default();
    json!({ "text": format!("{head}{}", escaped(&shown(text))) }).to_string()
}

/// The body for a Teams workflow's webhook: a message with one Adaptive Card.
pub fn teams(subject: Option<&str>, text: &str) -> String {
    let block = |text: &str, weight: &str| json!({ "type": "TextBlock", "text": text, "wrap": true, "weight": weight });
    let head = subject.map(|subject| block(subject, "Bolder"));
    let blocks: Vec<_> = head.into_iter().chain([block(&shown(text), "Default")]).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": blocks,
            },
        }],
    })
    .to_string()
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn slack_mentions_nobody() {
        let body: Value =
            serde_json::from_str(&slack(Some("Pump & co"), "<!channel> it's away")).unwrap();

        assert_eq!(body["text"], "*Pump &amp; co*\n&lt;!channel&gt; it's away");
    }

    #[test]
    fn teams_gets_one_card_and_long_texts_are_cut() {
        let body: Value = serde_json::from_str(&teams(Some("Away"), &"é".repeat(30_000))).unwrap();

        let blocks = &body["attachments"][0]["content"]["body"];
        assert_eq!(blocks[0]["text"], "Away");
        assert_eq!(
            blocks[1]["text"].as_str().map(|text| text.chars().count()),
            Some(MAX_SHOWN + 1)
        );
    }
}
