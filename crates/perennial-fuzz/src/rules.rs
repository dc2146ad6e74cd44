//! Rule SQL, templates, and payloads as rules read them.

use perennial_core::{
    rule::{
        Algorithm, Digests, Incoming, Message, Offset, Random, Rule, Surroundings, Template,
        TopicRule, Zones,
        action::{Delivery, HttpPost},
    },
    time::Timestamp,
};
use serde_json::Value;

/// A statement, an octet 0, a payload.
pub(crate) fn rule(input: &[u8]) {
    let (sql, payload) = super::cut(input, 0);
    let Ok(sql) = str::from_utf8(sql) else { return };
    let Ok(rule) = Rule::parse(sql) else { return };
    let printed = rule.to_string();
    // Quotes that were double may come out longer than a statement may be.
    if printed.len() <= sql.len() {
        assert_eq!(Rule::parse(&printed).as_ref(), Ok(&rule), "{printed}");
    }

    let once = rule.run(&incoming(payload)).map(|made| made.map(|made| made.into_owned()));

    let twice = rule.run(&incoming(payload)).map(|made| made.map(|made| made.into_owned()));
    assert_eq!(once, twice, "{printed}");
    if let Ok(Some(made)) = once
        && !made.is_empty()
        && made != payload
    {
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&made).is_ok(), "{printed}");
    }
}

/// A template, an octet 0, a payload.
pub(crate) fn template(input: &[u8]) {
    let (text, payload) = super::cut(input, 0);
    let Ok(text) = str::from_utf8(text) else { return };
    let Ok(template) = Template::parse(text) else { return };

    let filled = template.fill(&incoming(payload));

    let printed = template.to_string();
    if let Ok(again) = Template::parse(&printed) {
        assert_eq!(again.fill(&incoming(payload)), filled, "{printed}");
    }
}

/// A rule as a document, an octet 0, a payload: what it delivers can be kept and read back, and a
/// way back to it is found or not, whatever its actions are.
pub(crate) fn topic_rule(input: &[u8]) {
    let (document, payload) = super::cut(input, 0);
    let Ok(rule) = serde_json::from_slice::<TopicRule>(document) else { return };
    let again = serde_json::to_vec(&rule).ok().and_then(|it| serde_json::from_slice(&it).ok());
    assert_eq!(again.as_ref(), Some(&rule));
    let Ok(ready) = rule.ready() else { return };
    let _ = ready.check_loops("it", [("other", &ready)].into_iter(), &[]);

    let Ok(outcomes) = ready.run(&incoming(payload)) else { return };

    assert!(outcomes.is_empty() || outcomes.len() == ready.len());
    for delivery in outcomes.into_iter().flatten() {
        travel_together(&delivery);
        let kept = serde_json::to_vec(&delivery).unwrap_or_default();
        assert_eq!(serde_json::from_slice::<Delivery>(&kept).ok(), Some(delivery));
    }
}

/// What is sent twice in one request is an array of two, or no JSON.
fn travel_together(delivery: &Delivery) {
    let Delivery::Http(post) = delivery else { return };
    match HttpPost::together(&[post, post]) {
        Ok(both) => {
            let body = str::from_utf8(&both.payload.0).unwrap_or_default();
            let both = serde_json::from_str::<Vec<serde::de::IgnoredAny>>(body);
            assert_eq!(both.map(|it| it.len()).ok(), Some(2), "{body}");
        }
        Err(place) => assert!(place == 0 && !post.payload.is_json()),
    }
}

/// A payload: what is JSON, and what it says, is as serde_json has it.
pub(crate) fn rule_payload(payload: &[u8]) {
    let Ok(rule) = Rule::parse("SELECT * AS it FROM 'a'") else { return };
    let incoming = incoming(payload);

    let Ok(Some(made)) = rule.run(&incoming) else { return };

    let made: Value = serde_json::from_slice(&made).unwrap_or_default();
    match serde_json::from_slice::<Value>(payload) {
        // Serde knows numbers up to 1E308, rules up to 1E999.
        Err(error) => assert!(made.get("it").is_none() || error.to_string().contains("range")),
        Ok(read) if payload.len() < 512 => assert!(alike(made.get("it"), &read), "{made}"),
        Ok(_) => {}
    }
}

/// Whether both say the same, numbers as far as a double goes.
fn alike(found: Option<&Value>, read: &Value) -> bool {
    match (found, read) {
        (Some(Value::Number(a)), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(0.0), b.as_f64().unwrap_or(0.0));
            a == b || (a - b).abs() <= f64::EPSILON * a.abs().max(b.abs())
        }
        (Some(Value::Array(a)), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(Some(a), b))
        }
        (Some(Value::Object(a)), Value::Object(b)) => {
            a.len() == b.len() && b.iter().all(|(name, b)| alike(a.get(name), b))
        }
        (found, read) => found == Some(read),
    }
}

fn incoming(payload: &[u8]) -> Incoming<'_> {
    let message = Message {
        topic: "a/b",
        payload,
        client_id: Some("pump-1"),
        principal: None,
        trace_id: None,
    };
    let surroundings = Surroundings {
        account_id: "000000000000",
        now: Timestamp::from_secs(1_800_000_000),
        random: &Fixed,
        digests: &Fixed,
        zones: &Fixed,
    };
    Incoming::new(message, surroundings)
}

/// The same random number, digest and zone each time.
struct Fixed;

impl Random for Fixed {
    fn bits(&self) -> u128 {
        7
    }
}

impl Digests for Fixed {
    fn digest(&self, _: Algorithm, octets: &[u8]) -> Vec<u8> {
        octets.iter().copied().take(16).collect()
    }
}

impl Zones for Fixed {
    fn at(&self, zone: &str, _: Timestamp) -> Option<Offset> {
        let offset = Offset { seconds: -5_400, abbreviation: "XST".to_owned() };
        zone.starts_with("X/").then_some(offset)
    }

    fn when_clocks_show(&self, zone: &str, _: i64) -> Option<Offset> {
        self.at(zone, Timestamp::EPOCH)
    }
}
