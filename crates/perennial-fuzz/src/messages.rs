//! The payloads of the rotation protocol, in both directions.

use std::fmt::Debug;

use perennial_core::message::{
    Crt, CrtAck, CrtErr, CsrReq, CsrRes, Message, MessageError, Refused,
};

/// One octet for the kind, the rest is the payload.
pub(crate) fn payload(input: &[u8]) {
    let Some((kind, payload)) = input.split_first() else { return };
    match kind % 6 {
        0 => reads_back::<CsrReq>(payload),
        1 => reads_back::<CsrRes>(payload),
        2 => reads_back::<Crt>(payload),
        3 => reads_back::<CrtAck>(payload),
        4 => reads_back::<CrtErr>(payload),
        _ => reads_back::<Refused>(payload),
    }
}

fn reads_back<M: Message + PartialEq + Debug>(payload: &[u8]) {
    let Ok(message) = M::from_payload(payload) else { return };
    match message.to_payload() {
        Ok(written) => assert_eq!(M::from_payload(&written).as_ref(), Ok(&message)),
        // JSON writes some characters longer than they were read.
        Err(MessageError::TooLarge { .. }) => {}
        Err(error) => assert!(matches!(error, MessageError::TooLarge { .. }), "{error}"),
    }
}
