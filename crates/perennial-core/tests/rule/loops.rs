//! Rules whose messages would come back to them are found, and said how.

use perennial_core::rule::{
    Rule, Template,
    loops::{Republishing, check},
};

struct Given {
    name: &'static str,
    rule: Rule,
    topics: Vec<Template>,
}

fn given(name: &'static str, filter: &str, topics: &[&str]) -> Given {
    let rule = Rule::parse(&format!("SELECT * FROM '{filter}'")).unwrap();
    let topics = topics.iter().map(|topic| Template::parse(topic).unwrap()).collect();
    Given { name, rule, topics }
}

impl Given {
    fn as_republishing(&self) -> Republishing<'_> {
        Republishing { name: self.name, rule: &self.rule, topics: &self.topics }
    }
}

fn alone(filter: &str, topic: &str) -> Result<(), String> {
    let rule = given("r", filter, &[topic]);
    check(rule.as_republishing(), &[]).map_err(|found| found.to_string())
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

    let found = check(start.as_republishing(), &rules).unwrap_err();

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

    assert_eq!(check(start.as_republishing(), &rules), Ok(()));
}

#[test]
fn a_rule_that_is_replaced_is_looked_at_as_it_will_be() {
    let before = given("r", "a", &["a"]);
    let after = given("r", "a", &["b"]);

    assert_eq!(check(after.as_republishing(), &[before.as_republishing()]), Ok(()));
}
