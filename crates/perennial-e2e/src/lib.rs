//! Whole stories over loopback live in `tests/`, one file each; this crate has no code of its own.
