//! Random ids and codes for what the registry makes.

use perennial_core::ids::{NoticeId, RegistrationCode, ResourceId};

/// An id for something that is made now.
pub(crate) fn resource_id() -> ResourceId {
    ResourceId::from_random(octets())
}

pub(crate) fn registration_code() -> RegistrationCode {
    RegistrationCode::from_bytes(octets())
}

/// An id for a notice that may be opened now.
pub(crate) fn notice_id() -> NoticeId {
    NoticeId::from_bytes(octets())
}

fn octets<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    // aws-lc's generator ends the process itself when the system gives it no randomness.
    let _ = aws_lc_rs::rand::fill(&mut octets);
    octets
}
