//! Whatever arrives is judged without a panic, and nothing damaged passes for the original.
#![allow(clippy::expect_used, reason = "test code outside of #[test]")]

mod common;

use std::sync::LazyLock;

use common::{Ca, Request, ca, now, reseal, thing};
use perennial_pki::{
    CertificateFacts, CsrDer, Expectation, Issued, SigningKey, certificates_from_pem,
    check_device_certificate, facts, pem_of_certificate,
};
use proptest::{prelude::*, sample::Index};

const PUMP: Expectation<'_> = Expectation { common_name: Some("pump-1") };

/// How a SubjectPublicKeyInfo on P-256 begins; all have the same length.
const P256_SPKI: &[u8] = &[0x30, 0x59, 0x30, 0x13];

/// What everything begins from.
struct Originals {
    ca: Ca,
    key: SigningKey,
    issued: Issued,
    facts: CertificateFacts,
    /// Requests in DER: plain, with extensions, RSA.
    requests: Vec<Vec<u8>>,
}

static ORIGINALS: LazyLock<Originals> = LazyLock::new(|| {
    let (ca, key) = (ca(), SigningKey::generate_p256().expect("a key"));
    let issued = ca.issue_for(&key, "pump-1");
    let extended = Request::new()
        .ext("subjectAltName=DNS:pump.example,URI:urn:perennial:thing:pump-1")
        .ext("keyUsage=critical,digitalSignature")
        .ext("extendedKeyUsage=clientAuth")
        .ext("basicConstraints=critical,CA:FALSE");
    let requests = [Request::new(), extended, Request::new().key("rsa:2048")];
    let requests = requests.map(|request| der(&request.pem())).to_vec();
    let facts = facts(&issued.der).expect("the certificate's facts");
    Originals { ca, key, issued, facts, requests }
});

fn der(pem: &str) -> Vec<u8> {
    CsrDer::from_pem(pem).expect("a request").as_der().to_vec()
}

/// One damage to octets.
#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Cut(Index),
    Repeat(Index, usize),
}

impl Damage {
    fn to(&self, octets: &mut Vec<u8>) {
        let len = octets.len();
        if len == 0 {
            return;
        }
        let reach = |at: usize, count: usize| at..(at + count).min(len);
        match self {
            Self::Flip(at, bit) => octets[at.index(len)] ^= 1 << (bit % 8),
            Self::Set(at, value) => octets[at.index(len)] = *value,
            Self::Insert(at, more) => {
                octets.splice(at.index(len)..at.index(len), more.iter().copied());
            }
            Self::Remove(at, count) => drop(octets.drain(reach(at.index(len), *count))),
            Self::Cut(at) => octets.truncate(at.index(len)),
            Self::Repeat(at, count) => octets.extend_from_within(reach(at.index(len), *count)),
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    // Values that mean something in DER: tags, long lengths, ends of ranges.
    let telling = prop::sample::select(vec![0, 1, 2, 3, 4, 6, 0x30, 0x31, 0x7f, 0x80, 0x82, 0xa0]);
    let value = prop_oneof![telling, any::<u8>()];
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        4 => (at(), value).prop_map(|(at, value)| Damage::Set(at, value)),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, v)| Damage::Insert(at, v)),
        1 => (at(), 1..9_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        1 => at().prop_map(Damage::Cut),
        1 => (at(), 1..99_usize).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ]
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    prop::collection::vec(damage(), 1..6)
}

fn damaged(octets: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    for damage in damages {
        damage.to(&mut octets);
    }
    octets
}

fn as_text(octets: Vec<u8>) -> String {
    String::from_utf8_lossy(&octets).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_damaged_request_is_refused(which in 0..3_usize, damages in damages()) {
        let original = &ORIGINALS.requests[which];
        let request = damaged(original, &damages);

        let verified = CsrDer::from_der(request.clone()).and_then(|csr| csr.verify(&PUMP));

        prop_assert!(verified.is_err() || request == *original);
    }

    #[test]
    fn a_damaged_request_in_pem_is_refused_or_read_as_it_was(
        which in 0..3_usize, damages in damages()
    ) {
        let original = CsrDer::from_der(ORIGINALS.requests[which].clone()).expect("short enough");
        let text = as_text(damaged(original.to_pem().as_bytes(), &damages));

        let read = CsrDer::from_pem(&text);

        if let Ok(read) = read && read.clone().verify(&PUMP).is_ok() {
            prop_assert_eq!(read, original);
        }
    }

    /// The signature is good here, so that everything behind it is reached.
    #[test]
    fn a_damaged_request_that_its_key_signed_is_judged(
        which in 0..2_usize, damages in damages()
    ) {
        let own = ORIGINALS.key.public_key();
        let request = reseal(&ORIGINALS.key, &ORIGINALS.requests[which], |info| {
            let at = info.windows(P256_SPKI.len()).position(|octets| octets == P256_SPKI);
            let at = at.expect("a key on P-256");
            info.splice(at..at + own.spki().len(), own.spki().iter().copied());
            *info = damaged(info, &damages);
        });

        let verified = CsrDer::from_der(request).and_then(|csr| csr.verify(&PUMP));

        if let Ok(verified) = verified {
            prop_assert_eq!(verified.public_key(), own.spki());
        }
    }

    #[test]
    fn the_facts_of_a_damaged_certificate_are_its_own(damages in damages()) {
        let original = &ORIGINALS.issued.der;
        let certificate = damaged(original, &damages);

        if let Ok(read) = facts(&certificate) {
            let same = certificate == **original;
            prop_assert_eq!(read.certificate_id == ORIGINALS.facts.certificate_id, same);
        }
    }

    #[test]
    fn a_device_takes_no_damaged_certificate(
        in_pem in any::<bool>(), leaf in damages(), chain in damages(), which in 0..3_u8
    ) {
        let Originals { ca, key, issued, .. } = &*ORIGINALS;
        let spoil = |der: &[u8], damages: &[Damage]| if in_pem {
            as_text(damaged(pem_of_certificate(der).as_bytes(), damages))
        } else {
            pem_of_certificate(&damaged(der, damages))
        };
        let leaf_pem = if which == 0 { issued.pem() } else { spoil(&issued.der, &leaf) };
        let issuing = ca.authority.issuing();
        let chain_pem = if which == 1 { ca.authority.chain_pem() } else { spoil(issuing, &chain) };
        let anchors = certificates_from_pem(&ca.authority.root_pem()).expect("the root");

        let checked = check_device_certificate(
            &leaf_pem, &chain_pem, &anchors, key.public_key(), &thing("pump-1"), now(),
        );

        if let Ok(checked) = checked {
            prop_assert_eq!(checked.der, issued.der.clone());
        }
    }

    #[test]
    fn a_damaged_anchor_is_no_panic(damages in damages()) {
        let Originals { ca, key, issued, .. } = &*ORIGINALS;
        let anchor = damaged(ca.authority.root(), &damages);

        let checked = check_device_certificate(
            &issued.pem(),
            &ca.authority.chain_pem(),
            &[anchor.into()],
            key.public_key(),
            &thing("pump-1"),
            now(),
        );

        if let Ok(checked) = checked {
            prop_assert_eq!(checked.certificate_id, issued.certificate_id);
        }
    }
}
