//! What rules add to a message, with a hundred of them.
//!
//! `rules [ROUNDS]`, 20,000 unless told otherwise; prints one JSON object, in microseconds of one
//! thread, as the fastest and the median of all rounds, and the median in units of one ECDSA P-256
//! verification (V). Messages are taken from topic to outgoing payload: finding the rules of the
//! topic, reading the payload, condition, selection and writing. The goals are at most 5 µs for a
//! message that no rule wants, and 20 µs for one that one rule of the hundred wants.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::{env, hint::black_box, time::Instant};

use anyhow::{Context as _, Result, ensure};
use perennial_bench::Verification;
use perennial_core::{
    rule::{
        Algorithm, Digests, Incoming, Message, Offset, Random, Rule, RuleSet, Surroundings, Zones,
    },
    time::Timestamp,
};
use serde_json::{Map, Value, json};

const ROUNDS: usize = 20_000;
/// Messages of one kind taken together: the clock is read once for so many.
const BATCH: usize = 16;
const RULES: usize = 100;

/// A kind of message: its name, topic and payload, and how many of the rules want it.
type Case = (&'static str, &'static str, &'static str, usize);

const TELEMETRY: &str = r#"{"deviceid": "iot123", "temp": 54.98, "humidity": 32.43, "battery": 3,
    "coords": {"latitude": 47.615694, "longitude": -122.3359976}, "tags": ["a", "b", "c"],
    "at": 1481825251155, "state": "running", "firmware": "1.20.3", "errors": []}"#;
const CSR: &str = r#"{"CSR": "-----BEGIN CERTIFICATE REQUEST-----\nMIHoMIGQAgEAMC4xLDAqBgNVBAMMI0FXUyBJb1QgQ2VydGlmaWNhdGUAAAAAAAAAAAAAAAAAAAAA\n-----END CERTIFICATE REQUEST-----\n", "rotationId": "9f86d081884c7d659a2feaa0c55ad015"}"#;

const CASES: [Case; 6] = [
    ("not_matching", "devices/pump-1/other", TELEMETRY, 0),
    ("not_matching_management", "management/topic/pump-1/crt_ack", "{}", 0),
    ("matching_reference", "management/topic/pump-1/csr_res", CSR, 1),
    ("matching_all", "site/7/raw", TELEMETRY, 1),
    ("matching_condition", "site/9/telemetry", TELEMETRY, 1),
    ("matching_regex", "site/8/telemetry", TELEMETRY, 1),
];

fn main() -> Result<()> {
    let rounds = match env::args().nth(1) {
        Some(rounds) => rounds.parse().context("ROUNDS must be a number")?,
        None => ROUNDS,
    };
    ensure!(rounds > 0, "ROUNDS must be at least 1");
    let rules = rules()?;
    let (_, v) = Verification::floor_and_median()?;
    let mut report =
        Map::from_iter([("rules".to_owned(), json!(RULES)), ("v_us".to_owned(), json!(v))]);
    for case in CASES {
        report.insert(case.0.to_owned(), measure(&rules, case, rounds, v)?);
    }
    println!("{}", Value::Object(report));
    Ok(())
}

/// The reference architecture's rule, three that do some work, and others beside them.
fn rules() -> Result<RuleSet<()>> {
    let mut rules = RuleSet::default();
    let mut put = |name: &str, sql: &str| -> Result<()> {
        rules.put(name, Rule::parse(sql)?, ());
        Ok(())
    };
    put("csr_res", "SELECT clientid() as clientid, * FROM 'management/topic/+/csr_res'")?;
    put("raw", "SELECT * FROM 'site/7/raw'")?;
    put(
        "condition",
        "SELECT deviceid, (temp - 32) * 5 / 9 AS celsius, coords.latitude AS lat, topic(2) AS site \
         FROM 'site/9/telemetry' WHERE temp > 50 AND state = 'running' AND battery IN [1, 2, 3]",
    )?;
    put(
        "regex",
        "SELECT *, regexp_substr(firmware, '^[0-9]+') AS major FROM 'site/8/telemetry' \
         WHERE regexp_matches(deviceid, '^iot[0-9]+$')",
    )?;
    for number in 4..RULES {
        let filter = match number % 3 {
            0 => format!("devices/+/data/{number}"),
            1 => format!("plant/{number}/#"),
            _ => format!("+/{number}/state"),
        };
        put(&format!("rule_{number}"), &format!("SELECT *, timestamp() AS ts FROM '{filter}'"))?;
    }
    Ok(rules)
}

fn measure(rules: &RuleSet<()>, case: Case, rounds: usize, v: f64) -> Result<Value> {
    let (name, topic, payload, wanted) = case;
    ensure!(run(rules, topic, payload)? == wanted, "{name}: other rules than expected took it");
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begun = Instant::now();
        for _ in 0..BATCH {
            black_box(run(rules, black_box(topic), black_box(payload))?);
        }
        times.push(begun.elapsed().as_secs_f64() * 1e6 / BATCH as f64);
    }
    times.sort_by(f64::total_cmp);
    let median = times[rounds / 2];
    let rounded = |number: f64| (number * 1000.0).round() / 1000.0;
    Ok(json!({
        "floor_us": rounded(times[0]), "median_us": rounded(median), "ratio": rounded(median / v),
    }))
}

/// Takes one message through the rules; says how many made something of it.
fn run(rules: &RuleSet<()>, topic: &str, payload: &str) -> Result<usize> {
    let found = rules.matching(topic);
    if found.is_empty() {
        return Ok(0);
    }
    let message = Message {
        topic,
        payload: payload.as_bytes(),
        client_id: Some("pump-1"),
        principal: Some("ba67293af50bf2506f5f93469686da660c7c844e7b3950bfb16813e0d31e9373"),
        trace_id: None,
    };
    let surroundings = Surroundings {
        account_id: "000000000000",
        now: Timestamp::from_secs(1_800_000_000),
        random: &Unused,
        digests: &Unused,
        zones: &Unused,
    };
    let incoming = Incoming::new(message, surroundings);
    let mut made = 0;
    for named in found {
        made += usize::from(black_box(named.rule.run(&incoming)?).is_some());
    }
    Ok(made)
}

/// No rule here asks for random numbers, digests or zones.
struct Unused;

impl Random for Unused {
    fn bits(&self) -> u128 {
        0
    }
}

impl Digests for Unused {
    fn digest(&self, _: Algorithm, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }
}

impl Zones for Unused {
    fn at(&self, _: &str, _: Timestamp) -> Option<Offset> {
        None
    }

    fn when_clocks_show(&self, _: &str, _: i64) -> Option<Offset> {
        None
    }
}
