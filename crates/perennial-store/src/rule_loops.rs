//! Ways back: neither a rule nor a subscription is taken in by which a rule's messages would come back
//! to it.

use perennial_core::{
    ids::RuleName,
    notice_topic::TopicName,
    rule::{ReadyRule, RuleInvalid, TopicRule, loops::Relay},
};
use rusqlite::Connection;

use crate::{StoreError, topic_rules};

/// The most subscriptions by which notice topics' messages come back to the broker: all of them are
/// looked at for every rule that publishes to a notice topic.
pub const MAX_RELAYS: usize = 1000;

/// Checks a rule that is made or changed. One that is off takes no message, so that no way leads
/// through it.
pub(crate) fn check_loops(
    connection: &Connection,
    name: &RuleName,
    rule: &TopicRule,
) -> Result<(), StoreError> {
    let ready = rule.ready()?;
    if rule.rule_disabled {
        return Ok(());
    }
    let others = rules_that_are_on(connection)?;
    let named = others.iter().map(|(name, rule)| (name.as_str(), rule));
    Ok(ready.check_loops(name.as_str(), named, &relays(connection)?)?)
}

/// Checks the subscriptions once there is another one to `notice_topic` that is a topic of the
/// broker.
pub(crate) fn check_relays(
    connection: &Connection,
    notice_topic: &TopicName,
) -> Result<(), StoreError> {
    let relays = relays(connection)?;
    if relays.len() > MAX_RELAYS {
        return Err(StoreError::limit(MAX_RELAYS, "subscriptions over mqtt"));
    }
    let rules = rules_that_are_on(connection)?;
    for (name, rule) in rules.iter().filter(|(_, it)| it.may_notify(notice_topic.as_str())) {
        let named = rules.iter().map(|(name, rule)| (name.as_str(), rule));
        rule.check_loops(name.as_str(), named, &relays)?;
    }
    Ok(())
}

fn rules_that_are_on(connection: &Connection) -> Result<Vec<(RuleName, ReadyRule)>, StoreError> {
    let stored = topic_rules::all(connection)?.into_iter().filter(|it| !it.rule.rule_disabled);
    let read = stored.map(|it| Ok((it.name, it.rule.ready()?)));
    Ok(read.collect::<Result<_, RuleInvalid>>()?)
}

fn relays(connection: &Connection) -> Result<Vec<Relay>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT t.name, s.endpoint FROM notice_subscriptions s \
         INDEXED BY notice_subscriptions_relaying \
         CROSS JOIN notice_topics t ON t.number = s.topic WHERE s.protocol = 'mqtt' AND s.topic > 0",
    )?;
    let rows = statement
        .query_map([], |row| Ok(Relay { notice_topic: row.get(0)?, topic: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
