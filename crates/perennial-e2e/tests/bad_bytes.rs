//! Octets that are no MQTT and payloads that are too large end their own connection or message;
//! the rotation of that very device, and others' sessions, go on.

#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use std::{
    io::Write as _,
    process::{Child, Command, Stdio},
};

use perennial_core::rotation::{Ignored, Outcome};
use world::{Bare, Credential, World};

/// Nothing that MQTT knows, and MQTT that must not be: a length that never ends, a packet of 256 MiB,
/// a PUBLISH before CONNECT, a CONNECT cut short, HTTP.
const GARBAGE: [&[u8]; 6] = [
    &[0xff; 512],
    &[0x10, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x10, 0xff, 0xff, 0xff, 0x7f],
    b"\x32\x0a\x00\x03a/b\x00\x01hey",
    b"\x10\x04\x00\x04MQ",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
];

/// Sends octets inside TLS; the client ends when the server ends the connection.
fn send(bare: &Bare<'_>, with: &Credential, octets: &[u8]) -> Child {
    let ca = bare.world.path("ca.pem");
    std::fs::write(&ca, bare.world.server.authority().root_pem()).unwrap();
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &bare.world.server.mqtt().to_string()])
        .arg("-CAfile")
        .arg(ca)
        .arg("-cert_chain")
        .arg(&with.certificate)
        .arg("-cert")
        .arg(&with.certificate)
        .arg("-key")
        .arg(&with.key)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    client.stdin.as_mut().unwrap().write_all(octets).unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_oversize_cost_their_sender_alone() {
    let world = World::begin().await;
    let other = world.connect(world.enroll("pump-2").await).await;
    let bare = Bare::named(&world, "pump-1");
    let outgoing = bare.enrolled().await;
    bare.rotation_begins().await;

    let clients = GARBAGE.map(|octets| send(&bare, &outgoing, octets));
    for client in clients {
        // Its end of input does not end it: only the server does.
        tokio::task::spawn_blocking(move || client.wait_with_output()).await.unwrap().unwrap();
    }
    let large = format!("{{\"CSR\":\"{}\"}}", "A".repeat(9_000));
    assert!(bare.publish(&outgoing, &bare.topic("csr_res"), &large).await);
    bare.ignored("csr_resUnreadable", Ignored::OutOfTurn).await;
    let huge = "A".repeat(240_000);
    assert!(!bare.publish_by("311", &outgoing, &bare.topic("csr_res"), &huge).await);
    let (key, csr) = bare.csr("incoming");
    bare.send_csr(&outgoing, &csr).await;
    let incoming = bare.issued(key).await;
    assert!(bare.publish(&incoming, &bare.topic("crt_ack"), "{}").await);
    let ended = world.ended(&bare.thing).await;

    assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
    world.server.audit_now().await.unwrap();
    let ended = world.ended(&other.thing).await;
    assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
    other.stop().await;
}
