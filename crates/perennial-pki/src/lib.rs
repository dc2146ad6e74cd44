//! X.509 for Perennial: keys, CSRs, the authority that issues and the checks of what it issued.
//!
//! The path of a certificate is a chain of types, each consumed by the next:
//! [`CsrDer`] → [`VerifiedCsr`] → [`Prepared`] → [`Issued`].

mod audit;
mod authority;
mod certificate;
mod crl;
mod csr;
mod customer;
mod der;
mod file;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod handed_out;
mod issue;
mod key;
mod key_file;
mod pem;
mod profile;
mod proof;
mod public_key;
mod remembered;
mod serial;
mod signature;
mod tls;
mod verify;

pub use audit::{authority_facts, notes};
pub use authority::{Authority, AuthorityError, Lifetimes};
pub use certificate::{
    CertificateFacts, CertificateFormatError, certificate_id, facts, public_key,
};
pub use crl::{CrlError, read_crl};
pub use csr::{CsrDer, CsrError, Expectation, VerifiedCsr};
pub use customer::{
    Registrable, RegistrationRefused, check_alone, check_ca, check_of_ca, check_possession,
    issuer_digest,
};
pub use file::WriteNewError;
pub use handed_out::HandedOutKey;
pub use issue::{Intent, IssueError, Issued, Prepared};
pub use key::{SignError, SigningKey};
pub use key_file::LoadKeyError;
pub use pem::{PemError, certificate_from_pem, certificates_from_pem, pem_of_certificate};
pub use profile::{Profile, ServerNames, ServerProfile, thing_uri};
pub use proof::{ProofError, sign_proof, verify_proof};
pub use public_key::{KeyAlgorithm, PublicKey, PublicKeyError};
pub use remembered::PATH_ALGORITHMS;
pub use serial::{Serial, SerialError};
pub use tls::NotItsKey;
pub use verify::{CertificateProblem, CheckedCertificate, check_device_certificate};

use aws_lc_rs::digest;

/// The SHA-256 of `octets`.
pub(crate) fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    // SHA-256 gives 32 octets, so nothing is cut and nothing stays zero.
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA256, octets).as_ref()) {
        *to = *from;
    }
    out
}
