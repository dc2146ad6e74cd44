//! The checks of connections: certificates used twice at once, client ids taken, devices silent.

use std::time::Duration;

use super::{NonCompliance, ReasonCode, Resource, ResourceIdentifier, Threshold, validity};
use crate::{
    certificate::Certificate,
    ids::{CertificateId, ClientId, ThingName},
    time::{Timestamp, days},
};

/// How long connections are remembered, and how far back an on-demand audit looks.
pub const REMEMBERED_FOR: Duration = days(31);
/// How recent connections are left out: they may still be written down.
const SETTLING_FOR: Duration = Duration::from_secs(2 * 3600);

/// One connection of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The client id.
    pub client_id: ClientId,
    /// The certificate it authenticated with.
    pub principal: CertificateId,
    /// When it began.
    pub connected_at: Timestamp,
    /// When it ended; `None` while it lasts.
    pub disconnected_at: Option<Timestamp>,
    /// Whether another connection with its client id ended it.
    pub taken_over: bool,
}

/// The span of time whose connections a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From here on.
    pub from: Timestamp,
    /// Up to here.
    pub to: Timestamp,
}

impl Window {
    /// `DEVICE_CERTIFICATE_SHARED_CHECK`'s: from two hours before the scheduled run before, or 31
    /// days ago, to two hours ago.
    pub fn of_shared(previous_run: Option<Timestamp>, now: Timestamp) -> Self {
        let from = previous_run.map_or(now - REMEMBERED_FOR, |at| at - SETTLING_FOR);
        Self { from, to: now - SETTLING_FOR }
    }

    /// `CONFLICTING_CLIENT_IDS_CHECK`'s: since the scheduled run before, or 31 days ago.
    pub fn of_conflicts(previous_run: Option<Timestamp>, now: Timestamp) -> Self {
        Self { from: previous_run.unwrap_or(now - REMEMBERED_FOR), to: now }
    }

    fn touches(self, connection: &Connection) -> bool {
        connection.connected_at <= self.to
            && connection.disconnected_at.is_none_or(|end| end >= self.from)
    }
}

impl Connection {
    /// Whether both lasted at one moment.
    pub fn overlaps(&self, other: &Self) -> bool {
        let end = |it: &Self| it.disconnected_at.unwrap_or(Timestamp::MAX);
        self.connected_at < end(other) && other.connected_at < end(self)
    }
}

/// `DEVICE_CERTIFICATE_SHARED_CHECK`: whether two of one certificate's connections lasted at once
/// under different client ids in the window. Names them, the most recent first.
///
/// One client id cannot be connected twice; a certificate that several things share by intent is
/// found as well: only one of them can be the one that rotates it.
pub fn shared(
    principal: CertificateId,
    connections: &[Connection],
    window: Window,
) -> Option<NonCompliance> {
    let mut seen: Vec<&Connection> = connections.iter().filter(|it| window.touches(it)).collect();
    seen.sort_by_key(|it| std::cmp::Reverse(it.connected_at));
    let concurrent = |it: &&&Connection| {
        seen.iter().any(|other| other.client_id != it.client_id && other.overlaps(it))
    };
    let sharing: Vec<_> = seen.iter().filter(concurrent).collect();
    let finding = NonCompliance::new(
        ResourceIdentifier::DeviceCertificateId(principal),
        ReasonCode::CertificateSharedByMultipleDevices,
    );
    (!sharing.is_empty()).then(|| {
        sharing.into_iter().fold(finding, |finding, it| finding.relating(connection_of(it)))
    })
}

fn connection_of(it: &Connection) -> Resource {
    let resource = Resource::new(ResourceIdentifier::ClientId(it.client_id.to_string()))
        .with("CONNECTION_TIME", it.connected_at.as_millis());
    match it.disconnected_at {
        Some(end) => resource.with("DISCONNECTION_TIME", end.as_millis()),
        None => resource,
    }
}

/// `CONFLICTING_CLIENT_IDS_CHECK`: whether connections of one client id ended each other in the
/// window. Names the certificates and when, the most recent first.
///
/// One device that comes back before the broker knows it was gone takes over from itself, with
/// the same certificate: that is no conflict. Nor is a rotation, where a device takes over from
/// itself with its next certificate: `rotates_into` says so of two certificates.
pub fn conflicting(
    client_id: &ClientId,
    connections: &[Connection],
    rotates_into: impl Fn(CertificateId, CertificateId) -> bool,
    window: Window,
) -> Option<NonCompliance> {
    let conflict = |it: &&Connection| {
        let end = it.disconnected_at.filter(|_| it.taken_over);
        end.is_some_and(|end| {
            window.from <= end && end <= window.to && has_rival(it, end, connections, &rotates_into)
        })
    };
    let mut kicked: Vec<&Connection> = connections.iter().filter(conflict).collect();
    kicked.sort_by_key(|it| std::cmp::Reverse(it.disconnected_at));
    let finding = NonCompliance::new(
        ResourceIdentifier::ClientId(client_id.to_string()),
        ReasonCode::DuplicateClientIdAcrossConnections,
    );
    let related = |it: &Connection| {
        let resource = Resource::new(ResourceIdentifier::DeviceCertificateId(it.principal));
        match it.disconnected_at {
            Some(end) => resource.with("DISCONNECTION_TIME", end.as_millis()),
            None => resource,
        }
    };
    (!kicked.is_empty())
        .then(|| kicked.into_iter().fold(finding, |finding, it| finding.relating(related(it))))
}

/// Whether the connection that came when `it` ended had another device's certificate.
fn has_rival(
    it: &Connection,
    end: Timestamp,
    connections: &[Connection],
    rotates_into: &impl Fn(CertificateId, CertificateId) -> bool,
) -> bool {
    let later = |other: &&Connection| {
        other.connected_at >= it.connected_at
            && !std::ptr::eq(*other, it)
            && other.disconnected_at.is_none_or(|its| its >= end)
    };
    let next = connections.iter().filter(later).min_by_key(|other| other.connected_at);
    // Without a record of who came it may be anybody.
    next.is_none_or(|next| {
        next.principal != it.principal
            && !rotates_into(it.principal, next.principal)
            && !rotates_into(next.principal, it.principal)
    })
}

/// Ours: whether a thing's device was not heard of for `silent_for` while its certificate ends
/// within `expiring`. `heard_at` is when it was last connected, or when it could first have been.
pub fn silent(
    certificate: &Certificate,
    thing: &ThingName,
    heard_at: Timestamp,
    (silent_for, expiring): (Threshold, Threshold),
    now: Timestamp,
) -> Option<NonCompliance> {
    validity::expiring(certificate, expiring, now)?;
    if now.since(heard_at) < silent_for.as_duration() {
        return None;
    }
    let resource = ResourceIdentifier::DeviceCertificateId(certificate.certificate_id);
    let mut finding = NonCompliance::new(resource, ReasonCode::ThingSilentWithExpiringCertificate);
    finding.resource = finding
        .resource
        .with("THING_NAME", thing)
        .with("LAST_HEARD_TIME", heard_at.as_millis())
        .with("EXPIRATION_TIME", certificate.validity.not_after.as_millis());
    Some(finding)
}
