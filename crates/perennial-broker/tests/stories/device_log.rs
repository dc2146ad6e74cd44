//! The device log: one record for each thing that a client does or is refused.

use std::sync::Arc;

use parking_lot::Mutex;
use perennial_broker::DeviceLog;
use perennial_core::{
    certificate::CertificateStatus,
    logging::{LoggedEvent, Record, Severity},
};

use crate::{
    client::{Client, Connect},
    world::{POLICY, World, until},
};

/// What was recorded: event, status, client id, topic, groups.
type Line = (LoggedEvent, &'static str, String, String, Vec<i64>);

/// Keeps everything of at least a severity.
#[derive(Debug, Default)]
struct Kept {
    only_errors: bool,
    lines: Mutex<Vec<Line>>,
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
    }
}

impl Kept {
    fn has(&self, event: LoggedEvent) -> bool {
        self.lines.lock().iter().any(|line| line.0 == event)
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
