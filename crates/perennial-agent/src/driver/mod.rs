//! The loop around the device's machine: inputs in, the document to disk, commands out.

mod checking;
mod commands;
mod events;
mod hook;
mod listening;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use perennial_core::device::{Checked, ConnectFailure, Input, Machine, Note, Slot, step, unkept};
use rustls::pki_types::ServerName;
use tokio::time::{Instant, sleep_until};

pub use events::{Event, Observer};

use crate::{
    clock::Clock,
    config::Config,
    disk::{Disk, DiskError},
    document::{Document, DocumentError, LastError},
    faults::CrashPoint,
    folder::{Folder, FolderError, Lock},
    keystore::{FileKeyStore, KeyError, KeyStore},
    link::{Address, DialFailure, Session},
};

/// Why an agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The key store cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The server's name is neither a DNS name nor an IP address.
    #[error("server_name {0:?} is neither a DNS name nor an IP address")]
    ServerName(String),
}

/// Why an agent ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A fault that a test asked for, in the midst of a write.
    #[error("the agent crashed while it wrote, as a test asked it to")]
    CrashedOnDisk,
    /// A fault that a test asked for.
    #[error("the agent crashed at {0}, as a test asked it to")]
    Crashed(CrashPoint),
}

type Dial = Pin<Box<dyn Future<Output = Result<Box<Session>, DialFailure>> + Send>>;
type HookRun = Pin<Box<dyn Future<Output = perennial_core::message::HookResult> + Send>>;

/// One device, ready to run.
pub struct Agent {
    config: Config,
    folder: Folder,
    keys: Arc<dyn KeyStore>,
    clock: Arc<Clock>,
    document: Document,
    /// What is on the disk.
    kept: Document,
    machine: Option<Machine>,
    address: Arc<Address>,
    observer: Option<Observer>,
    session: Option<Box<Session>>,
    dialing: Option<(Slot, Dial)>,
    hook: Option<HookRun>,
    delivered: Option<checking::Delivered>,
    wake_at: Option<Instant>,
    _lock: Lock,
}

enum Happened {
    Session(Result<crate::link::Incoming, crate::link::Ended>),
    Dialed(Slot, Result<Box<Session>, DialFailure>),
    Hook(perennial_core::message::HookResult),
    Woke,
    Shutdown,
}

impl Agent {
    /// Opens the data folder, locks it, and sweeps what no slot holds any more.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the folder and what to do.
    pub fn open(mut config: Config) -> Result<Self, OpenError> {
        config.timing.has_hook = config.hook.is_some();
        let folder = Folder::new(&config.data, Disk::new(config.faults.clone()));
        let lock = folder.lock()?;
        let document = folder.read_document()?;
        if document.client_id != config.client_id {
            let (path, found) = (folder.document_path(), document.client_id);
            let wanted = config.client_id;
            return Err(
                FolderError::from(DocumentError::OtherClient { path, found, wanted }).into()
            );
        }
        let keys: Arc<dyn KeyStore> = Arc::new(FileKeyStore::new(folder.clone()));
        for swept in keys.generations()? {
            if !document.device.slots.holds(swept) {
                keys.forget(swept)?;
            }
        }
        let address = Arc::new(address(&config)?);
        Ok(Self {
            clock: Arc::new(Clock::new(document.server_time)),
            machine: Some(Machine::resume(document.device.clone())),
            config,
            folder,
            keys,
            kept: document.clone(),
            document,
            address,
            observer: None,
            session: None,
            dialing: None,
            hook: None,
            delivered: None,
            wake_at: None,
            _lock: lock,
        })
    }

    /// Tells `observer` everything that happens; it must return quickly.
    #[must_use]
    pub fn observed_by(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Runs until `shutdown` resolves.
    ///
    /// # Errors
    /// [`RunError`], for faults that a test asked for. Nothing that a server, a network or a disk
    /// does ends it.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let mut shutdown = std::pin::pin!(shutdown);
        self.take(Input::Booted).await?;
        loop {
            match self.happening(shutdown.as_mut()).await {
                Happened::Session(Ok(incoming)) => self.heard(incoming).await?,
                Happened::Session(Err(ended)) => {
                    self.session = None;
                    tracing::info!(client.id = %self.config.client_id, reason = %ended, "disconnected");
                    self.tell(Event::Disconnected { reason: ended.to_string() });
                    self.take(Input::Disconnected { draw: fastrand::u32(..) }).await?;
                }
                Happened::Dialed(slot, outcome) => self.dialed(slot, outcome).await?,
                Happened::Hook(hook) => self.take(Input::HookEnded { hook }).await?,
                Happened::Woke => self.take(Input::Woke).await?,
                Happened::Shutdown => break,
            }
        }
        if let Some(session) = &mut self.session {
            session.close().await;
        }
        Ok(())
    }

    async fn happening(&mut self, shutdown: Pin<&mut impl Future<Output = ()>>) -> Happened {
        let Self { session, dialing, hook, wake_at, .. } = self;
        let happened = tokio::select! {
            biased;
            () = shutdown => Happened::Shutdown,
            told = async { match session { Some(s) => s.next().await, None => std::future::pending().await } } =>
                Happened::Session(told),
            dialed = async { match dialing { Some((slot, d)) => (*slot, d.await), None => std::future::pending().await } } =>
                Happened::Dialed(dialed.0, dialed.1),
            ended = async { match hook { Some(h) => h.await, None => std::future::pending().await } } =>
                Happened::Hook(ended),
            () = async { match wake_at { Some(at) => sleep_until(*at).await, None => std::future::pending().await } } =>
                Happened::Woke,
        };
        match &happened {
            Happened::Dialed(..) => *dialing = None,
            Happened::Hook(_) => *hook = None,
            Happened::Woke => *wake_at = None,
            Happened::Session(_) | Happened::Shutdown => {}
        }
        happened
    }

    async fn dialed(
        &mut self,
        slot: Slot,
        outcome: Result<Box<Session>, DialFailure>,
    ) -> Result<(), RunError> {
        match outcome {
            Ok(session) => {
                self.session = Some(session);
                self.document.refused = None;
                self.tell(Event::Connected { slot });
                self.take(Input::Connected { slot }).await
            }
            Err(refused) => {
                let failure = refused.meaning();
                let text = format!("cannot connect with the {slot} credential: {}", refused.why);
                tracing::warn!(client.id = %self.config.client_id, "{text}");
                self.remember_error(text.clone());
                if failure == ConnectFailure::Rejected {
                    let first = || LastError { at: self.clock.now(), text: text.clone() };
                    self.document.refused.get_or_insert_with(first).text.clone_from(&text);
                }
                self.tell(Event::ConnectFailed { slot, failure, reason: text });
                let draw = fastrand::u32(..);
                self.take(Input::ConnectFailed { slot, failure, draw }).await
            }
        }
    }

    fn remember_error(&mut self, text: String) {
        if self.document.last_error.as_ref().is_none_or(|last| last.text != text) {
            self.document.last_error = Some(LastError { at: self.clock.now(), text });
        }
    }

    /// One input and what follows from it.
    async fn take(&mut self, input: Input) -> Result<(), RunError> {
        self.take_and_acknowledge(input, None).await
    }

    /// Steps, makes the document durable, acknowledges what brought the input, then acts: an answer
    /// takes the acknowledgement along. What acting brings up at once is stepped in turn.
    async fn take_and_acknowledge(
        &mut self,
        input: Input,
        packet_id: Option<std::num::NonZeroU16>,
    ) -> Result<(), RunError> {
        let mut next = Some(input);
        let mut packet_id = packet_id;
        while let Some(input) = next.take() {
            let commands = self.decide(input)?;
            self.acknowledge(packet_id.take());
            for command in commands {
                next = self.carry_out(command).await?.or(next);
            }
        }
        self.flush().await;
        Ok(())
    }

    fn decide(&mut self, input: Input) -> Result<Vec<perennial_core::device::Command>, RunError> {
        let name = input.name();
        let Some(machine) = self.machine.take() else { return Ok(Vec::new()) };
        let from = machine.device.state.name();
        let said = failure_in(&input);
        let mut step = step(machine.clone(), input.clone(), &self.config.timing);
        if let Note::Ignored(why) = step.note {
            tracing::debug!(input = name, why = why.in_words(), "ignored");
        } else if let Some(text) = said {
            self.remember_error(text);
        }
        if let Err(text) = self.persist(&step.machine)? {
            let goes_on = step.machine.device == machine.device;
            tracing::error!(client.id = %self.config.client_id, input = name, "{text}");
            self.remember_error(text.clone());
            if !goes_on {
                step = unkept(machine, input, text, &self.config.timing);
            }
        }
        let to = step.machine.device.state.name();
        if step.machine.link.dialing.is_none() {
            self.dialing = None;
        }
        self.machine = Some(step.machine);
        if from != to {
            tracing::info!(client.id = %self.config.client_id, from, to, "state changed");
            self.tell(Event::StateChanged { from, to });
        }
        Ok(step.commands)
    }

    /// Makes the machine's durable part durable; says why, if the disk does not take it.
    fn persist(&mut self, machine: &Machine) -> Result<Result<(), String>, RunError> {
        let mut document = self.document.clone();
        document.device.clone_from(&machine.device);
        document.server_time = self.clock.floor();
        let told_time = document.server_time;
        document.server_time = self.kept.server_time;
        if document == self.kept {
            return Ok(Ok(()));
        }
        document.server_time = told_time;
        let state = machine.device.state.name();
        self.crash_at(CrashPoint::BeforePersist(state))?;
        match self.folder.write_document(&document) {
            Ok(()) => {}
            Err(DiskError::Crashed) => return Err(RunError::CrashedOnDisk),
            Err(error) => return Ok(Err(format!("the device's state cannot be kept: {error}"))),
        }
        self.kept.clone_from(&document);
        self.document = document;
        self.tell(Event::Persisted { state });
        self.crash_at(CrashPoint::AfterPersist(state)).map(Ok)
    }

    fn crash_at(&self, point: CrashPoint) -> Result<(), RunError> {
        if self.config.faults.crashes_at(point) { Err(RunError::Crashed(point)) } else { Ok(()) }
    }

    fn tell(&self, event: Event) {
        if let Some(observer) = &self.observer {
            observer(&self.config.client_id, event);
        }
    }

    fn wake_after(&mut self, after_for: Duration) {
        self.wake_at = Some(Instant::now() + after_for);
    }
}

fn failure_in(input: &Input) -> Option<String> {
    match input {
        Input::CsrFailed { text, .. }
        | Input::CertificateReceived { checked: Checked::Bad { text, .. }, .. } => {
            Some(text.clone())
        }
        Input::Refused { about, code, .. } => {
            Some(format!("the server refused {about}: {}", code.in_words()))
        }
        Input::Booted
        | Input::Connected { .. }
        | Input::ConnectFailed { .. }
        | Input::Disconnected { .. }
        | Input::CsrRequested { .. }
        | Input::CertificateReceived { .. }
        | Input::Delivered { .. }
        | Input::HookEnded { .. }
        | Input::Woke => None,
    }
}

fn address(config: &Config) -> Result<Address, OpenError> {
    let server_name = ServerName::try_from(config.server_name.clone())
        .map_err(|_| OpenError::ServerName(config.server_name.clone()))?;
    Ok(Address {
        server: config.server.clone(),
        server_name,
        client_id: config.client_id.clone(),
        prefix: config.prefix.clone(),
        keep_alive_for: config.keep_alive_for,
        connect_for: config.connect_for,
    })
}
