//! `cargo xtask simulate`: as many random schedules as asked, on every core.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use perennial_sim::{Summary, Violation, simulate};

/// How many schedules a thread takes at a time.
const BATCH: u64 = 500;

/// Runs `schedules` schedules from seed `seed` on and prints what they came to.
///
/// # Errors
/// The first violation, with its trace and the seed that replays it.
pub(crate) fn run(schedules: u64, seed: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    let total = Mutex::new(Summary::default());
    let failed: Mutex<Option<Violation>> = Mutex::new(None);
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(schedules, seed, &next, &total, &failed));
        }
    });
    if let Some(violation) = unpoisoned(failed) {
        return Err(violation.into());
    }
    println!("{}in {:.1} s on {threads} threads", unpoisoned(total), began.elapsed().as_secs_f64());
    Ok(())
}

fn work(
    schedules: u64,
    seed: u64,
    next: &AtomicU64,
    total: &Mutex<Summary>,
    failed: &Mutex<Option<Violation>>,
) {
    loop {
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        if first >= schedules {
            return;
        }
        let batch = BATCH.min(schedules - first);
        match simulate(batch, seed.wrapping_add(first), |_| {}) {
            Ok(summary) => {
                total.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(&summary);
            }
            Err(violation) => {
                next.store(schedules, Ordering::Relaxed);
                failed
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .get_or_insert(violation);
                return;
            }
        }
    }
}

fn unpoisoned<T>(shared: Mutex<T>) -> T {
    shared.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
