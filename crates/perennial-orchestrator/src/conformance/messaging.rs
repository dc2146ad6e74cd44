//! Messaging's promises: a message reaches the device it is for, and presence is what it is.
#![expect(missing_docs, reason = "a promise's name is the promise")]

use async_trait::async_trait;
use bytes::Bytes;
use perennial_core::{
    ids::{CertificateId, ClientId},
    rotation::Presence,
    topic::Kind,
};

use super::samples::thing;
use crate::port::{Messaging, Publication, Reach};

/// Messaging under examination, with devices that can be connected.
#[async_trait]
pub trait MessagingSubject: Send + Sync {
    /// The port.
    fn messaging(&self) -> &dyn Messaging;

    /// Connects device `pump-n`, which listens to its management topics; answers with which
    /// certificate.
    async fn connect(&mut self, number: u32) -> CertificateId;

    /// The next message that reaches a connected device, and which device.
    async fn received(&mut self) -> (ClientId, Kind, Bytes);
}

fn client(number: u32) -> ClientId {
    ClientId::from(&thing(number))
}

fn publication(number: u32, kind: Kind, payload: &'static str) -> Publication {
    Publication { client_id: client(number), kind, payload: Bytes::from_static(payload.as_bytes()) }
}

pub async fn a_message_reaches_the_device_it_is_for(mut subject: impl MessagingSubject) {
    subject.connect(1).await;
    subject.connect(2).await;

    let answers =
        subject.messaging().publish(vec![publication(2, Kind::CsrReq, r#"{"a":1}"#)]).await;

    let wanted = (client(2), Kind::CsrReq, Bytes::from_static(br#"{"a":1}"#));
    assert_eq!(subject.received().await, wanted);
    assert!(matches!(answers[..], [Ok(Reach::Sessions(1) | Reach::Unknown)]), "{answers:?}");
}

pub async fn answers_stand_where_they_were_asked_for(mut subject: impl MessagingSubject) {
    let principal = subject.connect(1).await;

    let batch = vec![publication(9, Kind::Crt, "{}"), publication(1, Kind::Crt, "{}")];
    let answers = subject.messaging().publish(batch).await;
    let presence = subject.messaging().presence(&[client(9), client(1), client(1)]).await.unwrap();

    assert!(
        matches!(
            answers[..],
            [Ok(Reach::Sessions(0) | Reach::Unknown), Ok(Reach::Sessions(1) | Reach::Unknown)]
        ),
        "{answers:?}"
    );
    let online = Presence::Online(principal);
    assert_eq!(presence, [Presence::Offline, online, online]);
}

pub async fn empty_batches_change_nothing(subject: impl MessagingSubject) {
    assert!(subject.messaging().publish(Vec::new()).await.is_empty());
    assert!(subject.messaging().presence(&[]).await.unwrap().is_empty());
}
