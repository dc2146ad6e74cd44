//! Handshakes that failed, in the device log: one record each with certificate and address, and of
//! one address no more than a server's disk bears.

use std::{cell::Cell, future::Future, net::IpAddr};

use parking_lot::Mutex;
use perennial_core::{
    allowance::{Allowances, Allowed},
    bucket::Rate,
    ids::CertificateId,
    logging::Protocol,
    time::Timestamp,
};

use super::HandshakeFailed;
use crate::DeviceLog;

/// How many failures of one address are recorded.
const RATE: Rate = Rate { per_second: 1, burst: 60 };
/// Of how many addresses that is known.
const ADDRESSES: usize = 10_000;

/// Which certificate was refused in a handshake, and why.
pub(super) type Refused = (CertificateId, &'static str);

tokio::task_local! {
    static REFUSED: Cell<Option<Refused>>;
}

/// Notes what the verifier refuses for who shakes hands; `false` when nobody does who would tell it.
pub(crate) fn note(id: CertificateId, why: &'static str) -> bool {
    REFUSED.try_with(|refused| refused.set(Some((id, why)))).is_ok()
}

/// Shakes hands, and says what the verifier refused meanwhile.
pub(super) async fn noting<T>(shaking: impl Future<Output = T>) -> (T, Option<Refused>) {
    let shaking = async {
        let shaken = shaking.await;
        (shaken, REFUSED.with(Cell::get))
    };
    REFUSED.scope(Cell::new(None), shaking).await
}

/// The records of handshakes that failed.
pub(crate) struct HandshakeLog(Mutex<Allowances<IpAddr>>);

impl HandshakeLog {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Allowances::new(RATE, ADDRESSES)))
    }

    /// Records a failure, unless there were too many of that address.
    pub(crate) fn failed(
        &self,
        log: &dyn DeviceLog,
        address: IpAddr,
        failed: &HandshakeFailed,
        now: Timestamp,
    ) {
        if self.0.lock().take(address, now) != Allowed::Yes {
            return;
        }
        match failed.refused {
            Some((id, why)) => log.handshake(Some(id), Some(address), Protocol::Mqtt, why),
            None => {
                log.handshake(None, Some(address), Protocol::Mqtt, &failed.why.to_string());
            }
        }
    }

    /// Records how many were not recorded since the last time.
    pub(crate) fn tell(&self, log: &dyn DeviceLog, now: Timestamp) {
        let left_out = self.0.lock().turn(now);
        for (address, count) in left_out {
            let why = format!("{count} more handshakes failed and were not recorded");
            log.handshake(None, Some(address), Protocol::Mqtt, &why);
        }
    }
}
