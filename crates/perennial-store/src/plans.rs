//! Every statement of the registry is a search along an index: none reads a whole table or sorts.
#![allow(clippy::unwrap_used, reason = "a test and its own set-up")]

use std::{collections::BTreeSet, path::Path};

use parking_lot::Mutex;
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{
        BillingGroupName, CertificateId, Digest, PolicyName, RotationId, RuleName, ThingGroupName,
        ThingName, ThingTypeName,
    },
    logging::{LogLevel, LogTarget, TargetType},
    message::HookResult,
    notice::{Days, Fact, Kind},
    notice_topic::{Message, Protocol, SubscriptionSettings, TopicName, TopicSettings, Uuid},
    policy::Document,
    registry::{
        Attributes, AutoRegistration, CaStatus, CertificateMode, GroupProperties, NewThing,
        PolicyTarget, PrincipalType, Resource, Tag, Tags, ThingUpdate, TypeChange, TypeProperties,
    },
    rule::{
        TopicRule,
        action::{Delivery, Payload},
    },
    search::Query,
    time::{Timestamp, days},
};
use rusqlite::{
    Connection, StatementStatus,
    trace::{TraceEvent, TraceEventCodes},
};

use crate::{
    AttributeFilter, CaUpdate, Confirming, DeadLetter, DeliveryOutcome, EnrolmentRequest,
    EventFilter, GroupFilter, GroupUpdate, Intent, LoggingUpdate, NewCa, NewCertificate,
    NoticeFilter, Order, OtherCertificates, Outcome, Presented, Proof, RotationFilter,
    RotationRequest, Settings, Settled, Shared, SignedEnrolment, Store, Subscribing, ThingFilter,
    ValueFilter,
};

/// What was run so far in this process.
static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes each statement that `connection` runs.
pub(crate) fn watch(connection: &mut Connection) {
    let note = |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(statement, _) = event {
            STATEMENTS.lock().insert(statement.sql().into_owned());
        }
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note)).unwrap();
}

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const VALIDITY: Validity = Validity { not_before: NOW, not_after: NOW };
const ID: CertificateId = CertificateId::from_bytes([1; 32]);
const CA: CertificateId = CertificateId::from_bytes([2; 32]);

fn pump() -> ThingName {
    ThingName::new("pump").unwrap()
}

fn kind() -> ThingTypeName {
    ThingTypeName::new("kind").unwrap()
}

fn north() -> ThingGroupName {
    ThingGroupName::new("north").unwrap()
}

fn policy() -> PolicyName {
    PolicyName::new("policy").unwrap()
}

fn tags() -> Tags {
    Tags::new(vec![Tag { key: "a".to_owned(), value: "1".to_owned() }]).unwrap()
}

async fn make(store: &Store) {
    let text =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    let document = Document::parse(text).unwrap();
    store.create_policy(policy(), &document, tags(), NOW).await.unwrap();
    store.create_policy_version(policy(), &document, true, NOW).await.unwrap();
    store.create_thing_type(kind(), TypeProperties::default(), tags(), NOW).await.unwrap();
    bill(store).await;
    let attributes = Attributes::new([("a".to_owned(), "1".to_owned())].into()).unwrap();
    let thing = NewThing { name: pump(), type_name: Some(kind()), attributes };
    store.create_thing(thing, NOW).await.unwrap();
    let none = GroupProperties::default();
    store.create_thing_group(north(), None, none.clone(), tags(), NOW).await.unwrap();
    let below = ThingGroupName::new("below").unwrap();
    store.create_thing_group(below.clone(), Some(north()), none, tags(), NOW).await.unwrap();
    store.change_groups(pump(), vec![below], Vec::new(), NOW).await.unwrap();
    let ca = NewCa {
        certificate_id: CA,
        der: vec![1],
        subject_digest: Digest::from_bytes([1; 32]),
        validity: VALIDITY,
        status: CaStatus::Active,
        auto_registration: AutoRegistration::Enable,
        mode: CertificateMode::Default,
        registration_config: None,
        tags: tags(),
    };
    store.register_ca(ca, NOW).await.unwrap();
    let certificate = NewCertificate {
        certificate_id: ID,
        der: vec![1],
        spki_digest: Digest::from_bytes([1; 32]),
        validity: VALIDITY,
        status: CertificateStatus::Active,
        issuer: Some(CA),
        mode: CertificateMode::Default,
        thing: None,
        policies: vec![policy()],
    };
    store.register(vec![certificate], NOW).await.unwrap();
    let group = PolicyTarget::ThingGroup(north());
    store.attach_policy(policy(), group, NOW).await.unwrap();
    let exclusive = PrincipalType::ExclusiveThing;
    store.attach_principal(pump(), ID, exclusive, NOW).await.unwrap();
    let presented = Presented {
        certificate_id: CertificateId::from_bytes([3; 32]),
        der: vec![1],
        spki_digest: Digest::from_bytes([3; 32]),
        validity: VALIDITY,
        ca_certificate_id: CA,
    };
    store.register_presented(presented, NOW).await.unwrap();
    store.registration_code(NOW).await.unwrap();
}

/// A billing group from its making to its end.
async fn bill(store: &Store) {
    let (group, thing) =
        (BillingGroupName::new("bill").unwrap(), ThingName::new("billed").unwrap());
    store.create_billing_group(group.clone(), None, tags(), NOW).await.unwrap();
    let new = NewThing::named(thing.clone());
    store.create_thing_billed_to(new, Some(group.clone()), NOW).await.unwrap();
    store.update_billing_group(group.clone(), Some("x".into()), None, NOW).await.unwrap();
    store.billing_groups("b".to_owned(), None, 9).await.unwrap();
    store.things_billed_to(group.clone(), None, 9).await.unwrap();
    store.bill_thing_no_more_to(group.clone(), thing.clone(), NOW).await.unwrap();
    store.delete_billing_group(group, None, NOW).await.unwrap();
    store.delete_thing(thing, None, NOW).await.unwrap();
}

async fn list(store: &Store) {
    for type_name in [None, Some(kind())] {
        let named = |value| AttributeFilter { name: "a".to_owned(), value };
        let is = ValueFilter::Is("1".to_owned());
        for value in [None, Some(is), Some(ValueFilter::BeginsWith("1".to_owned()))] {
            let filter = ThingFilter { type_name: type_name.clone(), attribute: value.map(named) };
            store.list_things(filter, None, 9).await.unwrap();
        }
    }
    for order in [Order::Ascending, Order::Descending] {
        store.principals_with(policy(), order, None, 9).await.unwrap();
        store.list_policies(order, None, 9).await.unwrap();
        for issuer in [None, Some(CA)] {
            store.list_certificates(issuer, order, None, 9).await.unwrap();
        }
        for template in [None, Some("t".parse().unwrap())] {
            store.ca_certificates(template, order, None, 9).await.unwrap();
        }
    }
    for parent in [None, Some(north())] {
        for recursive in [true, false] {
            for prefix in ["", "n"] {
                let prefix = prefix.to_owned();
                let filter = GroupFilter { parent: parent.clone(), recursive, prefix };
                store.thing_groups(filter, None, 9).await.unwrap();
            }
        }
    }
    for recursive in [true, false] {
        store.things_in_group(north(), recursive, None, 9).await.unwrap();
        let target = PolicyTarget::ThingGroup(north());
        store.attached_policies(target, recursive).await.unwrap();
    }
    list_rotations_and_events(store).await;
    record_devices(store).await;
    search(store).await;
    store.groups_of(pump()).await.unwrap();
    store.thing_types(None, 9).await.unwrap();
    store.policies(None, 9).await.unwrap();
    store.policy_versions(policy()).await.unwrap();
    store.targets_of(policy(), None, 9).await.unwrap();
    for principal in [PolicyTarget::Certificate(ID), PolicyTarget::ThingGroup(north())] {
        store.effective_policies(Some(principal), None).await.unwrap();
    }
    store.policy_version(policy(), 1).await.unwrap();
    store.principals_of(pump(), None, None, 9).await.unwrap();
    store.things_of_principal(ID, None, None, 9).await.unwrap();
    store.certificates(None, 9).await.unwrap();
    store.cas_named(Digest::from_bytes([1; 32])).await.unwrap();
    store.tags_of(Resource::Policy(policy())).await.unwrap();
    store.certificate(ID).await.unwrap();
    store.principal_record(&ID, &|_| false).unwrap();
    store.thing_record(&ID, "pump", &|_| false).unwrap();
    let group = store.group_number(north()).await.unwrap();
    for shared in [Shared::Policy(policy()), Shared::Group(group)] {
        let mut after = None;
        loop {
            after = store.touched_by(shared.clone(), after, 1).await.unwrap().1;
            if after.is_none() {
                break;
            }
        }
    }
}

async fn search(store: &Store) {
    for query in [
        "a",
        "thingName:PUMP",
        "thingName:p*",
        "thingTypeName:kind",
        "thingGroupNames:North",
        "attributes.a:1",
        "attributes.a:*",
        "certificate.notAfter:[0 TO *]",
        "connectivity.connected:false AND certificate.notAfter>0",
    ] {
        let query: Query = query.parse().unwrap();
        let first = store.search_things(query.clone(), None, 1).await.unwrap();
        store.search_things(query, first.next, 1).await.unwrap();
    }
}

async fn record_devices(store: &Store) {
    store.update_logging(LoggingUpdate::default(), NOW).await.unwrap();
    let target = LogTarget::ThingGroup(north());
    store.set_log_level(target.clone(), LogLevel::Info, NOW).await.unwrap();
    for kind in [None, Some(TargetType::ThingGroup)] {
        let first = store.log_targets(kind, None, 1).await.unwrap();
        store.log_targets(kind, first.next, 1).await.unwrap();
    }
    store.log_levels().await.unwrap();
    store.delete_log_level(target, NOW).await.unwrap();
}

async fn list_rotations_and_events(store: &Store) {
    for order in [Order::Ascending, Order::Descending] {
        for thing in [None, Some(pump())] {
            for open in [true, false] {
                let filter = RotationFilter { thing: thing.clone(), open, state: None };
                store.list_rotations(filter, order, None, 9).await.unwrap();
            }
        }
        store.list_events(EventFilter::default(), order, None, 9).await.unwrap();
    }
    store.verify_events().await.unwrap().unwrap();
    let id = RotationId::from_bytes([1; 16]);
    store.history_after(id, None, 9).await.unwrap();
    let request =
        RotationRequest { rotation_id: id, thing: pump(), certificate_id: None, rekey: true };
    store.request_rotation(request, NOW).await.unwrap();
    store.request_cancellation(id, NOW).await.unwrap_err();
}

/// Enrols a thing with a key, twice.
async fn enrol(store: &Store) {
    let thing = ThingName::new("enrolled").unwrap();
    let digest = Digest::from_bytes([4; 32]);
    let intent =
        Intent { thing: thing.clone(), serial: [4; 20], validity: VALIDITY, spki: vec![4] };
    let others = OtherCertificates::Refuse;
    let request = EnrolmentRequest { intent, spki_digest: digest, others };
    let key_of = |_: &[u8]| Some(Digest::from_bytes([4; 32]));
    store.record_enrolments(vec![request], key_of, NOW).await.unwrap();
    let signed = SignedEnrolment {
        thing,
        spki_digest: digest,
        certificate_id: CertificateId::from_bytes([4; 32]),
        der: vec![4],
        validity: VALIDITY,
        issuer: CA,
        policies: Vec::new(),
        others,
    };
    store.store_enrolled(vec![signed.clone()], key_of, NOW).await.unwrap();
    store.store_enrolled(vec![signed], key_of, NOW).await.unwrap();
}

/// Keeps and reads rules, destinations and dead letters.
async fn route(store: &Store) {
    let name = || RuleName::new("r").unwrap();
    let rule = || {
        let text = r#"{"sql": "SELECT * FROM 'a'", "actions": [{"stdout": {}}]}"#;
        serde_json::from_str::<TopicRule>(text).unwrap()
    };
    store.create_topic_rule(name(), rule(), tags(), NOW).await.unwrap();
    store.enable_topic_rule(name(), false, NOW).await.unwrap();
    store.replace_topic_rule(name(), rule(), NOW).await.unwrap();
    store.topic_rules().await.unwrap();
    store.delete_topic_rule(name(), NOW).await.unwrap();
    let token = Digest::from_bytes([1; 32]);
    let made = store.create_rule_destination("https://a".to_owned(), token, NOW).await.unwrap();
    store.await_confirmation(made.id, token, NOW).await.unwrap();
    store.confirm_rule_destination(token, NOW).await.unwrap();
    store.rule_destinations(None, 9).await.unwrap();
    store.delete_rule_destination(made.id, NOW).await.unwrap();
    let letter = DeadLetter {
        rule: name(),
        topic: "a".to_owned(),
        client_id: None,
        reason: String::new(),
        delivery: Delivery::Stdout { payload: Payload(Vec::new().into()) },
        died_at: NOW,
        unfinished: false,
    };
    store.bury(vec![letter]).await.unwrap();
    for rule in [None, Some(name())] {
        store.dead_letters(rule, None, 9).await.unwrap();
    }
    store.dead_letter(1).await.unwrap();
    store.unfinished_letters(None, 9).await.unwrap();
    store.finish_dead_letter(1, "x".to_owned(), NOW).await.unwrap();
    store.forget_dead_letters(vec![1]).await.unwrap();
    store.sweep_dead_letters(9, NOW).await.unwrap();
}

/// Has people told of something, and looks at all that is known of it.
async fn notice(store: &Store) {
    let fact = Fact::HookFailed {
        rotation_id: RotationId::from_bytes([1; 16]),
        thing: pump(),
        hook: HookResult { exit_code: None },
    };
    let key = fact.fold_key();
    store.notice(vec![fact], NOW).await.unwrap();
    for order in [Order::Ascending, Order::Descending] {
        for open in [true, false] {
            for kind in [None, Some(Kind::HookFailed)] {
                store.list_notices(NoticeFilter { open, kind }, order, None, 9).await.unwrap();
            }
        }
    }
    let found = store.list_notices(NoticeFilter::default(), Order::Ascending, None, 9).await;
    let id = found.unwrap().items[0].id;
    let due = store.due_messages("log".to_owned(), 9, NOW).await.unwrap();
    let failed = DeliveryOutcome::Failed { reason: "x".to_owned(), hopeless: true };
    store.delivered(vec![(due[0].id, failed)], NOW).await.unwrap();
    store.step_due_notices(9, NOW + days(1)).await.unwrap();
    store.resolve_notice(key, NOW).await.unwrap();
    for delivery in store.due_messages("log".to_owned(), 9, NOW + days(1)).await.unwrap() {
        let proof = Proof { message_id: "m".to_owned(), taken_by: "x".to_owned() };
        let outcomes = vec![(delivery.id, DeliveryOutcome::Delivered(proof))];
        store.delivered(outcomes, NOW).await.unwrap();
    }
    while store.record_told_rotations(9).await.unwrap() {}
    store.stored_notice(id).await.unwrap();
    store.acknowledge_notice(id, "x".to_owned(), NOW).await.unwrap_err();
    let spans = Days::USUAL.to_vec();
    store.look_for_unreachable(spans, days(1), None, NOW).await.unwrap();
    store.forget_notices(9, NOW + days(500)).await.unwrap();
}

async fn change_and_delete(store: &Store) {
    let update = ThingUpdate { type_name: TypeChange::Remove, ..ThingUpdate::default() };
    store.update_thing(pump(), update, NOW).await.unwrap();
    let description = Some("x".to_owned());
    let update = GroupUpdate { description: description.clone(), ..GroupUpdate::default() };
    store.update_thing_group(north(), update, NOW).await.unwrap();
    store.describe_thing_type_as(kind(), description, NOW).await.unwrap();
    store.deprecate_thing_type(kind(), true, NOW).await.unwrap();
    store.delete_thing_type(kind(), NOW + days(1)).await.unwrap();
    let below = ThingGroupName::new("below").unwrap();
    store.change_groups(pump(), Vec::new(), vec![below.clone()], NOW).await.unwrap();
    store.change_groups(pump(), vec![below.clone()], Vec::new(), NOW).await.unwrap();
    store.delete_thing_group(below, None, NOW).await.unwrap();
    while store.sweep_groups(9).await.unwrap() {}
    store.untag(Resource::ThingGroup(north()), vec!["a".to_owned()], NOW).await.unwrap();
    store.update_status(ID, CertificateStatus::Inactive, NOW).await.unwrap();
    store.detach_principal(pump(), ID, NOW).await.unwrap();
    store.delete_certificate(ID, true, NOW).await.unwrap();
    let target = PolicyTarget::ThingGroup(north());
    store.detach_policy(policy(), target, NOW).await.unwrap();
    store.delete_policy_version(policy(), 1, NOW).await.unwrap();
    store.delete_policy(policy(), NOW).await.unwrap();
    store.delete_thing(pump(), None, NOW).await.unwrap();
    let update = CaUpdate { status: Some(CaStatus::Inactive), ..CaUpdate::default() };
    store.update_ca(CA, update, NOW).await.unwrap();
    store.delete_ca(CA, NOW).await.unwrap();
    store.delete_registration_code(NOW).await.unwrap();
    store.sweep(9, NOW).await.unwrap();
    store.forget_withdrawn(9, NOW).await.unwrap();
}

/// A notice topic from its making to its end.
async fn publish_and_deliver(store: &Store) {
    let (name, id) = (TopicName::new("alarms").unwrap(), |n| Uuid::from_random([n; 16]));
    let settings = TopicSettings::default;
    store.create_notice_topic(name.clone(), settings(), tags(), NOW).await.unwrap();
    store.set_notice_topic(name.clone(), ("DisplayName".into(), "x".into()), NOW).await.unwrap();
    store.list_notice_topics(None, 9).await.unwrap();
    store.notice_topic(name.clone()).await.unwrap();
    for n in 1..=2 {
        let digest = Digest::from_bytes([n; 32]);
        let confirming = Confirming { token: "t".to_owned(), digest, message_id: id(n + 10) };
        let wish = Subscribing {
            id: id(n),
            topic: name.clone(),
            protocol: Protocol::Https,
            endpoint: format!("https://{n}/"),
            settings: SubscriptionSettings::default(),
            confirming: Some(confirming),
        };
        store.subscribe(wish.clone(), NOW).await.unwrap();
        let asked_again = Confirming { message_id: id(n + 20), ..wish.confirming.clone().unwrap() };
        store.subscribe(Subscribing { confirming: Some(asked_again), ..wish }, NOW).await.unwrap();
    }
    let relay = Subscribing {
        id: id(3),
        topic: name.clone(),
        protocol: Protocol::Mqtt,
        endpoint: "a".to_owned(),
        settings: SubscriptionSettings::default(),
        confirming: None,
    };
    store.subscribe(relay, NOW).await.unwrap();
    store.confirm_subscription(name.clone(), Digest::from_bytes([1; 32]), true, NOW).await.unwrap();
    let raw = ("RawMessageDelivery".to_owned(), "true".to_owned());
    store.set_subscription(id(1), raw, NOW).await.unwrap();
    store.list_subscriptions(None, None, 9).await.unwrap();
    store.list_subscriptions(Some(name.clone()), None, 9).await.unwrap();
    let message = Message::new(None, "x".to_owned(), [].into()).unwrap();
    store.publish_notices(name.clone(), vec![(id(9), message)], NOW).await.unwrap();
    while store.spread_notices(9, NOW).await.unwrap() {}
    let arrived = Outcome::Delivered(String::new());
    for outcome in
        [Outcome::Again { at: NOW, why: String::new() }, Outcome::Dead(String::new()), arrived]
    {
        if matches!(outcome, Outcome::Delivered(_)) {
            let dead = store.dead_deliveries(None, 9).await.unwrap().items;
            store.replay_delivery(dead.last().unwrap().number, NOW).await.unwrap();
        }
        for lane in store.due_lanes(9, NOW).await.unwrap() {
            store.put_off_lanes(vec![lane.number], NOW).await.unwrap();
            store.waiting_deliveries(lane.number, 9, NOW).await.unwrap();
            let due = store.due_deliveries(lane.number, 9, NOW).await.unwrap();
            let settled = due.into_iter().map(|it| {
                let outcome = if it.due.is_some() { outcome.clone() } else { Outcome::Gone };
                Settled { number: it.number, message_id: it.message_id, outcome }
            });
            store.settle_deliveries(lane.number, settled.collect(), NOW + days(1)).await.unwrap();
        }
    }
    store.deliveries_of(id(9), None, 9).await.unwrap();
    let letter = Message::new(None, "x".to_owned(), [].into()).unwrap();
    store.publish_letter(name.clone(), (id(10), Kind::DiskLow, letter), NOW).await.unwrap();
    store.unsubscribe(id(1), NOW).await.unwrap();
    store.sweep_notices(9, NOW + days(30)).await.unwrap();
    store.delete_notice_topic(name, NOW).await.unwrap();
    while store.sweep_notices(9, NOW).await.unwrap() {}
}

/// What SQLite would do for a statement, in words.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let rows = statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>();
    rows.unwrap()
}

fn faults(folder: &Path) -> Vec<String> {
    let connection = Connection::open(folder.join("perennial.db")).unwrap();
    crate::open::keep_plans(&connection).unwrap();
    let statements = STATEMENTS.lock().clone();
    assert!(statements.len() > 120, "only {} statements were seen", statements.len());
    let looked_at = statements.iter().filter(|sql| {
        let verb = sql.split_whitespace().next().unwrap_or_default();
        let ends_at_the_first = sql.ends_with("LIMIT 1") && !sql.contains("WHERE");
        matches!(verb, "SELECT" | "INSERT" | "UPDATE" | "DELETE") && !ends_at_the_first
    });
    let fault = |sql: &String| {
        let steps = plan(&connection, sql);
        let bad = |step: &String| {
            step.starts_with("SCAN") && !step.contains("CONSTANT ROW")
                || step.contains("TEMP B-TREE")
        };
        steps.iter().any(bad).then(|| format!("{sql}\n    {}", steps.join("\n    ")))
    };
    looked_at.filter_map(fault).collect()
}

#[tokio::test]
async fn no_statement_of_the_registry_reads_a_whole_table() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Settings::default()).unwrap();

    make(&store).await;
    enrol(&store).await;
    list(&store).await;
    publish_and_deliver(&store).await;
    route(&store).await;
    notice(&store).await;
    change_and_delete(&store).await;

    let faults = faults(folder.path());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_statement_is_prepared_once_whatever_is_bound_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Settings::default()).unwrap();
    let prepared_again = |connection: &Connection| {
        let sql = "SELECT policy FROM policy_targets WHERE certificate_id = ? ORDER BY policy";
        for octet in 0..9_u8 {
            assert!(!connection.prepare_cached(sql)?.exists([[octet; 32]])?);
        }
        Ok(connection.prepare_cached(sql)?.get_status(StatementStatus::RePrepare))
    };

    let reading = store.read(prepared_again).await;
    let writing = store.write(prepared_again).await;

    assert_eq!((reading.unwrap(), writing.unwrap()), (0, 0));
}
