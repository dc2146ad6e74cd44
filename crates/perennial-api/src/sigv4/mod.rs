//! AWS Signature Version 4 in the header form, without I/O: reading what a request claims, and
//! checking it.
//!
//! After AWS's "Create a signed AWS API request". The path is encoded once more than on the wire,
//! as every service but S3 has it. A signature that is within its five minutes counts again when
//! it is sent again: AWS has no nonce, and TLS is what keeps a signed request from being seen.

mod canonical;
mod claim;
mod error;
mod scope;
mod signing;

pub use canonical::{Parts, digest};
pub use claim::Claim;
pub use error::SignatureError;
pub use scope::{CredentialScope, Service};
pub use signing::{SigningSecret, sign, sign_for};
