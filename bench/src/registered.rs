//! A registry full of things: each with one certificate, which has one policy.

use anyhow::Result;
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{CertificateId, Digest, PolicyName, ThingName},
    policy::Document,
    registry::{CertificateMode, Tags},
    time::{Timestamp, days},
};
use perennial_store::{NewCertificate, Store};

/// When it all was made.
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
/// One in this many certificates is about to end.
pub const EXPIRING: u64 = 100;

/// The policy that every certificate has.
const POLICY: &str = "device";
const BATCH: u64 = 5_000;

/// Registers `count` things.
///
/// # Errors
/// The store's.
pub async fn fill(store: &Store, count: u64) -> Result<()> {
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect",
        "Resource":"arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}"}}"#;
    let (policy, document) = (PolicyName::new(POLICY)?, Document::parse(document)?);
    store.create_policy(policy, &document, Tags::default(), NOW).await?;
    for first in (0..count).step_by(usize::try_from(BATCH)?) {
        let numbers = first..(first + BATCH).min(count);
        store.register(numbers.map(row).collect::<Result<_>>()?, NOW).await?;
    }
    Ok(())
}

/// The name of thing number `number`.
pub fn name(number: u64) -> String {
    format!("device-{number}")
}

fn row(number: u64) -> Result<NewCertificate> {
    let left_for = if number.is_multiple_of(EXPIRING) { days(7) } else { days(60) };
    let id = id(number);
    let mut der = vec![7; 600];
    der[..32].copy_from_slice(&id);
    Ok(NewCertificate {
        certificate_id: CertificateId::from_bytes(id),
        der,
        spki_digest: Digest::from_bytes(id),
        validity: Validity { not_before: NOW - days(30), not_after: NOW + left_for },
        status: CertificateStatus::Active,
        issuer: None,
        mode: CertificateMode::Default,
        thing: Some(ThingName::new(&name(number))?),
        policies: vec![PolicyName::new(POLICY)?],
    })
}

/// Certificate number `number`'s id: spread over the whole index, as digests are.
pub fn id(number: u64) -> [u8; 32] {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id[8..16].copy_from_slice(&number.to_be_bytes());
    id
}
