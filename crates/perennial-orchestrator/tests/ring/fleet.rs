//! Devices that know only the protocol: they answer, connect, prove, and say again what was not
//! acknowledged.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use perennial_core::{
    ids::{CertificateId, ClientId, RotationId},
    message::{Crt, CrtAck, CrtErr, CsrReq, CsrRes, Message, RefusalCode, Refused},
    topic::Kind,
};
use perennial_orchestrator::{
    Hint, Intake,
    fakes::{FakeAuthority, World},
    port::{Fact, Publication},
};

/// How a device behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Habit {
    /// As it should.
    #[default]
    Good,
    /// It is never there.
    Away,
    /// It never answers.
    Silent,
    /// Its first CSR is none.
    ClumsyOnce,
    /// It gives up when it gets its certificate.
    Refuses,
    /// It cannot connect with its certificate and says nothing.
    CannotConnect,
    /// It repeats every message.
    Repeats,
}

/// What a device has on its disk.
#[derive(Debug, Clone)]
struct Device {
    habit: Habit,
    current: CertificateId,
    candidate: Option<Candidate>,
    keys: u32,
    refused: Vec<RefusalCode>,
}

#[derive(Debug, Clone)]
struct Candidate {
    rotation_id: Option<RotationId>,
    csr: String,
    certificate: Option<CertificateId>,
}

/// Every device; outlives the server's processes.
#[derive(Clone, Default)]
pub(crate) struct Fleet(Arc<Mutex<BTreeMap<ClientId, Device>>>);

impl Fleet {
    pub(crate) fn add(&self, client_id: ClientId, current: CertificateId, habit: Habit) {
        let device = Device { habit, current, candidate: None, keys: 0, refused: Vec::new() };
        self.devices().insert(client_id, device);
    }

    /// The certificate that a device connects with, if it has one that works.
    pub(crate) fn in_use(&self, client_id: &ClientId, world: &World) -> Option<CertificateId> {
        usable(world, &self.devices()[client_id])
    }

    /// What a device was refused.
    pub(crate) fn refused(&self, client_id: &ClientId) -> Vec<RefusalCode> {
        self.devices()[client_id].refused.clone()
    }

    /// Devices that hold no certificate which the registry accepts.
    pub(crate) fn bricked(&self, world: &World) -> Vec<ClientId> {
        let devices = self.devices();
        let works = |device: &Device| usable(world, device).is_some();
        devices.iter().filter(|(_, it)| !works(it)).map(|(id, _)| id.clone()).collect()
    }

    fn devices(&self) -> MutexGuard<'_, BTreeMap<ClientId, Device>> {
        self.0.lock().unwrap()
    }

    /// Lives with one process of the server: connects every device, then lets each answer.
    pub(crate) async fn live(self, world: World, intake: Intake) {
        let ids: Vec<_> = self.devices().keys().cloned().collect();
        for client_id in &ids {
            self.connect(client_id, &world, &intake).await;
        }
        let messaging = world.messaging();
        loop {
            let publication = messaging.next().await;
            self.receive(publication, &world, &intake).await;
        }
    }

    /// Connects with the candidate if there is one that works, and says what is still to be said.
    pub(crate) async fn connect(&self, client_id: &ClientId, world: &World, intake: &Intake) {
        let device = self.devices()[client_id].clone();
        let Some(principal) = usable(world, &device).filter(|_| device.habit != Habit::Away) else {
            return;
        };
        world.messaging().connect(client_id.clone(), principal);
        intake.hint(Hint::Connected { client_id: client_id.clone(), principal }).await;
        intake.hint(Hint::Subscribed { client_id: client_id.clone(), principal }).await;
        self.prove(client_id, principal, world, intake).await;
    }

    async fn receive(&self, publication: Publication, world: &World, intake: &Intake) {
        let Publication { client_id, kind, payload } = publication;
        let session = world.messaging().session(&client_id);
        if !session.is_some_and(|principal| world.registry().is_active(&principal)) {
            // The broker cut a session whose certificate was withdrawn.
            world.messaging().disconnect(&client_id);
            self.connect(&client_id, world, intake).await;
        }
        match kind {
            Kind::CsrReq => {
                let request = CsrReq::from_payload(&payload).unwrap();
                if let Some(answer) = self.csr(&client_id, request) {
                    self.send(&client_id, &answer, world, intake).await;
                }
            }
            Kind::Crt => {
                let delivery = Crt::from_payload(&payload).unwrap();
                self.certified(&client_id, delivery, world, intake).await;
            }
            Kind::Refused => {
                let refused = Refused::from_payload(&payload).unwrap();
                self.devices().get_mut(&client_id).unwrap().refused.push(refused.code);
            }
            Kind::CsrRes | Kind::CrtAck | Kind::CrtErr => panic!("the server sent {kind}"),
        }
    }

    fn csr(&self, client_id: &ClientId, request: CsrReq) -> Option<CsrRes> {
        let mut devices = self.devices();
        let device = devices.get_mut(client_id)?;
        if device.habit == Habit::Silent {
            return None;
        }
        let known = device.candidate.as_ref().filter(|candidate| {
            candidate.rotation_id == request.rotation_id && request.refused.is_none()
        });
        let csr = known.map(|candidate| candidate.csr.clone()).unwrap_or_else(|| {
            device.keys += 1;
            let clumsy = device.habit == Habit::ClumsyOnce && device.keys == 1;
            let key = format!("{client_id}-{}", device.keys);
            if clumsy { "no CSR".to_owned() } else { FakeAuthority::csr_for(&key) }
        });
        if known.is_none() {
            let rotation_id = request.rotation_id;
            device.candidate = Some(Candidate { rotation_id, csr: csr.clone(), certificate: None });
        }
        Some(CsrRes { csr, rotation_id: request.rotation_id, proof: None })
    }

    async fn certified(&self, client_id: &ClientId, it: Crt, world: &World, intake: &Intake) {
        let habit = {
            let mut devices = self.devices();
            let device = devices.get_mut(client_id).unwrap();
            // Delivered late: the device has long promoted it.
            if let Some(candidate) = &mut device.candidate {
                candidate.certificate = it.certificate_id;
            }
            device.habit
        };
        match habit {
            Habit::CannotConnect => {
                self.devices().get_mut(client_id).unwrap().candidate = None;
            }
            Habit::Refuses => {
                self.devices().get_mut(client_id).unwrap().candidate = None;
                let (error, code) = ("no room".to_owned(), Default::default());
                let rotation_id = it.rotation_id;
                let gave_up = CrtErr { error, rotation_id, code, phase: None, device_time: None };
                self.send(client_id, &gave_up, world, intake).await;
            }
            Habit::Good | Habit::Away | Habit::Silent | Habit::ClumsyOnce | Habit::Repeats => {
                self.connect(client_id, world, intake).await;
            }
        }
    }

    /// Acknowledges the candidate over its own session; promotes it once that is durable.
    async fn prove(
        &self,
        client_id: &ClientId,
        session: CertificateId,
        world: &World,
        intake: &Intake,
    ) {
        let candidate = self.devices()[client_id].candidate.clone();
        let Some(candidate) = candidate.filter(|it| it.certificate == Some(session)) else {
            return;
        };
        let (rotation_id, certificate_id) = (candidate.rotation_id, candidate.certificate);
        let ack = CrtAck { rotation_id, certificate_id, proof: None, hook: None };
        if self.send(client_id, &ack, world, intake).await {
            let mut devices = self.devices();
            let device = devices.get_mut(client_id).unwrap();
            (device.current, device.candidate) = (session, None);
        }
    }

    /// Publishes until there is a PUBACK; answers whether there was one.
    async fn send<M: Message>(
        &self,
        client_id: &ClientId,
        message: &M,
        world: &World,
        intake: &Intake,
    ) -> bool {
        let Some(principal) = world.messaging().session(client_id) else { return false };
        let fact = Fact::Message {
            client_id: client_id.clone(),
            principal,
            addressee: client_id.clone(),
            kind: M::KIND,
            payload: message.to_payload().unwrap(),
        };
        let repeats = self.devices()[client_id].habit == Habit::Repeats;
        let facts = vec![fact; if repeats { 2 } else { 1 }];
        for _ in 0..10 {
            if intake.accept(facts.clone()).await.is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        false
    }
}

/// The certificate to connect with: the candidate's if it works, else the current one.
fn usable(world: &World, device: &Device) -> Option<CertificateId> {
    let candidate = device.candidate.as_ref().and_then(|candidate| candidate.certificate);
    let both = candidate.into_iter().chain([device.current]);
    both.into_iter().find(|id| world.registry().is_active(id))
}
