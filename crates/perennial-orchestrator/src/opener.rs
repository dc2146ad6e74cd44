//! Opening: what an audit found, an operator wants or a device that is back needs becomes
//! rotations, page by page.

mod recovering;

use std::{fmt, sync::Arc, time::Duration};

use perennial_core::{
    certificate::{Certificate, CertificateStatus},
    ids::{AuditTaskId, CertificateId, RotationId, ThingName},
    rotation::{Cause, FaultKind, Opening, open},
};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    awaited::Awaited,
    inbox::{Arrival, Recovery},
    port::{Commit, Fact, FactId, NewRotation, PortError},
    ring::{Ports, Settings},
};

/// How many findings one commit opens rotations for.
const PAGE: usize = 500;

/// A fact that asks for rotations.
#[derive(Debug)]
pub(crate) struct Request {
    fact: FactId,
    wish: Wish,
}

#[derive(Debug)]
enum Wish {
    Findings { task: AuditTaskId },
    One(Asked),
}

/// One rotation that somebody asked for.
#[derive(Debug)]
struct Asked {
    rotation_id: Option<RotationId>,
    thing: ThingName,
    certificate_id: Option<CertificateId>,
    rekey: bool,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wish {
            Wish::Findings { task } => write!(f, "the findings of audit {task}"),
            Wish::One(Asked { thing, .. }) => write!(f, "a rotation of {thing}"),
        }
    }
}

impl Request {
    /// The request that an arrival makes, or the arrival back.
    pub(crate) fn from_arrival(arrival: Arrival) -> Result<Self, Arrival> {
        match arrival {
            Arrival::Fact(fact, Fact::AuditCompleted { task }) => {
                Ok(Self { fact, wish: Wish::Findings { task } })
            }
            Arrival::Fact(
                fact,
                Fact::RotationRequested { rotation_id, thing, certificate_id, rekey },
            ) => {
                let asked = Asked { rotation_id, thing, certificate_id, rekey };
                Ok(Self { fact, wish: Wish::One(asked) })
            }
            other @ (Arrival::Fact(..) | Arrival::Hint(_)) => Err(other),
        }
    }
}

/// What came of an audit's findings so far.
#[derive(Default)]
struct Tally {
    /// Findings that were acted upon.
    served: usize,
    /// Rotations of theirs.
    opened: usize,
    /// Why the latest one that was not could not be.
    refused: Option<PortError>,
}

/// Opens rotations.
pub(crate) struct Opener {
    ports: Ports,
    settings: Arc<Settings>,
    requests: mpsc::UnboundedReceiver<Request>,
    recoveries: mpsc::Receiver<Recovery>,
    awaited: Awaited,
    /// Told of rotations that were opened: some may be due at once.
    opened: Arc<Notify>,
}

impl Opener {
    pub(crate) fn new(
        ports: Ports,
        settings: Arc<Settings>,
        (requests, recoveries): (mpsc::UnboundedReceiver<Request>, mpsc::Receiver<Recovery>),
        (awaited, opened): (Awaited, Arc<Notify>),
    ) -> Self {
        Self { ports, settings, requests, recoveries, awaited, opened }
    }

    /// Runs until `shutdown`; a request cut short is found in the inbox at the next start, and
    /// what it opened already is not opened again.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(self.turn()).await == Some(true) {}
    }

    /// Deals with whatever comes next; false when nothing will.
    async fn turn(&mut self) -> bool {
        let mut recovering = Vec::new();
        tokio::select! {
            request = self.requests.recv() => match request {
                Some(request) => self.fulfil(request).await,
                None => return false,
            },
            count = self.recoveries.recv_many(&mut recovering, PAGE) => match count {
                0 => return false,
                _ => self.recover(recovering).await,
            },
        }
        true
    }

    /// Tries until it is done, or never will be.
    async fn fulfil(&self, request: Request) {
        let mut pause = Duration::from_millis(100);
        while let Err(error) = self.try_fulfil(&request).await {
            if error.kind == FaultKind::Permanent {
                error!(%error, %request, "rotations could not be opened; trying at the next start");
                return;
            }
            warn!(%error, %request, "opening rotations is held up; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
    }

    async fn try_fulfil(&self, request: &Request) -> Result<(), PortError> {
        let openings = match &request.wish {
            Wish::Findings { task } => {
                self.open_findings(*task).await?;
                Vec::new()
            }
            Wish::One(asked) => self.one(asked).await?,
        };
        let commit = Commit { openings, facts_done: vec![request.fact], ..Commit::default() };
        self.commit(commit).await?;
        if let Wish::One(Asked { rotation_id: Some(id), .. }) = &request.wish {
            self.awaited.dealt_with(id);
        }
        Ok(())
    }

    async fn commit(&self, commit: Commit) -> Result<(), PortError> {
        let opens = !commit.openings.is_empty();
        self.ports.journal.commit(commit).await?;
        if opens {
            self.opened.notify_one();
        }
        Ok(())
    }

    async fn open_findings(&self, task: AuditTaskId) -> Result<(), PortError> {
        let (mut after, mut tally) = (0, Tally::default());
        loop {
            let page = self.ports.audit.to_rotate(task, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.place;
            let page = page.iter().map(|it| it.certificate_id).collect();
            self.open_page(task, page, &mut tally).await?;
        }
        match tally {
            // Not one: then it is not the findings that are at fault.
            Tally { served: 0, refused: Some(error), .. } => Err(error),
            Tally { opened, .. } => {
                info!(audit.task = %task, rotations = opened, "an audit's findings were acted upon");
                Ok(())
            }
        }
    }

    /// Opens the rotations of a page; a finding that will never do is set aside, so that it holds
    /// up no other, and the next audit finds it again.
    async fn open_page(
        &self,
        task: AuditTaskId,
        page: Vec<CertificateId>,
        tally: &mut Tally,
    ) -> Result<(), PortError> {
        let mut parts = vec![page];
        while let Some(mut part) = parts.pop() {
            match self.open_part(task, &part).await {
                Ok(opened) => {
                    tally.served += part.len();
                    tally.opened += opened;
                }
                Err(error) if error.kind == FaultKind::Retryable => return Err(error),
                Err(error) if part.len() == 1 => {
                    error!(%error, certificate.id = %part[0], "a finding cannot be acted upon");
                    tally.refused = Some(error);
                }
                Err(_) => {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
            }
        }
        Ok(())
    }

    async fn open_part(
        &self,
        task: AuditTaskId,
        part: &[CertificateId],
    ) -> Result<usize, PortError> {
        let openings = self.openings_of(task, part).await?;
        let opened = openings.len();
        self.commit(Commit { openings, ..Commit::default() }).await?;
        Ok(opened)
    }

    async fn openings_of(
        &self,
        task: AuditTaskId,
        page: &[CertificateId],
    ) -> Result<Vec<NewRotation>, PortError> {
        let certificates = self.ports.registry.describe(page).await?;
        let things = self.ports.registry.things_of(page).await?;
        let mut openings = Vec::with_capacity(page.len());
        for (certificate, things) in certificates.into_iter().zip(things) {
            let Some(certificate) = certificate.filter(|it| self.is_worth_rotating(it)) else {
                continue;
            };
            if things.is_empty() {
                let id = certificate.certificate_id;
                warn!(certificate.id = %id, "an expiring certificate belongs to no thing");
            }
            let cause = Cause::Finding { task };
            let rekey = self.settings.rekey;
            openings.extend(
                things.into_iter().map(|thing| self.opening(thing, &certificate, cause, rekey)),
            );
        }
        Ok(openings)
    }

    /// The rotation of a thing that somebody asked for; none, with a word in the log, when the
    /// thing has no ACTIVE certificate or not the one named.
    async fn one(&self, asked: &Asked) -> Result<Vec<NewRotation>, PortError> {
        let thing = &asked.thing;
        let found = self.ports.registry.certificates_of(std::slice::from_ref(thing)).await?;
        let wanted = |certificate: &Certificate| {
            asked.certificate_id.is_none_or(|wanted| wanted == certificate.certificate_id)
        };
        let Some(certificate) = found.into_iter().flatten().find(wanted) else {
            warn!(thing.name = %thing, "asked to rotate a thing without such an ACTIVE certificate");
            return Ok(Vec::new());
        };
        let mut opening = self.opening(thing.clone(), &certificate, Cause::Operator, asked.rekey);
        opening.rotation.id = asked.rotation_id.unwrap_or(opening.rotation.id);
        Ok(vec![opening])
    }

    /// ACTIVE, and its device can still be let in with it.
    fn is_worth_rotating(&self, certificate: &Certificate) -> bool {
        let now = self.ports.clock.now();
        certificate.status == CertificateStatus::Active
            && !self.settings.timing.has_lapsed(certificate.validity, now)
    }

    fn opening(
        &self,
        thing: ThingName,
        outgoing: &Certificate,
        cause: Cause,
        rekey: bool,
    ) -> NewRotation {
        let opening = Opening {
            id: self.ports.entropy.rotation_id(),
            thing,
            outgoing: outgoing.clone(),
            cause,
            rekey,
            // Who asks for one rotation by hand does not want to wait for its turn.
            draw: if cause == Cause::Operator { 0 } else { self.ports.entropy.draw() },
        };
        let (rotation, state) = open(opening, &self.settings.timing, self.ports.clock.now());
        NewRotation { rotation, state }
    }
}
