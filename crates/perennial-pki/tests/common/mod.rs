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

/// A CSR to be written by `openssl req`: P-256, SHA-256 and `/CN=pump-1` unless told otherwise.
pub(crate) struct Request {
    subject: String,
    words: Vec<String>,
    key: String,
    hash: String,
}

impl Request {
    pub(crate) fn new() -> Self {
        Self {
            subject: "/CN=pump-1".to_owned(),
            words: Vec::new(),
            key: "ec:P-256".to_owned(),
            hash: "sha256".to_owned(),
        }
    }

    pub(crate) fn subject(mut self, subject: &str) -> Self {
        subject.clone_into(&mut self.subject);
        self
    }

    /// `ec:` with a curve, `rsa:` with a size, or a kind that has neither.
    pub(crate) fn key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    pub(crate) fn hash(mut self, hash: &str) -> Self {
        hash.clone_into(&mut self.hash);
        self
    }

    pub(crate) fn ext(self, extension: &str) -> Self {
        self.word("-addext", extension)
    }

    pub(crate) fn pkeyopt(self, option: &str) -> Self {
        self.word("-pkeyopt", option)
    }

    pub(crate) fn sigopt(self, option: &str) -> Self {
        self.word("-sigopt", option)
    }

    fn word(mut self, flag: &str, value: &str) -> Self {
        self.words.extend([flag.to_owned(), value.to_owned()]);
        self
    }

    pub(crate) fn pem(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        let key_file = folder.path().join("key").display().to_string();
        let hash = format!("-{}", self.hash);
        #[rustfmt::skip]
        let mut words = vec!["req", "-new", "-nodes", &hash, "-keyout", &key_file,
            "-subj", &self.subject, "-multivalue-rdn"];
        let curve = self.key.strip_prefix("ec:").map(|curve| format!("ec_paramgen_curve:{curve}"));
        match &curve {
            Some(curve) => words.extend(["-newkey", "ec", "-pkeyopt", curve]),
            None => words.extend(["-newkey", &self.key]),
        }
        words.extend(self.words.iter().map(String::as_str));
        openssl_words(&words)
    }
}

/// The CSR `der` with its request info changed by `edit` and signed again, with P-256 `key`.
pub(crate) fn reseal(key: &SigningKey, der: &[u8], edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut info = content(content(der).0).0.to_vec();
    edit(&mut info);
    let info = sequence(&info);
    let mut signature = vec![0];
    signature.extend(key.sign(&info).unwrap());
    let ecdsa_with_sha256 = [0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    sequence(&[&info, &ecdsa_with_sha256[..], &element(0x03, &signature)].concat())
}

/// The first element's content and what follows it; lengths up to 65,535.
fn content(der: &[u8]) -> (&[u8], &[u8]) {
    let (start, len) = match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
        short => (2, usize::from(short)),
    };
    der[start..].split_at(len)
}

fn sequence(content: &[u8]) -> Vec<u8> {
    element(0x30, content)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap();
    let [high, low] = len.to_be_bytes();
    let mut element = match len {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    element.extend_from_slice(content);
    element
}
