//! The agent crashes at each of its steps and starts again: the rotation ends well, or is rolled
//! back by a device that is still connected; never is a device locked out.

mod world;

use perennial_agent::CrashPoint;
use perennial_core::{ids::ClientId, rotation::Outcome, topic::Kind};
use world::{World, mended, start, until};

/// The boundaries that a good rotation crosses.
const BOUNDARIES: [CrashPoint; 14] = [
    CrashPoint::BeforePersist("AwaitingCertificate"),
    CrashPoint::AfterPersist("AwaitingCertificate"),
    CrashPoint::AfterKeyWritten,
    CrashPoint::BeforeSend(Kind::CsrRes),
    CrashPoint::AfterSend(Kind::CsrRes),
    CrashPoint::AfterCertificateWritten,
    CrashPoint::BeforePersist("Trying"),
    CrashPoint::AfterPersist("Trying"),
    CrashPoint::BeforePersist("Acknowledging"),
    CrashPoint::AfterPersist("Acknowledging"),
    CrashPoint::BeforeSend(Kind::CrtAck),
    CrashPoint::AfterSend(Kind::CrtAck),
    CrashPoint::BeforePersist("Steady"),
    CrashPoint::AfterPersist("Steady"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_ends_in_a_rotation() {
    for boundary in BOUNDARIES {
        let world = World::begin().await;
        let mut config = world.enroll("pump-1").await;
        config.faults.crash_at = Some(boundary);
        let device = world.connect(config.clone()).await;

        world.server.audit_now().await.unwrap();
        let crashed = device.crash().await;
        let device = start(mended(config));
        let ended = world.ended(&device.thing).await;

        assert!(crashed.to_string().contains(&boundary.to_string()), "{crashed}");
        assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "after {boundary}");
        let incoming = *ended.state.incoming().unwrap();
        let client_id = ClientId::from(&device.thing);
        until("the device uses its new certificate", async || {
            let session = world.server.broker().session(&client_id);
            session.filter(|session| session.principal == incoming)
        })
        .await;
        device.stop().await;
    }
}
