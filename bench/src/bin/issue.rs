//! What it costs to turn a CSR into a certificate, in units of one ECDSA P-256 verification (V).
//!
//! The two are measured in turn, so that whatever else the machine does falls on both, each on the
//! same number of different keys, since a processor learns to foresee the branches of a verification
//! that is repeated. Prints one JSON object, in microseconds of one thread: `v_us`, `issue_us` and their `ratio` as floors (the
//! fastest of all rounds), the same as medians, and the floor of each stage of issuing.
//! `issue [ROUNDS]`, 20,000 unless told otherwise. The goal is a ratio of at most 1.6.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::{
    env,
    hint::black_box,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::rand::SystemRandom;
use perennial_bench::Verification;
use perennial_core::{ids::ThingName, time::Timestamp};
use perennial_pki::{Authority, CsrDer, Expectation, Profile, Serial, SigningKey};
use serde_json::{Value, json};

const ROUNDS: usize = 20_000;
/// Rounds before those that count, for caches, branch predictors and the clock's frequency.
const WARM_UP: usize = 500;
const DEVICES: usize = 64;

fn main() -> Result<()> {
    let rounds = match env::args().nth(1) {
        Some(rounds) => rounds.parse().context("ROUNDS must be a number")?,
        None => ROUNDS,
    };
    ensure!(rounds > 0, "ROUNDS must be at least 1");
    let folder = tempfile::tempdir()?;
    let issuing = Issuing::begin(folder.path())?;
    let verifications = (0..DEVICES).map(|_| Verification::begin());
    let verifications = verifications.collect::<Result<Vec<_>>>()?;
    let mut measured = Measured::default();
    for round in 0..WARM_UP + rounds {
        if round == WARM_UP {
            measured = Measured::default();
        }
        measured.verify.push(verifications[round % DEVICES].run()?);
        measured.stages.push(issuing.run(round)?);
    }
    println!("{}", measured.report());
    Ok(())
}

/// An authority and the CSRs that devices send it.
struct Issuing {
    authority: Authority,
    requests: Vec<(ThingName, String)>,
    now: Timestamp,
}

impl Issuing {
    fn begin(folder: &std::path::Path) -> Result<Self> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let now = Timestamp::from_millis(since_1970.as_millis().try_into()?);
        let authority = Authority::open_or_create(folder, now, &SystemRandom::new())?;
        let requests = (0..DEVICES).map(request).collect::<Result<_>>()?;
        Ok(Self { authority, requests, now })
    }

    /// PEM to PEM, all that the server does but its store.
    fn run(&self, round: usize) -> Result<Stages> {
        let (thing, pem) = &self.requests[round % DEVICES];
        let begun = Instant::now();
        let csr = CsrDer::from_pem(black_box(pem))?;
        let read = Instant::now();
        let verified = csr.verify(&Expectation { common_name: Some(thing.as_str()) })?;
        let checked = Instant::now();
        let serial = Serial::random()?;
        let prepared =
            self.authority.prepare(verified, &Profile::default(), thing, serial, self.now)?;
        let decided = Instant::now();
        let issued = self.authority.sign(prepared)?;
        let signed = Instant::now();
        black_box(issued.pem());
        let written = Instant::now();
        Ok(Stages {
            read: read - begun,
            verify: checked - read,
            prepare: decided - checked,
            sign: signed - decided,
            write: written - signed,
            whole: written - begun,
        })
    }
}

fn request(number: usize) -> Result<(ThingName, String)> {
    let thing = ThingName::new(&format!("pump-{number:06}"))?;
    let csr = SigningKey::generate_p256()?.certificate_request(thing.as_str())?;
    Ok((thing, csr.to_pem()))
}

/// How long each stage of issuing took.
struct Stages {
    read: Duration,
    verify: Duration,
    prepare: Duration,
    sign: Duration,
    write: Duration,
    whole: Duration,
}

#[derive(Default)]
struct Measured {
    verify: Vec<Duration>,
    stages: Vec<Stages>,
}

impl Measured {
    fn report(&self) -> Value {
        let verify = Spread::of(self.verify.iter().copied());
        let stage = |part: fn(&Stages) -> Duration| Spread::of(self.stages.iter().map(part));
        let issue = stage(|stages| stages.whole);
        json!({
            "v_us": verify.floor,
            "issue_us": issue.floor,
            "ratio": rounded(issue.floor / verify.floor),
            "median": {
                "v_us": verify.median,
                "issue_us": issue.median,
                "ratio": rounded(issue.median / verify.median),
            },
            "stages_us": {
                "read": stage(|stages| stages.read).floor,
                "verify": stage(|stages| stages.verify).floor,
                "prepare": stage(|stages| stages.prepare).floor,
                "sign": stage(|stages| stages.sign).floor,
                "write": stage(|stages| stages.write).floor,
            },
            "rounds": self.verify.len(),
        })
    }
}

/// The fastest and the middle one of several times, in microseconds.
struct Spread {
    floor: f64,
    median: f64,
}

impl Spread {
    /// Of at least one time.
    fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        let micros = |time: Duration| rounded(time.as_secs_f64() * 1e6);
        Self { floor: micros(times[0]), median: micros(times[times.len() / 2]) }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
