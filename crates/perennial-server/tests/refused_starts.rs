//! A server that cannot start says what is in the way and what to do, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod program;

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Output},
};

/// A user that owns nothing, for tests that run as root, whom no mode keeps out.
const NOBODY: &str = "65534";

fn serve(data: &Path) -> Command {
    serve_by(Command::new(env!("CARGO_BIN_EXE_perennial")), data, "127.0.0.1:0")
}

fn serve_by(mut command: Command, data: &Path, mqtt: &str) -> Command {
    command.args(["serve", "--mqtt", mqtt, "--http", "127.0.0.1:0", "--data"]).arg(data);
    command
}

/// What a server that must not start says.
fn refused(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn is_root(folder: &Path) -> bool {
    fs::metadata(folder).unwrap().uid() == 0
}

#[test]
fn a_data_folder_that_is_not_writable_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o555)).unwrap();
    let mut command = serve(&data);
    if is_root(folder.path()) {
        // The program itself may lie where nobody may look.
        let program = folder.path().join("perennial");
        fs::copy(env!("CARGO_BIN_EXE_perennial"), &program).unwrap();
        let mut as_nobody = Command::new("setpriv");
        as_nobody.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
        command = serve_by(as_nobody, &data, "127.0.0.1:0");
    }

    let said = refused(&mut command);

    assert!(said.contains(data.to_str().unwrap()) && said.contains("writable"), "{said}");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
}

#[test]
fn a_data_folder_under_a_file_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().unwrap();

    let said = refused(&mut serve(&file.path().join("data")));

    assert!(said.contains("cannot be made: choose a folder"), "{said}");
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let program = Command::new(env!("CARGO_BIN_EXE_perennial"));
    let said = refused(&mut serve_by(program, &folder.path().join("data"), &address));

    assert!(said.contains(&address) && said.contains("in use"), "{said}");
}

#[test]
fn an_address_of_no_interface_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut mqtt = program::command();
    mqtt.args(["serve", "--mqtt", "192.0.2.1:0", "--http", "127.0.0.1:0", "--data"]).arg(&data);
    let mut http = program::command();
    http.args(["serve", "--mqtt", "127.0.0.1:0", "--http", "192.0.2.1:0", "--data"]).arg(&data);

    let said = [refused(&mut mqtt), refused(&mut http)];

    for said in said {
        assert!(said.contains("192.0.2.1:0: no interface of this machine has that"), "{said}");
    }
}

#[test]
fn a_database_that_is_none_is_refused_with_its_file_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("perennial.db"), "this is no database ".repeat(500)).unwrap();

    let said = refused(&mut serve(&data));

    assert!(said.contains(data.join("perennial.db").to_str().unwrap()), "{said}");
    assert!(said.contains("bring it back from a backup") && !said.contains("code 26"), "{said}");
}

#[test]
fn a_certificate_of_another_authority_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let [mine, other] = ["mine", "other"].map(|name| folder.path().join(name));
    program::Server::start(&mine).stop();
    program::Server::start(&other).stop();
    fs::copy(other.join("ca/issuing.pem"), mine.join("ca/issuing.pem")).unwrap();

    let said = refused(&mut serve(&mine));

    assert!(said.contains("issuing.pem is not the certificate of the key beside it"), "{said}");
    assert!(said.contains("bring back from a backup"), "{said}");
}

#[test]
fn a_full_disk_is_told_with_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    std::os::unix::fs::symlink("/dev/full", data.join("ca.pem")).unwrap();

    let said = refused(&mut serve(&data));

    let told = format!("the data folder {} cannot be used: its disk is full", data.display());
    assert!(said.contains(&told), "{said}");
}

#[test]
fn what_everybody_may_read_of_the_data_folder_is_closed_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    program::Server::start(&data).stop();
    let opened = ["", "ca/issuing.key", "perennial.db"].map(|name| data.join(name));
    for path in &opened {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    program::Server::start(&data).stop();

    for path in opened {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{}", path.display());
    }
}

#[test]
fn the_apis_port_in_use_is_named_too() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let mut command = Command::new(env!("CARGO_BIN_EXE_perennial"));
    command.args(["serve", "--mqtt", "127.0.0.1:0", "--http", &address, "--data"]);
    let said = refused(command.arg(folder.path().join("data")));

    assert!(said.contains(&address) && said.contains("in use"), "{said}");
}

#[test]
fn plain_http_for_the_network_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("perennial.toml");
    fs::write(&config, "[http]\nplain = \"0.0.0.0:0\"\n").unwrap();

    let said = refused(serve(&folder.path().join("data")).arg("--config").arg(&config));

    assert!(said.contains("only a loopback address"), "{said}");
}

#[test]
fn a_value_that_cannot_be_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("perennial.toml");
    fs::write(&config, "[rotation]\nmax_tries = 0\n").unwrap();

    let said = refused(serve(&folder.path().join("data")).arg("--config").arg(&config));

    assert!(
        said.contains("perennial.toml") && said.contains("line 2: rotation.max_tries"),
        "{said}"
    );
    assert!(!folder.path().join("data").exists());
}

#[test]
fn a_folder_whose_database_is_gone_is_refused_until_that_is_meant() {
    // Regression: the server began with an empty registry, and let no device in.
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = folder.path().join("perennial.toml");
    fs::write(&config, "").unwrap();
    drop(program::Server::start(&data));
    for name in ["perennial.db", "perennial.db-wal", "perennial.db-shm"] {
        // What is left of the log is not always there.
        let _ = fs::remove_file(data.join(name));
    }

    let said = refused(&mut serve(&data));
    let meant = program::Server::start_with(&data, &["--empty-registry"]);

    assert!(said.contains("bring it back from a backup"), "{said}");
    assert!(data.join("perennial.db").exists());
    meant.stop();
}

#[test]
fn a_demo_is_kept_in_a_new_folder_and_what_it_left_is_served() {
    // Regression: a second demo was refused for its first device, with advice for another case.
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let demo = || {
        let mut command = program::command();
        command.args(["demo", "--devices", "1", "--exit", "--json", "--keep"]).arg(&data);
        command
    };

    let first = demo().output().unwrap();
    let second = refused(&mut demo());
    let served = program::Server::start(&data);

    assert!(first.status.success());
    assert!(second.contains("name a new folder, or look at what is there"), "{second}");
    assert_eq!(program::objects("thing list", &data).len(), 1);
    served.stop();
}

#[test]
fn an_unknown_key_of_the_configuration_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("perennial.toml");
    fs::write(&config, "[rotation]\nrekey = true\nspread = 5\n").unwrap();

    let said = refused(serve(&folder.path().join("data")).arg("--config").arg(&config));

    assert!(said.contains("spread") && said.contains("line 3"), "{said}");
    assert!(!folder.path().join("data").exists());
}
