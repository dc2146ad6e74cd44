//! Device Defender's audit: checks over certificates, and the findings they make.
