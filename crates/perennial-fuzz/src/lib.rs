//! What is fuzzed: one function a parser, for libFuzzer (`cargo xtask fuzz`) and for the test that
//! runs every kept input through it.
//!
//! A target takes any octets and must come back: it panics when something that ought to hold does
//! not, such as that what was written reads back the same.
#![warn(missing_docs)]

mod certificates;
mod messages;
mod notices;
mod policies;
mod provisioning;
mod requests;
mod rules;
mod searches;
mod stored;
mod wire;

/// A target: its name, which is its folder's under `fuzz/corpus` and `fuzz/found`, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 20] = [
    ("certificate", certificates::certificate),
    ("config", stored::config),
    ("crl", certificates::crl),
    ("csr", certificates::csr),
    ("filter", notices::filter),
    ("key_file", certificates::key_file),
    ("mqtt", wire::mqtt),
    ("payload", messages::payload),
    ("policy", policies::policy),
    ("proof", certificates::proof),
    ("provisioning", provisioning::template),
    ("query", searches::query),
    ("request", requests::request),
    ("rule", rules::rule),
    ("rule_payload", rules::rule_payload),
    ("signature", requests::signature),
    ("stored", stored::stored),
    ("template", rules::template),
    ("topic", wire::topic),
    ("topic_rule", rules::topic_rule),
];

/// Runs `input` through the target of this name.
///
/// # Panics
/// When something that ought to hold does not, or there is no such target.
pub fn run(name: &str, input: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    assert!(found.is_some(), "there is no fuzz target {name}");
    if let Some((_, target)) = found {
        target(input);
    }
}

/// Cuts an input at the first `separator`; all of it is the first part when there is none.
fn cut(input: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let at = input.iter().position(|octet| *octet == separator).unwrap_or(input.len());
    (&input[..at], input.get(at + 1..).unwrap_or_default())
}
