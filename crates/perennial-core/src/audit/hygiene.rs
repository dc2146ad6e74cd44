//! Checks of our own: what is left lying about in the registry, and keys that were not renewed.

use super::{NonCompliance, ReasonCode, Resource, ResourceIdentifier};
use crate::ids::{CertificateId, Digest, RotationId, ThingName};

/// An active certificate attached to no thing, or without a policy.
pub fn unattached(
    certificate: CertificateId,
    things: bool,
    policies: bool,
) -> Option<NonCompliance> {
    let reason = match (things, policies) {
        (true, true) => return None,
        (false, _) => ReasonCode::CertificateWithoutThing,
        (true, false) => ReasonCode::CertificateWithoutPolicy,
    };
    Some(NonCompliance::new(ResourceIdentifier::DeviceCertificateId(certificate), reason))
}

/// A thing's ACTIVE certificates, the latest first, while no rotation of it is open. Found is each
/// but the latest, since that one is what the device should be on.
pub fn several_active(
    thing: &ThingName,
    latest_first: &[CertificateId],
    rotating: bool,
) -> Vec<NonCompliance> {
    let Some((latest, others)) = latest_first.split_first().filter(|_| !rotating) else {
        return Vec::new();
    };
    let found = |id: &CertificateId| {
        let resource = ResourceIdentifier::DeviceCertificateId(*id);
        let mut finding = NonCompliance::new(resource, ReasonCode::SeveralActiveCertificates);
        finding.resource = finding.resource.with("THING_NAME", thing);
        let latest = Resource::new(ResourceIdentifier::DeviceCertificateId(*latest));
        finding.relating(latest)
    };
    others.iter().map(found).collect()
}

/// The incoming certificate of a rotation that ended without it, still ACTIVE.
pub fn orphan_incoming(certificate: CertificateId, rotation: RotationId) -> NonCompliance {
    let resource = ResourceIdentifier::DeviceCertificateId(certificate);
    let mut finding = NonCompliance::new(resource, ReasonCode::OrphanIncomingCertificate);
    finding.resource = finding.resource.with("ROTATION_ID", rotation);
    finding
}

/// An ACTIVE certificate whose key an earlier certificate had.
pub fn key_reused(certificate: CertificateId, key: Digest) -> NonCompliance {
    let resource = ResourceIdentifier::DeviceCertificateId(certificate);
    let mut finding = NonCompliance::new(resource, ReasonCode::KeyReusedAcrossCertificates);
    finding.resource = finding.resource.with("PUBLIC_KEY_SHA256", key);
    finding
}

/// `LOGGING_DISABLED_CHECK` of the account.
pub fn logging(account: &str, enabled: bool) -> Option<NonCompliance> {
    let resource = ResourceIdentifier::Account(account.to_owned());
    (!enabled).then(|| NonCompliance::new(resource, ReasonCode::LoggingDisabled))
}
