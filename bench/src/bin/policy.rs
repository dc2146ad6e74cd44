//! What a decision of a policy with ten statements costs, and what one connection's permissions hold.
//!
//! `policy [ROUNDS]`, 1,000,000 unless told otherwise; prints one JSON object. The topic is allowed
//! by the last statement; in one policy the resources name account and region, in the other they are
//! wildcards, which must be searched for.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::{env, hint::black_box, sync::Arc, time::Instant};

use anyhow::{Context as _, Result, ensure};
use perennial_bench::Verification;
use perennial_core::policy::{CertificateFacts, Document, Permissions, Request, Scope, Subject};
use serde_json::{Map, Value, json};

const ROUNDS: u32 = 1_000_000;
const STATEMENTS: usize = 10;
const POLICIES: [(&str, &str); 2] =
    [("named", "arn:aws:iot:local-1:000000000000"), ("wildcards", "arn:aws:iot:*:*")];

fn main() -> Result<()> {
    let rounds = match env::args().nth(1) {
        Some(rounds) => rounds.parse().context("ROUNDS must be a number")?,
        None => ROUNDS,
    };
    ensure!(rounds > 0, "ROUNDS must be at least 1");
    let (_, v) = Verification::floor_and_median()?;
    let mut report = Map::from_iter([("v_us".to_owned(), json!(v))]);
    for (name, prefix) in POLICIES {
        report.insert(name.to_owned(), measure(prefix, rounds, v)?);
    }
    println!("{}", Value::Object(report));
    Ok(())
}

fn measure(prefix: &str, rounds: u32, v: f64) -> Result<Value> {
    let permissions = permissions(prefix)?;
    let request = Request::Publish { topic: "a9/pump-1/csr_res" };
    ensure!(permissions.allows(&request), "it is not allowed");
    let begun = Instant::now();
    for _ in 0..rounds {
        black_box(permissions.allows(black_box(&request)));
    }
    let us = begun.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
    Ok(json!({ "decision_us": us, "decision_v": us / v, "bytes": permissions.heap_len() }))
}

fn permissions(prefix: &str) -> Result<Permissions> {
    let statement = |number| {
        json!({
            "Effect": "Allow",
            "Action": "iot:Publish",
            "Resource": format!("{prefix}:topic/a{number}/${{iot:ClientId}}/*"),
        })
    };
    let statements: Vec<Value> = (0..STATEMENTS).map(statement).collect();
    let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let document = Arc::new(Document::parse(&document)?);
    let subject = Subject {
        client_id: "pump-1".to_owned(),
        source_ip: None,
        thing: None,
        certificate: Arc::new(CertificateFacts::default()),
    };
    Ok(Permissions::compile(&[document], &subject, &Scope::default()))
}
