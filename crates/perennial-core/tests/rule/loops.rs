//! Rules whose messages would come back to them are found, and said how.

use perennial_core::rule::{
    Rule, Template,
    loops::{Relay, Republishing, check},
};

struct Given {
    name: &'static str,
    rule: Rule,
    topics: Vec<Template>,
    notices: Vec<Template>,
}

fn given(name: &'static str, filter: &str, topics: &[&str]) -> Given {
    let rule = Rule::parse(&format!("SELECT * FROM '{filter}'")).unwrap();
    Given { name, rule, topics: templates(topics), notices: Vec::new() }
}

fn templates(texts: &[&str]) -> Vec<Template> {
    texts.iter().map(|text| Template::parse(text).unwrap()).collect()
}

fn notifying(name: &'static str, filter: &str, arn: &str) -> Given {
    Given { notices: templates(&[arn]), ..given(name, filter, &[]) }
}

fn relay(notice_topic: &str, topic: &str) -> Relay {
    Relay { notice_topic: notice_topic.to_owned(), topic: topic.to_owned() }
}

impl Given {
    fn as_republishing(&self) -> Republishing<'_> {
        let Self { name, rule, topics, notices } = self;
        Republishing { name, rule, topics, notices }
    }
}

fn alone(filter: &str, topic: &str) -> Result<(), String> {
    let rule = given("r", filter, &[topic]);
    check(rule.as_republishing(), &[], &[]).map_err(|found| found.to_string())
}

#[test]
fn a_rule_that_republishes_to_itself_is_refused() {
    for (filter, topic) in [
        ("a/b", "a/b"),
        ("a/#", "a/c"),
        ("#", "anything"),
        ("#", "${topic()}/republish"),
        ("a/#", "${topic()}/republish"),
        ("a/+", "a/${newuuid()}"),
        ("a/+", "a/${x}"),
        ("in/+", "${x}/out"),
        ("a/+/c", "a/${topic(2)}/c"),
        ("$aws/#", "$$aws/x"),
        ("a/#", "${'a'}/b"),
        ("$x/y", "$$x/y"),
        ("$x/y", "${'$'}$x/y"),
        ("$x/y", "$${'$x/y'}"),
        ("$x/y", "$${x}"),
    ] {
        let refused = alone(filter, topic);

        assert!(refused.is_err(), "{filter} {topic}");
    }
}

#[test]
fn a_rule_whose_messages_do_not_come_back_is_let_be() {
    for (filter, topic) in [
        ("some/topic", "${topic()}/republish"),
        ("a/b", "another/topic"),
        ("a/+", "a/${newuuid()}/x"),
        ("devices/+/data", "devices/${topic(2)}/alerts"),
        ("in/#", "out/${x}"),
        ("#", "$$aws/things/x/shadow/update"),
        ("+/b", "${topic(1)}/c"),
        ("a/+", "${topic(2)}"),
    ] {
        assert_eq!(alone(filter, topic), Ok(()), "{filter} {topic}");
    }
}

#[test]
fn a_way_back_by_other_rules_is_told_step_by_step() {
    let start = given("first", "a", &["x", "b/1"]);
    let rules =
        [given("second", "b/+", &["c"]), given("third", "c", &["a"]), given("other", "x", &["y"])];
    let rules: Vec<_> = rules.iter().map(Given::as_republishing).collect();

    let found = check(start.as_republishing(), &rules, &[]).unwrap_err();

    assert_eq!(
        found.to_string(),
        "the messages of this rule may come back to it for ever: \
         rule first republishes to 'b/1', which rule second takes by 'b/+'; \
         rule second republishes to 'c', which rule third takes by 'c'; \
         rule third republishes to 'a', which rule first takes by 'a'. \
         Republish under a first level of its own"
    );
}

#[test]
fn a_loop_that_others_have_among_them_is_not_this_rules() {
    let start = given("first", "a", &["b"]);
    let rules = [given("second", "b", &["c"]), given("third", "c", &["b"])];
    let rules: Vec<_> = rules.iter().map(Given::as_republishing).collect();

    assert_eq!(check(start.as_republishing(), &rules, &[]), Ok(()));
}

#[test]
fn a_rule_that_is_replaced_is_looked_at_as_it_will_be() {
    let before = given("r", "a", &["a"]);
    let after = given("r", "a", &["b"]);

    assert_eq!(check(after.as_republishing(), &[before.as_republishing()], &[]), Ok(()));
}

#[test]
fn a_way_back_by_a_notice_topics_subscriber_is_found() {
    let arn = "arn:aws:sns:local-1:000000000000:alarms";
    let start = notifying("first", "a/+", arn);
    let second = [given("second", "b/#", &["a/1"])];
    let second: Vec<_> = second.iter().map(Given::as_republishing).collect();
    let found = |relays: &[Relay]| check(start.as_republishing(), &second, relays);

    let direct = found(&[relay("alarms", "a/1")]).unwrap_err();
    let by_another = found(&[relay("alarms", "c"), relay("alarms", "b/x")]).unwrap_err();

    assert_eq!(
        direct.to_string(),
        "the messages of this rule may come back to it for ever: rule first publishes to the notice \
         topic alarms, whose subscriber is 'a/1', which rule first takes by 'a/+'. Republish under \
         a first level of its own"
    );
    assert_eq!(by_another.steps.len(), 2);
    assert_eq!(found(&[relay("alarms", "c"), relay("more-alarms", "a/1")]), Ok(()));
}

#[test]
fn a_notice_topic_that_the_message_chooses_may_be_any() {
    let start = notifying("r", "a", "arn:aws:sns:local-1:000000000000:${x}");

    let found = check(start.as_republishing(), &[], &[relay("any", "a")]);

    assert!(found.is_err());
}
