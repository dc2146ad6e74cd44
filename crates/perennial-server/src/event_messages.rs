//! Telling subscribers of `$aws/events` what changed in the registry.

use std::time::Duration;

use perennial_broker::{BrokerHandle, Outgoing, Qos};
use perennial_core::{policy::Scope, registry::Told};
use perennial_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::held_up::HeldUp;

/// How often the event log is looked at for something to tell.
const LOOK: Duration = Duration::from_millis(500);
/// How many records are looked at at once.
const RECORDS: usize = 500;

/// Publishes, until `shutdown`, what is to be told. What a crash cuts short is told again.
pub(crate) async fn tell(
    store: Store,
    broker: BrokerHandle,
    scope: Scope,
    shutdown: CancellationToken,
) {
    let mut held_up = HeldUp::of("messages of what changed in the registry");
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        held_up.tried(&catch_up(&store, &broker, &scope).await);
    }
}

async fn catch_up(store: &Store, broker: &BrokerHandle, scope: &Scope) -> Result<(), StoreError> {
    while let Some(mut next) = store.to_tell(scope.clone(), RECORDS).await? {
        broker.publish(std::mem::take(&mut next.messages).into_iter().map(outgoing).collect());
        store.told(next).await?;
    }
    Ok(())
}

fn outgoing(told: Told) -> Outgoing {
    Outgoing {
        topic: told.topic,
        payload: told.payload.to_string().into(),
        qos: Qos::AtLeastOnce,
        retain: false,
    }
}
