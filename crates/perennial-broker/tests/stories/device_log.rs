//! The device log: one record for each thing that a client does or is refused.

use std::sync::{Arc, atomic::Ordering};

use parking_lot::Mutex;
use perennial_broker::DeviceLog;
use perennial_core::{
    certificate::CertificateStatus,
    ids::CertificateId,
    logging::{LoggedEvent, Record, Severity},
};

use rmqtt_codec::v5::{ConnectAckReason, DisconnectReasonCode};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    client::{Client, Connect, Refused, tls},
    world::{Ca, Device, POLICY, World, now, until},
};

/// What was recorded: event, status, client id, topic, groups.
type Line = (LoggedEvent, &'static str, String, String, Vec<i64>);

/// Keeps everything of at least a severity.
#[derive(Debug, Default)]
struct Kept {
    only_errors: bool,
    lines: Mutex<Vec<Line>>,
    /// The same records' certificates and reasons.
    reasons: Mutex<Vec<(Option<CertificateId>, String)>>,
}

impl DeviceLog for Kept {
    fn may_record(&self, severity: Severity) -> bool {
        !self.only_errors || severity == Severity::Error
    }

    fn record(&self, record: &Record<'_>) {
        let groups = record.speaker.groups.map(|groups| groups()).unwrap_or_default();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let client_id = text(record.speaker.client_id);
        let line = (record.event, record.status(), client_id, text(record.topic), groups);
        self.lines.lock().push(line);
        self.reasons.lock().push((record.speaker.principal, text(record.reason)));
    }
}

impl Kept {
    fn has(&self, event: LoggedEvent) -> bool {
        self.lines.lock().iter().any(|line| line.0 == event)
    }

    /// Waits until a record of this certificate has a reason with this text.
    async fn says(&self, id: Option<CertificateId>, text: &str) {
        let said = || self.reasons.lock().iter().any(|(of, why)| *of == id && why.contains(text));
        until(text, said).await;
    }
}

#[tokio::test]
async fn what_a_client_does_and_is_refused_is_recorded_once_each() {
    let kept = Arc::new(Kept::default());
    let world = World::start_logging(Arc::<Kept>::clone(&kept)).await;
    let device = world.device_with("pump", &POLICY.replace("topicfilter/#", "topicfilter/none"));
    world.registry.attach(device.id, "pump", ("site", "7"));
    let mut client = Client::start(&world, &device).await;

    client.subscribe("dev/x").await;
    client.subscribe("#").await;
    client.publish("dev/x", "1").await;
    client.publish("elsewhere/x", "1").await;
    client.leave().await;
    until("the end is recorded", || kept.has(LoggedEvent::Disconnect)).await;

    let (ok, no) = ("Success", "Failure");
    let line =
        |event, status, topic: &str| (event, status, "pump".to_owned(), topic.to_owned(), vec![7]);
    assert_eq!(
        *kept.lines.lock(),
        [
            line(LoggedEvent::Connect, ok, ""),
            line(LoggedEvent::Subscribe, ok, "dev/x"),
            line(LoggedEvent::Subscribe, no, "#"),
            line(LoggedEvent::PublishIn, ok, "dev/x"),
            line(LoggedEvent::PublishIn, no, "elsewhere/x"),
            line(LoggedEvent::Disconnect, ok, ""),
        ]
    );
}

#[tokio::test]
async fn who_is_not_let_in_is_recorded_with_what_is_known() {
    let kept = Arc::new(Kept { only_errors: true, ..Kept::default() });
    let world = World::start_logging(Arc::<Kept>::clone(&kept)).await;
    let (pump, unknown) = (world.device("pump"), world.device("unknown"));
    world.set_status(&unknown, CertificateStatus::Inactive);
    let other = Connect { client_id: Some("other/id".to_owned()), ..Connect::default() };

    let refused = Client::connect(&world, &pump, other).await.is_err();
    let out = Client::connect(&world, &unknown, Connect::default()).await.is_err();
    until("the handshake is recorded", || kept.has(LoggedEvent::AuthenticationFailed)).await;

    assert!(refused && out);
    let lines = kept.lines.lock();
    let refusal = (LoggedEvent::Connect, "Failure", "other/id".into(), String::new(), Vec::new());
    assert_eq!(lines.first(), Some(&refusal));
    assert!(lines.iter().all(|line| line.1 == "Failure"), "{lines:?}");
}

#[tokio::test]
async fn a_client_that_is_refused_again_and_again_does_not_fill_the_log() {
    let kept = Arc::new(Kept { only_errors: false, ..Kept::default() });
    let world = World::start_logging(Arc::<Kept>::clone(&kept)).await;
    let device = world.device("pump");
    let mut client = Client::start(&world, &device).await;

    for _ in 0..300 {
        client.publish("elsewhere/x", "1").await;
    }
    client.leave().await;
    until("the end is recorded", || kept.has(LoggedEvent::Disconnect)).await;

    let recorded = kept.lines.lock().iter().filter(|line| line.0 == LoggedEvent::PublishIn).count();
    assert!((60..150).contains(&recorded), "{recorded}");
    let reasons = kept.reasons.lock();
    let left_out = reasons.iter().filter_map(|(_, why)| why.split_once("; ")?.1.split_once(' '));
    let left_out: usize = left_out.map(|(count, _)| count.parse::<usize>().unwrap()).sum();
    assert_eq!(recorded + left_out, 300);
}

#[tokio::test]
async fn a_session_that_is_cut_says_whose_it_was_and_why() {
    use CertificateStatus::{Inactive, Revoked};
    let kept = Arc::new(Kept { only_errors: true, ..Kept::default() });
    let world = World::start_logging(Arc::<Kept>::clone(&kept)).await;
    let [idle, gone, deleted] = ["idle", "gone", "deleted"].map(|name| world.device(name));
    let mut clients = Vec::new();
    for device in [&idle, &gone, &deleted] {
        clients.push(Client::start(&world, device).await);
    }

    world.set_status(&idle, Inactive);
    world.set_status(&gone, Revoked);
    world.registry.forget(&deleted.id);
    world.handle.principals_changed(&[deleted.id]);

    for client in &mut clients {
        assert_eq!(client.ended().await, Some(DisconnectReasonCode::NotAuthorized));
    }
    kept.says(
        Some(idle.id),
        "the certificate is INACTIVE, by an operator or after its rotation: activate it",
    )
    .await;
    kept.says(Some(gone.id), "the certificate is REVOKED, for good").await;
    kept.says(Some(deleted.id), "the certificate is not registered").await;
}

#[tokio::test]
async fn a_connect_that_is_refused_says_as_whom_and_why() {
    let kept = Arc::new(Kept { only_errors: true, ..Kept::default() });
    let world = World::start_logging(Arc::<Kept>::clone(&kept)).await;
    let pump = world.device_with("pump", &POLICY.replace("client/${iot:ClientId}", "client/pump"));
    let [other, long] = [Some("other".to_owned()), Some("x".repeat(5000))]
        .map(|client_id| Connect { client_id, ..Connect::default() });

    let refused = Client::connect(&world, &pump, other).await.err();
    let too_long = Client::connect(&world, &pump, long).await.err();

    assert_eq!(refused, Some(Refused::V5(ConnectAckReason::NotAuthorized)));
    assert_eq!(too_long, Some(Refused::V5(ConnectAckReason::ClientIdentifierNotValid)));
    kept.says(Some(pump.id), "policies do not allow iot:Connect with this client id").await;
    let names: Vec<String> = kept.lines.lock().iter().map(|line| line.2.clone()).collect();
    assert_eq!(names, ["other".to_owned(), "x".repeat(128)]);
}

#[tokio::test]
async fn a_handshake_that_fails_says_why_in_words_and_what_helps() {
    let kept = Arc::new(Kept { only_errors: true, ..Kept::default() });
    let world = World::start_logging(Arc::<Kept>::clone(&kept)).await;
    let (unknown, old) = (world.ca.issue_now("unknown"), world.device("old"));
    let foreign = Ca::new("Another CA").issue_now("foreign");
    let (mut thief, active) = (world.device("thief"), world.device("active"));
    thief.key.clone_from(&active.key);
    let mut ended = crate::world::principal(old.id, CertificateStatus::Active, POLICY);
    ended.validity.not_after = now() - std::time::Duration::from_secs(60);
    world.registry.put(ended);

    for device in [Some(&unknown), Some(&foreign), Some(&thief), Some(&old), None] {
        attempt(&world, device).await;
    }
    let mut plain = TcpStream::connect(world.address).await.unwrap();
    plain.write_all(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04pump").await.unwrap();

    kept.says(Some(unknown.id), "the certificate is not registered").await;
    kept.says(Some(foreign.id), "its issuer is no CA of this server").await;
    kept.says(Some(thief.id), "the client does not have the certificate's key").await;
    kept.says(Some(old.id), "the certificate has expired").await;
    kept.says(None, "the client showed no certificate").await;
    kept.says(None, "it must connect with TLS").await;
    // One record each, with certificate and address.
    assert_eq!(kept.reasons.lock().len(), 6);
    for (_, why) in &*kept.reasons.lock() {
        let spelt = ["UnknownIssuer", "BadSignature", "Expired", "NoCert", "Invalid"];
        assert!(!spelt.iter().any(|name| why.contains(name)), "{why}");
    }
}

#[tokio::test]
async fn an_address_whose_handshakes_fail_again_and_again_does_not_fill_the_log() {
    let kept = Arc::new(Kept { only_errors: true, ..Kept::default() });
    let world = World::start_logging(Arc::<Kept>::clone(&kept)).await;
    let foreign = Ca::new("Another CA").issue_now("foreign");

    for _ in 0..150 {
        attempt(&world, Some(&foreign)).await;
    }
    let failed = &world.handle.counters().handshakes_failed;
    until("all have failed", || failed.load(Ordering::SeqCst) == 150).await;

    let recorded = kept.reasons.lock().len();
    assert!((60..120).contains(&recorded), "{recorded}");
}

/// TLS up to where the server says no, which in TLS 1.3 is behind the client's last word.
async fn attempt(world: &World, device: Option<&Device>) {
    if let Ok(stream) = tls(world, device).await {
        Client::over(stream, false).ended().await;
    }
}
