//! The device log: what clients do and are refused, told to whoever keeps records.

use std::{fmt, net::IpAddr};

use parking_lot::Mutex;
use perennial_core::{
    bucket::{Bucket, Rate},
    ids::CertificateId,
    logging::{LoggedEvent, Protocol, Record, Severity, Speaker},
    time::Timestamp,
};

use crate::{end::End, judge::Judge, link::Link};

/// Keeps records of what clients do.
///
/// It is asked on the connections' own tasks: it must not block.
pub trait DeviceLog: fmt::Debug + Send + Sync + 'static {
    /// Whether records of this severity are kept of anybody. What costs nothing when they are not
    /// is asked before a record is made.
    fn may_record(&self, severity: Severity) -> bool;

    /// Keeps a record, if it is wanted.
    fn record(&self, record: &Record<'_>);
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDeviceLog;

impl DeviceLog for NoDeviceLog {
    fn may_record(&self, _: Severity) -> bool {
        false
    }

    fn record(&self, _: &Record<'_>) {}
}

/// How many refusals of one connection are recorded: a client that is refused for ever must not
/// fill the disk with it.
const REFUSALS: Rate = Rate { per_second: 1, burst: 60 };

/// The refusals of one connection.
pub(crate) struct Refusals(Mutex<(Bucket, u64)>);

impl Refusals {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(Mutex::new((Bucket::full(REFUSALS, now), 0)))
    }

    /// Whether one more is recorded, and then how many before it were not.
    fn one_more(&self, now: Timestamp) -> Option<u64> {
        let (bucket, left_out) = &mut *self.0.lock();
        let recorded = bucket.take(REFUSALS, now);
        *left_out += u64::from(!recorded);
        recorded.then(|| std::mem::take(left_out))
    }

    fn left_out(&self) -> u64 {
        self.0.lock().1
    }
}

/// A reason, with how many refusals were left out before it.
fn counting(reason: &str, left_out: u64) -> String {
    match left_out {
        0 => reason.to_owned(),
        _ => format!("{reason}; {left_out} refusals before were not recorded"),
    }
}

/// What a record is about, beside who did it.
pub(crate) struct Did<'a> {
    pub(crate) event: LoggedEvent,
    pub(crate) severity: Severity,
    pub(crate) topic: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
}

impl<'a> Did<'a> {
    /// What went well.
    pub(crate) const fn well(event: LoggedEvent) -> Self {
        Self { event, severity: Severity::Info, topic: None, reason: None }
    }

    /// A client that was let in, perhaps by grace alone.
    pub(crate) const fn connecting(in_grace: bool) -> Self {
        let well = Self::well(LoggedEvent::Connect);
        if in_grace {
            let reason = Some("let in by grace: the certificate has expired");
            return Self { severity: Severity::Warn, reason, ..well };
        }
        well
    }

    /// What was refused, and why.
    pub(crate) const fn badly(event: LoggedEvent, reason: &'a str) -> Self {
        Self { event, severity: Severity::Error, topic: None, reason: Some(reason) }
    }

    /// How a connection ended.
    pub(crate) const fn ending(end: End, reason: &'a str) -> Self {
        let severity = if end.is_a_refusal() { Severity::Error } else { Severity::Info };
        Self { event: LoggedEvent::Disconnect, severity, topic: None, reason: Some(reason) }
    }

    /// The same on a topic or topic filter.
    pub(crate) const fn on(self, topic: &'a str) -> Self {
        Self { topic: Some(topic), ..self }
    }

    const fn by(self, speaker: Speaker<'a>, protocol: Protocol) -> Record<'a> {
        let Self { event, severity, topic, reason } = self;
        Record { event, severity, speaker, protocol, topic, reason }
    }
}

impl dyn DeviceLog {
    /// Records what a connected client did.
    pub(crate) fn client(&self, link: &Link, did: Did<'_>) {
        if !self.may_record(did.severity) {
            return;
        }
        let groups = || link.groups();
        let speaker = Speaker {
            client_id: Some(link.client_id.as_str()),
            principal: Some(link.principal),
            source: Some(link.address),
            groups: Some(&groups),
        };
        self.record(&did.by(speaker, Protocol::Mqtt));
    }

    /// Records what a connected client was refused, unless that was recorded often enough.
    pub(crate) fn refusal(&self, link: &Link, did: Did<'_>, now: Timestamp) {
        if let (true, Some(left_out)) = (self.may_record(did.severity), link.refusals.one_more(now))
        {
            let reason = counting(did.reason.unwrap_or_default(), left_out);
            self.client(link, Did { reason: Some(&reason), ..did });
        }
    }

    /// Records how a connection ended.
    pub(crate) fn ended(&self, link: &Link, end: End) {
        let reason = counting(&end.to_string(), link.refusals.left_out());
        self.client(link, Did::ending(end, &reason));
    }

    /// Records what the holder of a certificate did without a connection of its own.
    pub(crate) fn holder(
        &self,
        judge: &Judge,
        (principal, source): (CertificateId, IpAddr),
        client_id: Option<&str>,
        protocol: Protocol,
        did: Did<'_>,
    ) {
        if !self.may_record(did.severity) {
            return;
        }
        let groups = || judge.groups(&principal, client_id);
        let speaker = Speaker {
            client_id,
            principal: Some(principal),
            source: Some(source),
            groups: Some(&groups),
        };
        self.record(&did.by(speaker, protocol));
    }

    /// Records a handshake that did not come to its end, with as much as is known.
    pub(crate) fn handshake(
        &self,
        principal: Option<CertificateId>,
        source: Option<IpAddr>,
        protocol: Protocol,
        reason: &str,
    ) {
        let did = Did::badly(LoggedEvent::AuthenticationFailed, reason);
        let speaker = Speaker { principal, source, ..Speaker::default() };
        self.record(&did.by(speaker, protocol));
    }
}
