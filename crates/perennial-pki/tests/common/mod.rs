//! What the tests share: an authority in a folder of its own, and the real `openssl`.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code outside of #[test]")]

use std::{path::Path, process::Command};

use aws_lc_rs::rand::SystemRandom;
use perennial_core::{ids::ThingName, time::Timestamp};
use perennial_pki::{Authority, CsrDer, Expectation, Issued, Profile, Serial, SigningKey};
use tempfile::TempDir;

/// The present, since `openssl verify` checks against it.
pub(crate) fn now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(now.as_millis().try_into().unwrap())
}

pub(crate) fn thing(name: &str) -> ThingName {
    ThingName::new(name).unwrap()
}

pub(crate) struct Ca {
    pub(crate) folder: TempDir,
    pub(crate) authority: Authority,
}

pub(crate) fn ca() -> Ca {
    let folder = tempfile::tempdir().unwrap();
    let authority = open(folder.path());
    Ca { folder, authority }
}

pub(crate) fn open(folder: &Path) -> Authority {
    Authority::open_or_create(folder, now(), &SystemRandom::new()).unwrap()
}

impl Ca {
    pub(crate) fn issue(&self, csr: CsrDer, name: &str) -> Issued {
        let csr = csr.verify(&Expectation { common_name: Some(name) }).unwrap();
        let (serial, profile) = (Serial::random().unwrap(), Profile::default());
        let prepared = self.authority.prepare(csr, &profile, &thing(name), serial, now()).unwrap();
        self.authority.sign(prepared).unwrap()
    }

    pub(crate) fn issue_for(&self, key: &SigningKey, name: &str) -> Issued {
        self.issue(key.certificate_request(name).unwrap(), name)
    }

    /// `openssl verify -x509_strict` of `pem` for `purpose`.
    pub(crate) fn openssl_verifies(&self, pem: &str, purpose: &str) -> String {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        std::fs::write(at("leaf.pem"), pem).unwrap();
        openssl(&format!(
            "verify -x509_strict -purpose {purpose} -CAfile {} -untrusted {} {}",
            at("root.pem"),
            at("issuing.pem"),
            at("leaf.pem")
        ))
    }
}

/// Runs `openssl` with the words of `line`, which must succeed; what it printed.
pub(crate) fn openssl(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    openssl_words(&words)
}

/// Runs `openssl` with these words, which must succeed; what it printed.
pub(crate) fn openssl_words(words: &[&str]) -> String {
    let done = Command::new("openssl").args(words).output().expect("openssl must be installed");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "openssl {words:?}: {said}");
    String::from_utf8(done.stdout).unwrap()
}
