//! The authority's folder: what a crash leaves, what is missing, damaged or not to be touched.
#![allow(clippy::unwrap_used, reason = "test code outside of #[test]")]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use aws_lc_rs::rand::SystemRandom;
use common::{Ca, ca, now};
use perennial_core::time::days;
use perennial_pki::{
    Authority, AuthorityError, CertificateFormatError, Lifetimes, LoadKeyError, SigningKey,
    WriteNewError,
};

const FILES: [&str; 4] = ["root.key", "root.pem", "issuing.key", "issuing.pem"];

fn reopen(folder: &Path) -> Result<Authority, AuthorityError> {
    Authority::open_or_create(folder, now(), &SystemRandom::new())
}

fn refused(folder: &Path) -> AuthorityError {
    reopen(folder).unwrap_err()
}

/// Every file of `folder` by name.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

/// An authority of which only the files in `left` are left.
fn with_only(left: &[&str]) -> Ca {
    let ca = ca();
    for gone in FILES.iter().filter(|name| !left.contains(name)) {
        fs::remove_file(ca.folder.path().join(gone)).unwrap();
    }
    ca
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_crash_between_any_two_files_is_gone_on_from() {
    for made in 0..=FILES.len() {
        let ca = with_only(&FILES[..made]);
        let before = contents(ca.folder.path());

        let authority = reopen(ca.folder.path()).unwrap();

        let after = contents(ca.folder.path());
        assert_eq!(after.keys().collect::<Vec<_>>(), {
            let mut names = FILES.to_vec();
            names.sort_unstable();
            names
        });
        assert!(before.iter().all(|(name, octets)| after[name] == *octets), "{made}");
        let ca = Ca { folder: ca.folder, authority };
        let issued = ca.issue_for(&SigningKey::generate_p256().unwrap(), "pump-1");
        assert!(ca.openssl_verifies(&issued.pem(), "sslclient").contains("OK"), "{made}");
    }
}

#[test]
fn a_crash_while_a_file_was_written_is_gone_on_from() {
    for (made, name) in FILES.iter().enumerate() {
        let ca = with_only(&FILES[..made]);
        let torn = ca.folder.path().join(format!("{name}.new"));
        fs::write(&torn, "-----BEGIN PRIV").unwrap();

        let opened = reopen(ca.folder.path());

        assert!(opened.is_ok(), "{name}: {opened:?}");
        assert!(!torn.exists(), "{name}");
    }
}

#[test]
fn a_crash_after_a_key_got_its_name_leaves_no_second_name_of_it() {
    let ca = ca();
    let (key, second) = (ca.folder.path().join("root.key"), ca.folder.path().join("root.key.new"));
    fs::hard_link(&key, &second).unwrap();

    reopen(ca.folder.path()).unwrap();

    assert!(key.exists());
    assert!(!second.exists());
}

#[test]
fn the_roots_key_may_be_kept_elsewhere() {
    let ca = with_only(&["root.pem", "issuing.key", "issuing.pem"]);

    let opened = reopen(ca.folder.path()).unwrap();

    assert_eq!(opened.issuing(), ca.authority.issuing());
    assert!(!ca.folder.path().join("root.key").exists());
}

#[test]
fn what_no_crash_leaves_is_incomplete_and_stays_as_it_is() {
    for (left, lacks) in [
        (&["root.pem"][..], ("root.pem", "root.key")),
        (&["issuing.key"], ("issuing.key", "root.pem")),
        (&["issuing.pem"], ("issuing.pem", "issuing.key")),
        (&["root.key", "issuing.key"], ("issuing.key", "root.pem")),
        (&["root.key", "issuing.pem"], ("issuing.pem", "issuing.key")),
        (&["root.pem", "issuing.key"], ("issuing.key", "root.key")),
        (&["root.pem", "issuing.pem"], ("issuing.pem", "issuing.key")),
        (&["issuing.key", "issuing.pem"], ("issuing.pem", "root.pem")),
        (&["root.key", "root.pem", "issuing.pem"], ("issuing.pem", "issuing.key")),
        (&["root.key", "issuing.key", "issuing.pem"], ("issuing.pem", "root.pem")),
    ] {
        let ca = with_only(left);
        let before = contents(ca.folder.path());

        let error = refused(ca.folder.path());

        let AuthorityError::Incomplete { present, missing, .. } = error else {
            panic!("{left:?}: {error:?}");
        };
        assert_eq!((present, missing), lacks, "{left:?}");
        assert_eq!(contents(ca.folder.path()), before, "{left:?}");
    }
}

#[test]
fn what_is_of_another_authority_is_refused() {
    let other = ca();
    let swapped = |left: &[&str], name: &str| {
        let ca = with_only(left);
        fs::copy(other.folder.path().join(name), ca.folder.path().join(name)).unwrap();
        refused(ca.folder.path())
    };

    let root = swapped(&FILES, "root.pem");
    let issuing = swapped(&FILES, "issuing.pem");
    let key = swapped(&FILES, "issuing.key");
    let root_key = swapped(&FILES[..2], "root.key");

    let is_of = |path: &Path, name: &str| path.file_name().unwrap() == name;
    assert!(matches!(root, AuthorityError::NotItsRoot { path } if is_of(&path, "issuing.pem")));
    assert!(matches!(issuing, AuthorityError::NotItsKey { path } if is_of(&path, "issuing.pem")));
    assert!(matches!(key, AuthorityError::NotItsKey { path } if is_of(&path, "issuing.pem")));
    assert!(matches!(root_key, AuthorityError::NotItsKey { path } if is_of(&path, "root.pem")));
}

#[test]
fn files_that_are_not_what_they_should_be_are_refused() {
    let leaf = {
        let ca = ca();
        ca.issue_for(&SigningKey::generate_p256().unwrap(), "pump-1").pem()
    };
    let with = |name: &str, text: &str| {
        let ca = ca();
        fs::write(ca.folder.path().join(name), text).unwrap();
        refused(ca.folder.path())
    };

    assert!(matches!(with("issuing.pem", "hello"), AuthorityError::Pem { .. }));
    assert!(matches!(with("root.pem", ""), AuthorityError::Pem { .. }));
    assert!(matches!(
        with("issuing.pem", &leaf),
        AuthorityError::Certificate { source: CertificateFormatError::NotAnAuthority, .. }
    ));
    assert!(matches!(
        with("issuing.key", "hello"),
        AuthorityError::Key(LoadKeyError::NoKey { .. })
    ));
    assert!(matches!(with("issuing.key", &leaf), AuthorityError::Key(LoadKeyError::NoKey { .. })));
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let folder = file.join("authority");

    for unusable in [file, folder] {
        let error = refused(&unusable);

        let named = matches!(&error, AuthorityError::Io { path, .. } if *path == unusable);
        assert!(named, "{error:?}");
        assert!(error.to_string().contains(&unusable.display().to_string()));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_nothing_is_made_over_it() {
    for name in FILES.iter().skip(1) {
        let ca = with_only(&FILES);
        let path = ca.folder.path().join(name);
        fs::remove_file(&path).unwrap();
        // A link to itself: no user may read it, and it is not simply missing.
        symlink(&path, &path).unwrap();

        let error = refused(ca.folder.path());

        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(path.is_symlink(), "{name}");
    }
}

#[test]
fn keys_are_their_owners_only_and_certificates_are_everybodys() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("authority");

    reopen(&folder).unwrap();

    assert_eq!(mode(&folder), 0o700);
    for name in FILES {
        let expected = if name.ends_with(".key") { 0o600 } else { 0o644 };
        assert_eq!(mode(&folder.join(name)), expected, "{name}");
    }
}

#[test]
fn a_key_is_written_for_its_owner_and_never_over_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("device.key");
    let (first, second) =
        (SigningKey::generate_p256().unwrap(), SigningKey::generate_p384().unwrap());

    first.write_new(&path).unwrap();
    let error = second.write_new(&path).unwrap_err();

    assert!(matches!(error, WriteNewError::Exists { path: named } if named == path));
    assert_eq!(mode(&path), 0o600);
    assert_eq!(SigningKey::load(&path).unwrap().public_key(), first.public_key());
    assert_eq!(contents(folder.path()).len(), 1, "nothing temporary stays");
}

#[test]
fn a_key_is_not_written_through_a_link_to_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (folder.path().join("device.key"), folder.path().join("elsewhere"));
    symlink(&elsewhere, &path).unwrap();

    let error = SigningKey::generate_p256().unwrap().write_new(&path).unwrap_err();

    assert!(matches!(error, WriteNewError::Exists { .. }), "{error}");
    assert!(!elsewhere.exists());
}

#[test]
fn a_key_is_not_written_into_a_folder_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent").join("device.key");

    let error = SigningKey::generate_p256().unwrap().write_new(&path).unwrap_err();

    assert!(matches!(error, WriteNewError::Io { path: named, .. } if named == path));
}

#[test]
fn an_issuing_ca_never_outlives_its_root() {
    let folder = tempfile::tempdir().unwrap();
    let lifetimes = Lifetimes { root_for: days(30), issuing_for: days(60) };
    let now = now();

    let made = Authority::open_or_create_for(&lifetimes, folder.path(), now, &SystemRandom::new());

    let not_after = made.unwrap().issuing_validity().not_after;
    assert_eq!(not_after.as_secs(), (now + days(30)).as_secs());
}
