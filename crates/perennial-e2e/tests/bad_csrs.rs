//! CSRs that must not be certified: each is refused with its reason, in the rotation's history and to
//! the device, and a good one still completes the rotation.

#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use perennial_core::{message::RefusalCode, rotation::Outcome};
use perennial_pki::CsrDer;
use world::{Bare, World};

const P256: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// The same CSR with the last bit of its signature turned.
fn forged(csr_pem: &str) -> String {
    let mut der = CsrDer::from_pem(csr_pem).unwrap().as_der().to_vec();
    *der.last_mut().unwrap() ^= 1;
    CsrDer::from_der(der).unwrap().to_pem()
}

/// A CSR that is refused, and with which code.
fn bad_csrs(bare: &Bare<'_>, of_another: &str) -> Vec<(RefusalCode, String)> {
    let (_, good) = bare.csr("good");
    let subject = format!("/CN={}", bare.thing);
    let weak = ["-newkey", "rsa:1024", "-subj", &subject];
    let ca = ["-subj", &subject, "-addext", "basicConstraints=critical,CA:TRUE"];
    vec![
        (RefusalCode::MalformedCsr, "not PEM at all".to_owned()),
        (RefusalCode::MalformedCsr, good[..good.len() / 2].to_owned()),
        (RefusalCode::BadCsrSignature, forged(&good)),
        (RefusalCode::WeakKey, bare.csr_with("weak", &weak).1),
        (RefusalCode::KeyInUse, of_another.to_owned()),
        (RefusalCode::ForbiddenRequest, bare.csr_with("ca", &[&P256[..], &ca].concat()).1),
        (
            RefusalCode::WrongSubject,
            bare.csr_with("other", &[&P256[..], &["-subj", "/CN=root"]].concat()).1,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_csr_is_refused_with_its_reason_and_a_good_one_still_counts() {
    let world = World::begin().await;
    let another = Bare::named(&world, "pump-0");
    let key_of_another = another.enrolled().await.key;
    let cases = bad_csrs(&another, "").len();

    for number in 1..=cases {
        let bare = Bare::named(&world, &format!("pump-{number}"));
        let outgoing = bare.enrolled().await;
        let (code, bad) = bad_csrs(&bare, &bare.csr_of(&key_of_another)).swap_remove(number - 1);
        bare.rotation_begins().await;
        bare.send_csr(&outgoing, &bad).await;
        bare.recorded(code.as_str()).await;
        let asked_again = bare.hears(&outgoing, "csr_req").await;
        let certificates = world.server.store().thing(bare.thing.clone()).await.unwrap().1;

        assert_eq!(asked_again["refused"], serde_json::to_value(code).unwrap());
        assert_eq!(certificates.len(), 1, "{code:?}: nothing was certified");

        let (key, good) = bare.csr("incoming");
        bare.send_csr(&outgoing, &good).await;
        let incoming = bare.issued(key).await;
        assert!(bare.publish(&incoming, &bare.topic("crt_ack"), "{}").await);
        let ended = world.ended(&bare.thing).await;
        assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{code:?}: {:?}", ended.state);
    }
}
