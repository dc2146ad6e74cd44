//! Fuzzes `topic_rule`; what it does stands in crates/perennial-fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| perennial_fuzz::run("topic_rule", input));
