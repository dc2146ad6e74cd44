//! What surrounds the rules in these tests, and ways to run one.

use aws_lc_rs::digest::{self, Algorithm as Lc};
use md5::{Digest, Md5};
use perennial_core::{
    rule::{
        Algorithm, Digests, Incoming, Message, Offset, Random, Rule, RunError, Surroundings, Zones,
    },
    time::Timestamp,
};
use serde_json::Value;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_481_825_251_155);
pub(crate) const PRINCIPAL: &str =
    "ba67293af50bf2506f5f93469686da660c7c844e7b3950bfb16813e0d31e9373";

pub(crate) struct Given;

impl Random for Given {
    fn bits(&self) -> u128 {
        0x123a_4567_b89c_12d3_e456_7890_1234_5000
    }
}

impl Digests for Given {
    fn digest(&self, algorithm: Algorithm, octets: &[u8]) -> Vec<u8> {
        let with = |lc: &'static Lc| digest::digest(lc, octets).as_ref().to_vec();
        match algorithm {
            Algorithm::Md5 => Md5::digest(octets).to_vec(),
            Algorithm::Sha1 => with(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Algorithm::Sha224 => with(&digest::SHA224),
            Algorithm::Sha256 => with(&digest::SHA256),
            Algorithm::Sha384 => with(&digest::SHA384),
            Algorithm::Sha512 => with(&digest::SHA512),
        }
    }
}

impl Zones for Given {
    fn at(&self, zone: &str, _: Timestamp) -> Option<Offset> {
        let (hours, abbreviation) = match zone {
            "America/Belize" => (-6, "CST"),
            "America/Los_Angeles" => (-8, "PST"),
            "Asia/Kathmandu" => {
                return Some(Offset { seconds: 20_700, abbreviation: "+0545".into() });
            }
            _ => return None,
        };
        Some(Offset { seconds: hours * 3_600, abbreviation: abbreviation.to_owned() })
    }

    fn when_clocks_show(&self, zone: &str, local: i64) -> Option<Offset> {
        self.at(zone, Timestamp::from_millis(local))
    }
}

pub(crate) fn surroundings() -> Surroundings<'static> {
    Surroundings {
        account_id: "123456789012",
        now: NOW,
        random: &Given,
        digests: &Given,
        zones: &Given,
    }
}

/// A message of pump-1's.
pub(crate) fn message<'m>(topic: &'m str, payload: &'m [u8]) -> Message<'m> {
    Message {
        topic,
        payload,
        client_id: Some("pump-1"),
        principal: Some(PRINCIPAL),
        trace_id: Some("12345678-1234-1234-1234-123456789012"),
    }
}

/// What a rule makes of a message of pump-1's on the topic `a/b`.
pub(crate) fn run(sql: &str, payload: &[u8]) -> Result<Option<Vec<u8>>, RunError> {
    run_on(sql, &message("a/b", payload))
}

pub(crate) fn run_on(sql: &str, message: &Message<'_>) -> Result<Option<Vec<u8>>, RunError> {
    let rule = Rule::parse(sql).map_err(|error| format!("{sql}: {error}")).unwrap();
    let incoming = Incoming::new(*message, surroundings());
    rule.run(&incoming).map(|payload| payload.map(|payload| payload.into_owned()))
}

/// The same as JSON; `None` when nothing came out.
pub(crate) fn json(sql: &str, payload: &str) -> Option<Value> {
    let outgoing = run(sql, payload.as_bytes()).unwrap();
    outgoing.map(|outgoing| serde_json::from_slice(&outgoing).unwrap())
}

/// What an expression is, for a message with this payload; nothing when it is Undefined.
pub(crate) fn value_of(expression: &str, payload: &str) -> Option<Value> {
    let sql = format!("SELECT {expression} AS it FROM 'a/b'");
    json(&sql, payload).unwrap().get("it").cloned()
}
