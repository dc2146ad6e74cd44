//! The calls that are timed, and how.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::Result;
use perennial_core::time::Timestamp;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use serde_json::{Value, json};

use crate::client::{Client, Key};

/// How often each kind of call is timed.
const DESCRIBES: usize = 3_000;
const PAGES: usize = 600;
/// Connections that call at the same time when calls a second are counted.
const CONNECTIONS: usize = 4;

/// The lists that are paged through, with the member that leads on and the parameter it goes into.
const LISTS: [(&str, &str, &str, &str); 4] = [
    ("GET", "/things?maxResults=250", "nextToken", "nextToken"),
    ("GET", "/certificates?pageSize=250", "nextMarker", "marker"),
    ("POST", "/policy-targets/device?pageSize=250", "nextMarker", "marker"),
    ("GET", "/api/v1/rotations?maxResults=250", "nextToken", "nextToken"),
];

/// How often each search is timed.
const SEARCHED: usize = 200;

/// What is searched for, page by page: along names, along the ends of certificates, along nothing.
fn searches(now: Timestamp) -> [(&'static str, String); 3] {
    let ends_by = now.as_millis() + 8 * 24 * 60 * 60 * 1000;
    [
        ("by_name", "thingName:device-12*".to_owned()),
        ("by_end", format!("certificate.notAfter < {ends_by}")),
        ("unaided", "connectivity.connected:true".to_owned()),
    ]
}

/// p50 and p99 in milliseconds of each kind of call.
pub(crate) async fn latencies(address: SocketAddr, key: &Key, things: u64) -> Result<Value> {
    let mut client = Client::connect(address, key).await?;
    let took = describe(&mut client, things, DESCRIBES).await?;
    let mut report = json!({ "describe_thing_ms": percentiles(took) });
    for (method, list, leads_on, parameter) in LISTS {
        let took = paged(&mut client, (method, list), leads_on, parameter).await?;
        report[list.split('?').next().unwrap_or(list)] = percentiles(took);
    }
    for (name, query) in searches(SystemClock.now()) {
        report["search"][name] = percentiles(searched(&mut client, &query).await?);
    }
    Ok(report)
}

/// How long each page of what is found takes, from the first again after the last.
async fn searched(client: &mut Client, query: &str) -> Result<Vec<Duration>> {
    let (mut took, mut token) = (Vec::with_capacity(SEARCHED), Value::Null);
    for _ in 0..SEARCHED {
        let mut body = json!({ "queryString": query, "maxResults": 250 });
        if token.is_string() {
            body["nextToken"] = token;
        }
        let begun = Instant::now();
        let body = body.to_string().into_bytes();
        let mut page = client.call_with("POST", "/indices/search", body).await?;
        took.push(begun.elapsed());
        token = page["nextToken"].take();
    }
    Ok(took)
}

/// How long each of `count` calls takes that describe a thing.
pub(crate) async fn describe(
    client: &mut Client,
    things: u64,
    count: usize,
) -> Result<Vec<Duration>> {
    let mut took = Vec::with_capacity(count);
    for number in spread(things).take(count) {
        let uri = format!("/things/{}", perennial_bench::registered::name(number));
        took.push(timed(client, "GET", &uri).await?.0);
    }
    Ok(took)
}

/// Calls a second, describing alone; also how many were made.
pub(crate) async fn per_second(
    address: SocketAddr,
    key: &Key,
    things: u64,
    counted_for: Duration,
) -> Result<(f64, usize)> {
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for first in 0..CONNECTIONS {
        let mut client = Client::connect(address, key).await?;
        tasks.push(tokio::spawn(async move {
            let mut count = 0;
            for number in spread(things).skip(first * DESCRIBES) {
                if begun.elapsed() > counted_for {
                    break;
                }
                let uri = format!("/things/{}", perennial_bench::registered::name(number));
                client.call("GET", &uri).await?;
                count += 1;
            }
            anyhow::Ok(count)
        }));
    }
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    Ok((count as f64 / begun.elapsed().as_secs_f64(), count))
}

async fn paged(
    client: &mut Client,
    (method, list): (&str, &str),
    leads_on: &str,
    parameter: &str,
) -> Result<Vec<Duration>> {
    let (mut took, mut uri) = (Vec::with_capacity(PAGES), list.to_owned());
    for _ in 0..PAGES {
        let (span, page) = timed(client, method, &uri).await?;
        took.push(span);
        uri = match page[leads_on].as_str() {
            Some(token) => format!("{list}&{parameter}={}", encoded(token)),
            None => list.to_owned(),
        };
    }
    Ok(took)
}

async fn timed(client: &mut Client, method: &str, uri: &str) -> Result<(Duration, Value)> {
    let begun = Instant::now();
    let answer = client.call(method, uri).await?;
    Ok((begun.elapsed(), answer))
}

/// What a token has that a query string must not.
fn encoded(token: &str) -> String {
    token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// Numbers all over the range, none near the one before.
fn spread(things: u64) -> impl Iterator<Item = u64> + Send {
    (0u64..).map(move |step| step.wrapping_mul(0x9e37_79b9_7f4a_7c15) % things)
}

pub(crate) fn percentiles(mut took: Vec<Duration>) -> Value {
    took.sort_unstable();
    let at = |part: usize| {
        let index = (took.len() * part / 100).min(took.len().saturating_sub(1));
        took.get(index).map(|span| (span.as_secs_f64() * 1e6).round() / 1e3)
    };
    json!({ "p50": at(50), "p99": at(99) })
}
