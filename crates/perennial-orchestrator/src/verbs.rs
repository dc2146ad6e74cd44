//! Verbs: carries out a group of like commands through the ports and turns answers into inputs.

use std::{sync::Arc, time::Duration};

use perennial_core::{
    ids::CertificateId,
    message::Message as _,
    rotation::{Command, Fault, FaultKind, Input, Remedy, Rotation},
    topic::Kind,
};
use tracing::warn;

use crate::{
    payload,
    port::{
        CommandId, Enrolment, IssueOutcome, IssueRequest, Notification, PortError, Publication,
        Retirement,
    },
    ring::{Ports, Settings},
};

/// A command with the rotation that wants it.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: CommandId,
    pub(crate) rotation: Arc<Rotation>,
    pub(crate) command: Command,
}

impl Job {
    fn outcome(&self, input: Option<Input>) -> Outcome {
        Outcome { id: self.id, rotation: Arc::clone(&self.rotation), input }
    }

    /// The outcome when the port broke down over it; a message's deadline asks for it again.
    pub(crate) fn broken_off(&self, reason: &str) -> Outcome {
        let fault = Fault { kind: FaultKind::Retryable, reason: reason.to_owned() };
        self.outcome(match &self.command {
            Command::Issue { csr } => Some(Input::IssueFailed { csr: csr.digest, fault }),
            Command::Enroll { .. } => Some(Input::EnrollFailed { fault }),
            Command::RetireOutgoing | Command::RetireIncoming { .. } => {
                Some(Input::RetireFailed { fault })
            }
            Command::RequestCsr { .. }
            | Command::DeliverCertificate { .. }
            | Command::Refuse { .. }
            | Command::Notify { .. } => None,
        })
    }
}

/// What came of a job; most messages have no outcome of their own.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) id: CommandId,
    pub(crate) rotation: Arc<Rotation>,
    pub(crate) input: Option<Input>,
}

/// Which port verb a command goes to; jobs of one verb go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Issue,
    Enroll,
    Retire,
    Publish,
    Notify,
}

impl Verb {
    pub(crate) const ALL: [Self; 5] =
        [Self::Issue, Self::Enroll, Self::Retire, Self::Publish, Self::Notify];

    pub(crate) const fn of(command: &Command) -> Self {
        match command {
            Command::Issue { .. } => Self::Issue,
            Command::Enroll { .. } => Self::Enroll,
            Command::RetireOutgoing | Command::RetireIncoming { .. } => Self::Retire,
            Command::RequestCsr { .. }
            | Command::DeliverCertificate { .. }
            | Command::Refuse { .. } => Self::Publish,
            Command::Notify { .. } => Self::Notify,
        }
    }
}

/// The ports, ready to carry out jobs.
#[derive(Clone)]
pub(crate) struct Verbs {
    ports: Ports,
    settings: Arc<Settings>,
}

impl Verbs {
    pub(crate) fn new(ports: Ports, settings: Arc<Settings>) -> Self {
        Self { ports, settings }
    }

    /// Carries out jobs that all go to `verb`.
    pub(crate) async fn carry_out(self, verb: Verb, jobs: Arc<Vec<Job>>) -> Vec<Outcome> {
        let inputs = match verb {
            Verb::Issue => self.issue(&jobs).await,
            Verb::Enroll => self.enroll(&jobs).await,
            Verb::Retire => self.retire(&jobs).await,
            Verb::Publish => self.publish(&jobs).await,
            Verb::Notify => self.notify(&jobs).await,
        };
        jobs.iter().zip(inputs).map(|(job, input)| job.outcome(input)).collect()
    }

    async fn issue(&self, jobs: &[Job]) -> Vec<Option<Input>> {
        let requests = jobs.iter().filter_map(issue_request).collect::<Vec<_>>();
        let csrs: Vec<_> = requests.iter().map(|request| request.csr.digest).collect();
        let outcomes = self.ports.authority.issue(requests, self.ports.clock.now()).await;
        let input = |(outcome, csr)| match outcome {
            IssueOutcome::Issued(incoming) => Input::CertificateIssued { csr, incoming },
            IssueOutcome::Refused { code, reason } => Input::IssueRefused { csr, code, reason },
            IssueOutcome::Failed(fault) => Input::IssueFailed { csr, fault },
        };
        outcomes.into_iter().zip(csrs).map(input).map(Some).collect()
    }

    async fn enroll(&self, jobs: &[Job]) -> Vec<Option<Input>> {
        let batch = jobs.iter().filter_map(enrolment).collect();
        let answers = self.ports.registry.enroll(batch, self.ports.clock.now()).await;
        let input = |answer: Result<(), PortError>| match answer {
            Ok(()) => Input::Enrolled,
            Err(error) => Input::EnrollFailed { fault: error.fault() },
        };
        answers.into_iter().map(input).map(Some).collect()
    }

    async fn retire(&self, jobs: &[Job]) -> Vec<Option<Input>> {
        let batch = jobs.iter().map(retirement).collect();
        let answers = self.ports.registry.retire(batch, self.ports.clock.now()).await;
        let input = |(answer, job): (Result<(), PortError>, &Job)| match (answer, &job.command) {
            (Ok(()), Command::RetireOutgoing) => Input::OutgoingRetired,
            (Ok(()), _) => Input::IncomingRetired,
            (Err(error), _) => Input::RetireFailed { fault: error.fault() },
        };
        answers.into_iter().zip(jobs).map(input).map(Some).collect()
    }

    /// Publishes what can be; a message that did not go out is asked for again by its deadline.
    async fn publish(&self, jobs: &[Job]) -> Vec<Option<Input>> {
        match self.publications(jobs).await {
            Ok(publications) => {
                let answers = self.ports.messaging.publish(publications).await;
                for error in answers.into_iter().filter_map(Result::err) {
                    warn!(%error, "a message to a device did not go out");
                }
            }
            Err(error) => warn!(%error, "messages to devices could not be put together"),
        }
        jobs.iter().map(|_| None).collect()
    }

    async fn publications(&self, jobs: &[Job]) -> Result<Vec<Publication>, PortError> {
        let incoming: Vec<CertificateId> = jobs.iter().filter_map(delivered).collect();
        let mut deliveries = if incoming.is_empty() {
            Vec::new()
        } else {
            self.ports.authority.deliveries(&incoming).await?
        }
        .into_iter();
        let now = self.ports.clock.now();
        let mut publications = Vec::with_capacity(jobs.len());
        for job in jobs {
            let made = match &job.command {
                Command::RequestCsr { refused } => {
                    let algorithms = &self.settings.algorithms;
                    payload::csr_req(&job.rotation, refused.clone(), algorithms, now)
                }
                Command::DeliverCertificate { incoming } => match deliveries.next().flatten() {
                    Some(delivery) => payload::crt(&job.rotation, *incoming, delivery, now),
                    None => {
                        warn!(certificate.id = %incoming, "a certificate to deliver is not stored");
                        continue;
                    }
                },
                Command::Refuse { about, code, reason, rotation_id } => {
                    let reason = reason.as_deref().unwrap_or_else(|| code.in_words());
                    let message = payload::refused(*about, *code, *rotation_id, reason);
                    message.to_payload().map(|payload| Publication {
                        client_id: job.rotation.client_id.clone(),
                        kind: Kind::Refused,
                        payload: payload.into(),
                    })
                }
                Command::Issue { .. }
                | Command::Enroll { .. }
                | Command::RetireOutgoing
                | Command::RetireIncoming { .. }
                | Command::Notify { .. } => continue,
            };
            match made {
                Ok(publication) => publications.push(publication),
                // The others' messages are as good as ever.
                Err(error) => {
                    let id = job.rotation.id;
                    warn!(%error, rotation.id = %id, "a message to a device cannot be sent");
                }
            }
        }
        Ok(publications)
    }

    async fn notify(&self, jobs: &[Job]) -> Vec<Option<Input>> {
        let batch = jobs.iter().filter_map(notification).collect();
        let answers = self.ports.notifier.notify(batch, self.ports.clock.now()).await;
        for error in answers.into_iter().filter_map(Result::err) {
            warn!(%error, "a notice did not reach anybody");
        }
        jobs.iter().map(|_| None).collect()
    }
}

fn issue_request(job: &Job) -> Option<IssueRequest> {
    let Command::Issue { csr } = &job.command else { return None };
    Some(IssueRequest {
        rotation_id: job.rotation.id,
        thing: job.rotation.thing.clone(),
        outgoing: job.rotation.outgoing,
        rekey: job.rotation.rekey,
        behind_for: behind_for(&job.rotation),
        csr: csr.clone(),
    })
}

fn behind_for(rotation: &Rotation) -> Duration {
    match rotation.remedy() {
        Some(Remedy::FitClock { behind_for }) => behind_for,
        Some(Remedy::WholeChain | Remedy::AnotherKey | Remedy::AttachAnew | Remedy::TryLater)
        | None => Duration::ZERO,
    }
}

fn enrolment(job: &Job) -> Option<Enrolment> {
    let Command::Enroll { incoming } = job.command else { return None };
    Some(Enrolment {
        rotation_id: job.rotation.id,
        thing: job.rotation.thing.clone(),
        outgoing: job.rotation.outgoing,
        incoming,
    })
}

fn retirement(job: &Job) -> Retirement {
    let certificate_id = if let Command::RetireIncoming { incoming } = job.command {
        incoming
    } else {
        job.rotation.outgoing
    };
    Retirement { rotation_id: job.rotation.id, thing: job.rotation.thing.clone(), certificate_id }
}

fn delivered(job: &Job) -> Option<CertificateId> {
    let Command::DeliverCertificate { incoming } = job.command else { return None };
    Some(incoming)
}

fn notification(job: &Job) -> Option<Notification> {
    let Command::Notify { notice } = &job.command else { return None };
    let Rotation { id, thing, outgoing_not_after, .. } = &*job.rotation;
    Some(Notification {
        rotation_id: *id,
        thing: thing.clone(),
        ends_at: *outgoing_not_after,
        notice: notice.clone(),
    })
}
