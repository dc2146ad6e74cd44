//! The chain from a scheduled audit to rotations: notification, findings, suppressions, mitigation.
#![expect(clippy::unwrap_used, reason = "a test's own helpers fail the test")]

mod world;

use perennial_core::{
    audit::{ActionParams, CertificateAction, CheckName, MitigationTarget, Suppression},
    audit::{ResourceIdentifier, TaskStatus, TaskType},
    certificate::CertificateStatus,
    ids::ThingName,
    registry::Tags,
    time::Timestamp,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{FindingFilter, MitigationAction, MitigationRequest, MitigationStatus};
use std::collections::BTreeMap;
use world::{World, until};

const EXPIRING: CheckName = CheckName::DeviceCertificateExpiring;

fn now() -> Timestamp {
    SystemClock.now()
}

async fn outgoing(world: &World, name: &str) -> ResourceIdentifier {
    let thing = ThingName::new(name).unwrap();
    let (_, certificates) = world.server.store().thing(thing).await.unwrap();
    ResourceIdentifier::DeviceCertificateId(certificates[0].certificate_id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_audit_is_told_in_snss_json_and_rotates_what_nobody_muted() {
    let mut config = world::config();
    config.audit.every_secs = 2;
    let world = World::begin_with(config).await;
    let (found, muted) = (world.enroll("pump-1").await, world.enroll("pump-2").await);
    let resource = outgoing(&world, "pump-2").await;
    let suppression =
        Suppression::new(EXPIRING, resource, (None, true), "known".into(), now()).unwrap();
    let store = world.server.store();
    store.create_suppression(suppression, "token".into(), now()).await.unwrap();
    let rotated = world.connect(found).await;
    let left = world.connect(muted).await;

    let ended = world.ended(&rotated.thing).await;

    let message = until("a notice of a scheduled audit is in the event log", async || {
        let events = store.events(0, 1000).await.unwrap();
        events.into_iter().rev().find(|it| {
            it.kind == "audit.completed" && it.body["taskType"] == "SCHEDULED_AUDIT_TASK"
        })
    })
    .await
    .body;
    assert_eq!(message["scheduledAuditName"], "perennial-daily");
    assert!(message["taskStartTime"].is_i64());
    assert!(world::is(&ended.state, "Rotated"));
    assert!(store.latest_rotation(left.thing.clone()).await.unwrap().is_none());
    rotated.stop().await;
    left.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_acted_upon_twice_opens_one_rotation() {
    let world = World::begin().await;
    let device = world.connect(world.enroll("pump-1").await).await;
    let task = world.server.audit_now().await.unwrap();
    world.ended(&device.thing).await;

    let again = perennial_orchestrator::port::Fact::AuditCompleted { task: task.task_id };
    world.server.intake().accept(vec![again]).await.unwrap();
    let second = world.server.audit_now().await.unwrap();
    until("both were dealt with", async || {
        use perennial_orchestrator::port::{FactId, Journal as _};
        let left = world.server.store().pending(FactId(0), 1).await.unwrap();
        left.is_empty().then_some(())
    })
    .await;

    assert_eq!(world.rotations().await.len(), 1);
    assert_eq!(
        (second.task_status, second.task_type),
        (TaskStatus::Completed, TaskType::OnDemandAuditTask)
    );
    assert_eq!(second.audit_details[&EXPIRING].non_compliant, 0);
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mitigation_that_would_cut_a_device_off_is_refused_unless_forced() {
    let world = World::begin().await;
    world.enroll("pump-1").await;
    let ResourceIdentifier::DeviceCertificateId(id) = outgoing(&world, "pump-1").await else {
        return;
    };
    let task = world.server.audit_now().await.unwrap().task_id;
    let store = world.server.store();
    let action = MitigationAction {
        name: "deactivate".into(),
        id: "1".into(),
        role_arn: "arn:aws:iam::000000000000:role/mitigate".into(),
        action_params: ActionParams::UpdateDeviceCertificate {
            action: CertificateAction::Deactivate,
        },
        created_at: now(),
        modified_at: now(),
    };
    store.create_mitigation_action(action, Tags::default(), now()).await.unwrap();
    let mitigate = async |name: &str, forced: bool| {
        let request = MitigationRequest {
            task_id: name.into(),
            target: MitigationTarget { audit_task_id: Some(task), ..MitigationTarget::default() },
            audit_check_to_actions_mapping: BTreeMap::from([(EXPIRING, vec!["deactivate".into()])]),
            client_request_token: name.into(),
            forced,
        };
        store.start_mitigation(request, now()).await.unwrap();
        until("the mitigation ends", async || {
            let task = store.mitigation_task(name.into()).await.unwrap();
            (task.task_status != MitigationStatus::InProgress).then_some(task.task_status)
        })
        .await
    };
    let status = async || store.certificate(id).await.unwrap().certificate.status;

    let refused = mitigate("careful", false).await;
    let kept = status().await;
    let forced = mitigate("forced", true).await;

    assert_eq!((refused, kept), (MitigationStatus::Failed, CertificateStatus::Active));
    assert_eq!(
        (forced, status().await),
        (MitigationStatus::Completed, CertificateStatus::Inactive)
    );
    let filter =
        FindingFilter { task: Some(task), check: Some(EXPIRING), ..FindingFilter::default() };
    let finding = store.findings(filter, None, 10, now()).await.unwrap().0.remove(0);
    let executions = store
        .mitigation_executions(("careful".into(), finding.finding_id), None, None, 10)
        .await
        .unwrap();
    assert_eq!(executions[0].error_code.as_deref(), Some("DEVICE_WOULD_BE_CUT_OFF"));
}
