//! A registry full of things: each with one certificate, which has one policy.

use anyhow::{Context as _, Result};
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{CertificateId, Digest, PolicyName, ThingName},
    policy::Document,
    registry::{CertificateMode, Tags},
    time::{Timestamp, days},
};
use perennial_store::{NewCertificate, Store};
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _, SerialNumber};

/// One in this many certificates is about to end.
pub const EXPIRING: u64 = 100;

/// The policy that every certificate has.
const POLICY: &str = "device";
const BATCH: u64 = 5_000;

/// Registers `count` things, all made at `now`.
///
/// # Errors
/// The store's.
pub async fn fill(store: &Store, count: u64, now: Timestamp) -> Result<()> {
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect",
        "Resource":"arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}"}}"#;
    let (policy, document) = (PolicyName::new(POLICY)?, Document::parse(document)?);
    store.create_policy(policy, &document, Tags::default(), now).await?;
    let template = Template::new()?;
    for first in (0..count).step_by(usize::try_from(BATCH)?) {
        let numbers = first..(first + BATCH).min(count);
        store
            .register(
                numbers.map(|number| row(number, &template, now)).collect::<Result<_>>()?,
                now,
            )
            .await?;
    }
    Ok(())
}

/// The name of thing number `number`.
pub fn name(number: u64) -> String {
    format!("device-{number}")
}

fn row(number: u64, template: &Template, now: Timestamp) -> Result<NewCertificate> {
    let left_for = if number.is_multiple_of(EXPIRING) { days(7) } else { days(60) };
    let id = id(number);
    Ok(NewCertificate {
        certificate_id: CertificateId::from_bytes(id),
        der: template.with(&id),
        spki_digest: Digest::from_bytes(id),
        validity: Validity { not_before: now - days(30), not_after: now + left_for },
        status: CertificateStatus::Active,
        issuer: None,
        mode: CertificateMode::Default,
        thing: Some(ThingName::new(&name(number))?),
        policies: vec![PolicyName::new(POLICY)?],
    })
}

/// A certificate of which each device gets its own, with a serial number and a key that are made of
/// its id: it reads as a certificate, though nobody has its key or signed it.
struct Template {
    der: Vec<u8>,
    serial_at: usize,
    key_at: usize,
}

impl Template {
    fn new() -> Result<Self> {
        let serial = [0x5a; 16];
        let mut params = CertificateParams::new(Vec::new())?;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let key = KeyPair::generate()?;
        let der = params.self_signed(&key)?.der().to_vec();
        let at = |part: &[u8]| {
            let found = der.windows(part.len()).position(|window| window == part);
            found.context("the template lacks a part")
        };
        // Behind the octet that says that both coordinates follow.
        let key_at = at(key.der_bytes())? + 1;
        Ok(Self { serial_at: at(&serial)?, key_at, der })
    }

    fn with(&self, id: &[u8; 32]) -> Vec<u8> {
        let mut der = self.der.clone();
        // A serial number is positive: its first octet stays.
        der[self.serial_at + 1..self.serial_at + 16].copy_from_slice(&id[..15]);
        der[self.key_at..self.key_at + 32].copy_from_slice(id);
        der
    }
}

/// Certificate number `number`'s id: spread over the whole index, as digests are.
pub fn id(number: u64) -> [u8; 32] {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id[8..16].copy_from_slice(&number.to_be_bytes());
    id
}
