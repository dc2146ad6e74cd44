//! Control: what an operator may ask a running server, over a Unix socket in its data folder.
//!
//! One JSON request a line, one JSON answer a line. Whoever may open the socket (its folder is
//! 0700) is the operator. The signed HTTPS API will take its place.

mod client;
mod handle;
mod listen;
mod request;

pub use client::{ControlError, ask};
pub use listen::{Control, start};
pub use request::{Answer, Request};

/// The socket's name in the data folder.
pub(crate) const SOCKET: &str = "control.sock";

/// The longest line accepted either way, in bytes.
const MAX_LINE: u64 = 4 * 1024 * 1024;
