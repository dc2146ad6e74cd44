//! The store in trouble: what cannot be written down is told all the same, from memory.

use std::time::Duration;

use perennial_core::{
    ids::NoticeId,
    notice::{Command, Fact, Input, Message, Notice, Recipient, step},
    time::Timestamp,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{DeliveryId, DeliveryOutcome, NoticeSettings, Store};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{letter::Letter, target::Targets};

/// How often the store is asked whether it is in trouble.
const LOOK: Duration = Duration::from_secs(2);
/// How long a target may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tells people, until `shutdown`, when the store cannot be written.
pub(crate) async fn watch_store(
    store: Store,
    settings: NoticeSettings,
    targets: Targets,
    shutdown: CancellationToken,
) {
    let mut trouble = Trouble { store, settings, targets, notice: None, letters: 0 };
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        if shutdown.run_until_cancelled(trouble.look(SystemClock.now())).await.is_none() {
            return;
        }
    }
}

/// The notice of a store in trouble, which stands nowhere but here.
struct Trouble {
    store: Store,
    settings: NoticeSettings,
    targets: Targets,
    notice: Option<Notice>,
    letters: i64,
}

impl Trouble {
    async fn look(&mut self, now: Timestamp) {
        let open = self.notice.as_ref().is_some_and(Notice::is_open);
        match self.store.trouble() {
            None if !open => {}
            Some(reason) if !open => {
                let fact = Box::new(Fact::StoreTrouble { reason });
                self.step(Input::Happened { fact }, now).await;
            }
            // Writing down that there was trouble shows that there is none any more.
            Some(_) | None if self.is_written_down(now).await => {
                self.step(Input::Resolved, now).await;
            }
            Some(_) | None => self.step(Input::DeadlinePassed, now).await,
        }
    }

    async fn is_written_down(&self, now: Timestamp) -> bool {
        let notice = json!({ "notice": "store_trouble", "since": self.notice.as_ref().map(|it| it.opened_at) });
        let body = json!({ "notice": notice });
        self.store.record_notices(vec![body], Vec::new(), now).await.is_ok()
    }

    async fn step(&mut self, input: Input, now: Timestamp) {
        let rules = &self.settings.rules;
        let step = step(self.notice.take(), input, rules, drawn(), now);
        let Some(notice) = step.notice else { return };
        for Command::Tell { to, occasion } in step.commands {
            let message = Message::of(&notice, to, occasion, rules, now);
            self.letters += 1;
            let letter = Letter { id: DeliveryId(self.letters), message, acknowledge: None };
            self.tell(to, letter).await;
        }
        self.notice = Some(notice);
    }

    async fn tell(&self, to: Recipient, letter: Letter) {
        let names = match to {
            Recipient::First => &self.settings.first,
            Recipient::Second => &self.settings.second,
        };
        for (name, target) in names.iter().filter_map(|name| self.targets.get_key_value(name)) {
            let letters = std::slice::from_ref(&letter);
            let outcome = tokio::time::timeout(PATIENCE, target.deliver(letters)).await;
            let outcome = outcome.ok().and_then(|outcomes| outcomes.into_iter().next());
            let why = match outcome {
                Some(DeliveryOutcome::Delivered(_)) => continue,
                Some(DeliveryOutcome::Failed { reason, .. }) => reason,
                None => format!("it was not done within {} s", PATIENCE.as_secs()),
            };
            error!(target = name, why, "nobody could be told that the store is in trouble");
        }
    }
}

fn drawn() -> NoticeId {
    NoticeId::from_bytes(std::array::from_fn(|_| fastrand::u8(..)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use parking_lot::Mutex;
    use perennial_core::notice::Occasion;
    use perennial_store::{LOG_TARGET, Proof, Settings};

    use super::*;
    use crate::notices::target::Target;

    /// Remembers what it was given.
    #[derive(Default)]
    struct Read(Mutex<Vec<Letter>>);

    #[async_trait]
    impl Target for Read {
        async fn deliver(&self, letters: &[Letter]) -> Vec<DeliveryOutcome> {
            self.0.lock().extend_from_slice(letters);
            let taken_by = "a test".to_owned();
            let proof = |letter: &Letter| Proof {
                message_id: letter.message_id(),
                taken_by: taken_by.clone(),
            };
            letters.iter().map(proof).map(DeliveryOutcome::Delivered).collect()
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_that_cannot_be_written_is_told_once_and_again_when_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Settings::default()).unwrap();
        let read = Arc::new(Read::default());
        let targets = Targets::from([(LOG_TARGET.to_owned(), Arc::clone(&read) as _)]);
        let settings = NoticeSettings::default();
        let mut trouble =
            Trouble { store: store.clone(), settings, targets, notice: None, letters: 0 };
        let now = SystemClock.now();
        let occasions = || read.0.lock().iter().map(|it| it.message.occasion).collect::<Vec<_>>();
        let blocking = rusqlite::Connection::open(folder.path().join("perennial.db")).unwrap();
        blocking.execute_batch("BEGIN IMMEDIATE").unwrap();

        store.record_notices(vec![json!({})], Vec::new(), now).await.unwrap_err();
        trouble.look(now).await;
        trouble.look(now).await;
        assert_eq!(occasions(), [Occasion::Opening]);
        blocking.execute_batch("ROLLBACK").unwrap();
        trouble.look(now).await;
        trouble.look(now).await;

        assert_eq!(occasions(), [Occasion::Opening, Occasion::Closing]);
        assert!(read.0.lock()[0].message.text().contains("transaction"), "{:?}", read.0.lock()[0]);
        let ids: Vec<_> = read.0.lock().iter().map(Letter::message_id).collect();
        assert_ne!(ids[0], ids[1]);
    }
}
