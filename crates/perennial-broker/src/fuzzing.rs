//! Fuzzing: the way to the wire's decoder for bytes that no client would send.

use bytes::BytesMut;

use crate::wire::Wire;

/// Decodes what one connection sent, as it would arrive in pieces of `piece` bytes, up to its end
/// or to the first packet that is none; answers how many packets there were.
///
/// # Panics
/// When a packet took up no bytes: the connection's loop would not end.
pub fn decode(sent: &[u8], piece: usize, max_packet: u32) -> usize {
    let (mut wire, mut input, mut packets) = (Wire::new(max_packet), BytesMut::new(), 0);
    for piece in sent.chunks(piece.max(1)) {
        input.extend_from_slice(piece);
        loop {
            let before = input.len();
            match wire.decode(&mut input) {
                Ok(Some(_)) => packets += 1,
                Ok(None) => break,
                Err(_) => return packets,
            }
            assert!(input.len() < before, "a packet of no bytes");
        }
    }
    packets
}
