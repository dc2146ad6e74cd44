//! The command line against a real server: what each noun does, says and refuses.
#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod program;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use http::Method;
use perennial_agent::{Agent, Config};
use perennial_server::client::{Access, Client, Request, Wanted};
use program::{
    Server, asking_aloud, command, csr, enroll, noun, object, objects, refused, said, until, words,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Every command that asks a server, with arguments that it takes.
const LEAVES: [&str; 27] = [
    "thing create",
    "thing list",
    "thing show",
    "certificate list",
    "certificate show",
    "certificate deactivate",
    "certificate activate",
    "certificate revoke",
    "policy create",
    "policy attach",
    "policy detach",
    "policy list",
    "policy show",
    "audit run",
    "audit findings",
    "audit force",
    "rotation start",
    "rotation list",
    "rotation show",
    "rotation cancel",
    "notice list",
    "notice show",
    "notice acknowledge",
    "event list",
    "event verify",
    "key create",
    "key list",
];

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_enrolled_rotated_and_cut_off_by_the_nouns() {
    let folder = folder();
    let (data, device) = (folder.path().join("server"), folder.path().join("device"));
    let server = Server::start(&data);
    let client_id = enroll("pump-1", &data, &device);
    let mut config = Config::new(client_id, server.mqtt(), "localhost".into(), device);
    config.timing.max_backoff_for = std::time::Duration::from_millis(500);
    let shutdown = CancellationToken::new();
    let agent = Agent::open(config).unwrap();
    let agent = tokio::spawn(agent.run(shutdown.clone().cancelled_owned()));

    let ended = object("rotation start pump-1 --wait", &data);
    let id = text(&ended, "rotationId").to_owned();
    let shown = said(&format!("rotation show {id}"), &data);
    let thing = object("thing show pump-1", &data);
    let incoming = text(&ended, "incomingCertificateId").to_owned();
    let certificate = object(&format!("certificate show {incoming}"), &data);
    let cut = object(&format!("certificate deactivate {incoming}"), &data);

    assert_eq!(ended["outcome"], "rotated");
    assert!(shown.contains("Retiring → Rotated") && shown.contains("outcome   rotated"), "{shown}");
    assert_eq!(thing["rotation"]["rotationId"], id.as_str());
    assert_eq!(thing["certificates"][0]["certificateId"], incoming.as_str());
    assert_eq!(certificate["things"][0], "pump-1");
    assert_eq!(certificate["policies"][0], "perennial-device");
    assert_eq!(cut["status"], "INACTIVE");
    assert_eq!(refused("rotation start pump-1", &data).0, 1);
    assert_eq!(object("event verify", &data)["intact"], true);
    shutdown.cancel();
    agent.await.unwrap().unwrap();
}

#[test]
fn a_rotation_that_waits_its_turn_is_begun_and_who_waits_is_told_what_for() {
    let folder = folder();
    let data = folder.path().join("server");
    let _server = Server::start(&data);
    let request = csr("pump-1", &folder.path().join("device")).display().to_string();
    object(&format!("thing create pump-1 --csr {request} --days 20"), &data);
    said("audit run", &data);
    let opened = until("a rotation is open", || objects("rotation list", &data).pop());
    let id = text(&opened, "rotationId");

    let started = object("rotation start pump-1", &data);
    let mut waiting = asking_aloud("rotation start pump-1 --wait", &data);
    let heard = BufReader::new(waiting.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    let shown = said(&format!("rotation show {id}"), &data);

    assert_eq!((&started["turnAdvanced"], text(&started, "rotationId")), (&Value::Bool(true), id));
    assert!(heard.contains(id) && heard.contains("offline"), "{heard}");
    assert!(shown.contains("StartRequested") && shown.contains("its turn"), "{shown}");
}

#[test]
fn what_others_wrote_is_shown_and_makes_the_terminal_do_nothing() {
    let folder = folder();
    let data = folder.path().join("server");
    let _server = Server::start(&data);
    let wrote = "boo\nPRNLFORGED00000000000\x1b[2J\u{202e}\u{7f}";
    let made = command()
        .args(["key", "create", "--role", "read-only", "--description", wrote, "--data"])
        .arg(&data)
        .output()
        .unwrap();

    let listed = said("key list", &data);
    let as_json = said("key list --json", &data);

    assert!(made.status.success());
    assert!(listed.contains("boo\\nPRNLFORGED") && listed.lines().count() == 3, "{listed}");
    for shown in [&listed, &as_json] {
        assert!(!shown.contains(['\x1b', '\u{202e}', '\u{7f}']), "{shown}");
    }
    let rows: Vec<Value> =
        as_json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.iter().any(|row| row["description"] == wrote), "{as_json}");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let folder = folder();
    let data = folder.path().join("server");
    let _server = Server::start(&data);
    let mut listing = command();
    let listing = listing.args(words("event list --data")).arg(&data);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);

    let output = listing.stdout(writer).output().unwrap();

    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), error.as_str()), (Some(0), ""));
}

#[test]
fn a_list_of_what_does_not_exist_is_refused_and_an_empty_one_is_none() {
    let folder = folder();
    let data = folder.path().join("data");
    let _server = Server::start(&data);
    said("thing create pump-1", &data);

    let thing = refused("rotation list --thing nope", &data);
    let rule = refused("rule dead-letters --rule nope", &data);
    let task = refused(&format!("audit findings --task {}", "0".repeat(32)), &data);
    let empty = said("rotation list --thing pump-1", &data);

    assert!(thing.1.contains("no thing nope") && thing.1.contains("perennial thing list"));
    assert!(rule.1.contains("perennial rule list"), "{}", rule.1);
    assert!(task.1.contains("aws iot list-audit-tasks"), "{}", task.1);
    assert_eq!([thing.0, rule.0, task.0], [1; 3]);
    assert_eq!(empty.trim(), "nothing to list");
}

#[test]
fn a_server_whose_announcement_nobody_reads_serves_all_the_same() {
    let folder = folder();
    let data = folder.path().join("data");
    let mut serve = command();
    serve.args(["serve", "--log", "off", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let mut serving =
        serve.arg("--data").arg(&data).stdout(std::process::Stdio::piped()).spawn().unwrap();

    drop(serving.stdout.take());
    until("it serves", || noun("thing list", &data).status.success().then_some(()));

    assert!(serving.try_wait().unwrap().is_none());
    serving.kill().unwrap();
    serving.wait().unwrap();
}

#[test]
fn enrolling_again_gives_the_same_certificate_and_another_key_none_unless_asked() {
    let folder = folder();
    let data = folder.path().join("server");
    let _server = Server::start(&data);
    let one = csr("pump-1", &folder.path().join("one")).display().to_string();
    let two = csr("pump-1", &folder.path().join("two")).display().to_string();
    let pem = folder.path().join("pump-1.pem").display().to_string();

    let first = object(&format!("thing create pump-1 --csr {one}"), &data);
    let again = said(&format!("thing create pump-1 --csr {one} --certificate {pem}"), &data);
    let (code, why) = refused(&format!("thing create pump-1 --csr {two}"), &data);
    let other = object(&format!("thing create pump-1 --csr {two} --replace --days 3"), &data);

    let id = text(&first, "certificateId");
    assert!(again.contains(id) && again.contains("had it already"), "{again}");
    assert!(!again.contains("BEGIN"), "the certificate is in the file: {again}");
    assert_eq!(fs::read_to_string(pem).unwrap().matches("BEGIN CERTIFICATE").count(), 2);
    assert!(code == 1 && why.contains(id) && why.contains("--replace"), "{why}");
    assert_eq!(other["deactivatedCertificateIds"][0], id);
    let statuses = objects("certificate list", &data);
    let active: Vec<_> = statuses.iter().filter(|it| it["status"] == "ACTIVE").collect();
    assert_eq!(active.len(), 1);
}

#[test]
fn a_rotation_is_started_once_listed_in_pages_and_called_off() {
    let folder = folder();
    let data = folder.path().join("server");
    let _server = Server::start(&data);
    for name in ["pump-1", "pump-2", "pump-3"] {
        enroll(name, &data, &folder.path().join(name));
    }

    let opened = said("rotation start pump-1", &data);
    let again = said("rotation start pump-1", &data);
    said("rotation start pump-2", &data);
    said("rotation start pump-3", &data);
    let page = objects("rotation list --limit 2", &data);
    let token = text(&page[2], "nextToken").to_owned();
    let rest = objects(&format!("rotation list --after {token}"), &data);
    let by_name = objects("rotation list --open", &data);
    let table = said("rotation list --thing pump-2 --state AwaitingCsr", &data);

    let id = opened.lines().next().unwrap().strip_prefix("opened: ").unwrap().to_owned();
    assert!(again.contains(&format!("already open, begins now: {id}")), "{again}");
    assert_eq!((page.len(), rest.len()), (3, 1));
    assert_eq!(text(&rest[0], "rotationId"), id);
    let names: Vec<_> = by_name.iter().map(|it| text(it, "thingName")).collect();
    assert_eq!(names, ["pump-1", "pump-2", "pump-3"]);
    assert_eq!(table.lines().count(), 2, "{table}");
    let cancelled = object(&format!("rotation cancel {id}"), &data);
    assert_eq!(cancelled["failure"]["name"], "cancelled");
    let (code, why) = refused(&format!("rotation cancel {id}"), &data);
    assert!(code == 1 && why.contains("has ended"), "{why}");
}

#[test]
fn a_notice_is_listed_shown_with_what_was_sent_and_acknowledged() {
    let folder = folder();
    let data = folder.path().join("server");
    let _server = Server::start(&data);
    enroll("pump-1", &data, &folder.path().join("pump-1"));
    let id = text(&object("rotation start pump-1", &data), "rotationId").to_owned();
    said(&format!("rotation cancel {id}"), &data);

    let listed = until("people are to be told", || {
        let found = objects("notice list --kind rotation_failed --open", &data);
        found.into_iter().next().filter(|it| it["noticeId"].is_string())
    });
    let notice = text(&listed, "noticeId").to_owned();
    let shown = until("the log has it", || {
        let shown = said(&format!("notice show {notice}"), &data);
        shown.contains("log  delivered").then_some(shown)
    });
    let table = said("notice list --open", &data);
    let acknowledged = object(&format!("notice acknowledge {notice}"), &data);

    assert!(shown.contains("pump-1: an operator cancelled it"), "{shown}");
    assert!(table.contains("rotation failed: pump-1"), "{table}");
    assert_eq!(acknowledged["state"], "acknowledged");
    until("the history says so", || {
        let history = said(&format!("rotation show {id}"), &data);
        (history.contains("PeopleTold") && history.contains(&notice)).then_some(())
    });
    let (code, why) = refused("notice show 00000000000000000000000000000000", &data);
    assert!(code == 1 && why.contains("there is no notice"), "{why}");
}

#[test]
fn a_things_certificate_must_be_named_when_it_has_several() {
    let folder = folder();
    let data = folder.path().join("server");
    let _server = Server::start(&data);
    enroll("pump-1", &data, &folder.path().join("one"));
    let two = csr("pump-1", &folder.path().join("two")).display().to_string();
    let second = object(&format!("thing create pump-1 --csr {two} --beside"), &data);
    let id = text(&second, "certificateId");

    let (code, why) = refused("rotation start pump-1", &data);
    let named = object(&format!("rotation start pump-1 --certificate {id}"), &data);

    assert!(code == 1 && why.contains("several") && why.contains(id), "{why}");
    assert_eq!(named["outgoingCertificateId"], id);
}

#[test]
fn policies_and_audits_are_asked_for_over_awss_own_operations() {
    let folder = folder();
    let data = folder.path().join("server");
    let _server = Server::start(&data);
    enroll("pump-1", &data, &folder.path().join("one"));
    let id =
        text(&object("thing show pump-1", &data)["certificates"][0], "certificateId").to_owned();
    let document = folder.path().join("sensors.json");
    let policy =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    fs::write(&document, policy).unwrap();

    let made = object(&format!("policy create sensors --document {}", document.display()), &data);
    said(&format!("policy attach sensors {id}"), &data);
    let attached = object(&format!("certificate show {id}"), &data);
    said(&format!("policy detach sensors {id}"), &data);
    let detached = object(&format!("certificate show {id}"), &data);
    let shown = said("policy show sensors", &data);
    let audit = object("audit run", &data);
    let findings = objects("audit findings", &data);
    let of_task = objects(&format!("audit findings --task {}", text(&audit, "taskId")), &data);

    assert_eq!(made["policyName"], "sensors");
    assert_eq!(attached["policies"].as_array().unwrap().len(), 2);
    assert_eq!(detached["policies"].as_array().unwrap().len(), 1);
    assert!(shown.contains("\"Effect\": \"Allow\""), "{shown}");
    assert_eq!(audit["taskStatus"], "COMPLETED");
    let permissive = |it: &&Value| it["checkName"] == "IOT_POLICY_OVERLY_PERMISSIVE_CHECK";
    assert!(findings.iter().any(|it| permissive(&it)), "{findings:?}");
    assert_eq!(findings, of_task);
}

#[tokio::test]
async fn what_would_cut_a_device_off_is_done_when_somebody_insists() {
    let folder = folder();
    let data = folder.path().join("server");
    let _server = Server::start(&data);
    let csr = csr("pump-1", &folder.path().join("device")).display().to_string();
    let made = object(&format!("thing create pump-1 --csr {csr} --days 1"), &data);
    let action = json!({ "roleArn": "arn:aws:iam::000000000000:role/mitigate",
        "actionParams": { "updateDeviceCertificateParams": { "action": "DEACTIVATE" } } });
    let path = "/mitigationactions/actions/deactivate";
    let wanted = Wanted { data: Some(data.clone()), ..Wanted::default() };
    let mut client = Client::new(Access::find(&wanted, &|_| None).unwrap());
    client.call(&Request::new(Method::POST, path).body(action)).await.unwrap();
    object("audit run", &data);
    let findings = objects("audit findings", &data);
    let expiring = |it: &&Value| it["checkName"] == "DEVICE_CERTIFICATE_EXPIRING_CHECK";
    let finding = text(findings.iter().find(expiring).unwrap(), "findingId").to_owned();

    let (code, why) = refused(&format!("audit force {finding} --action nobody"), &data);
    let done = said(&format!("audit force {finding} --action deactivate"), &data);

    assert!(code == 1 && why.contains("there is no mitigation action nobody"), "{why}");
    assert!(done.contains("COMPLETED"), "{done}");
    let shown = object(&format!("certificate show {}", text(&made, "certificateId")), &data);
    assert_eq!(shown["status"], "INACTIVE", "{shown}");
}

#[test]
fn another_machine_asks_with_awss_files_or_environment() {
    let folder = folder();
    let (data, elsewhere) = (folder.path().join("server"), folder.path().join("elsewhere"));
    let server = Server::start(&data);
    fs::create_dir(&elsewhere).unwrap();
    let key = object("key create --role read-only --description elsewhere", &data);
    let (id, secret) = (text(&key, "accessKeyId"), text(&key, "secretAccessKey"));
    let credentials = elsewhere.join("credentials");
    fs::write(
        &credentials,
        format!("[fleet]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"),
    )
    .unwrap();
    let anchor = elsewhere.join("ca.pem");
    fs::copy(data.join("ca.pem"), &anchor).unwrap();
    let port = text(&server.announced, "https").rsplit_once(':').unwrap().1.to_owned();
    let url = format!("https://localhost:{port}");

    let ask = |line: &str| {
        let mut command = command();
        command
            .args(words(line))
            .args(["--endpoint-url", &url, "--ca-bundle"])
            .arg(&anchor)
            .current_dir(&elsewhere)
            .env("AWS_REGION", "local-1");
        command
    };
    let by_profile = ask("policy list --profile fleet")
        .env("AWS_SHARED_CREDENTIALS_FILE", &credentials)
        .env("AWS_CONFIG_FILE", elsewhere.join("none"))
        .output()
        .unwrap();
    let keyed = |line: &str| {
        let mut command = ask(line);
        command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
        command.output().unwrap()
    };
    let by_variables = keyed("policy list --json");
    let beyond_its_role = keyed("thing create pump-1");
    said(&format!("key revoke {id}"), &data);
    let revoked = keyed("policy list");

    assert!(
        String::from_utf8_lossy(&by_profile.stdout).contains("perennial-device"),
        "{by_profile:?}"
    );
    assert!(by_variables.status.success(), "{by_variables:?}");
    let said = String::from_utf8_lossy(&beyond_its_role.stderr);
    assert!(said.contains("AccessDeniedException"), "{said}");
    let said = String::from_utf8_lossy(&revoked.stderr);
    assert!(said.contains("UnrecognizedClientException"), "{said}");
}

#[test]
fn when_every_key_is_lost_one_is_made_in_the_data_folder_while_no_server_runs() {
    let folder = folder();
    let data = folder.path().join("server");
    let server = Server::start(&data);
    let credentials = data.join("admin/credentials");
    let lost = fs::read_to_string(&credentials).unwrap();
    fs::remove_file(&credentials).unwrap();

    let without = refused("thing list", &data);
    let (code, in_use) = refused("key create --offline", &data);
    server.stop();
    let made = object("key create --offline", &data);
    let second = object("key create --offline --description spare", &data);
    let _server = Server::start(&data);

    assert!(without.0 == 1 && without.1.contains("--offline"), "{}", without.1);
    assert!(code == 1 && in_use.contains("in use by process"), "{in_use}");
    assert_eq!(made["role"], "administrator");
    assert!(fs::read_to_string(&credentials).unwrap().contains(text(&made, "accessKeyId")));
    assert!(!lost.contains(text(&made, "accessKeyId")) && second["credentialsFile"].is_null());
    assert_eq!(objects("key list", &data).len(), 3);
    assert_eq!(object("event verify", &data)["intact"], true);
}

#[test]
fn a_key_is_made_offline_only_where_a_server_was_and_only_an_administrators() {
    let folder = folder();
    let data = folder.path().join("server");

    let (nowhere, why) = refused("key create --offline", &data);
    let (usage, other) = refused("key create --offline --role auditor", &data);

    assert!(nowhere == 1 && why.contains("perennial.db"), "{why}");
    assert!(usage == 2 && other.contains("administrator"), "{other}");
    assert!(!data.exists());
}

#[test]
fn a_changed_event_is_found_and_fails_the_command() {
    let folder = folder();
    let data = folder.path().join("server");
    let server = Server::start(&data);
    said("thing create pump-1", &data);
    let whole = said("event verify", &data);
    let since = objects("event list --since 2", &data);
    server.stop();
    let database = rusqlite::Connection::open(data.join("perennial.db")).unwrap();
    database.execute_batch("DROP TRIGGER events_are_not_changed").unwrap();
    database.execute("UPDATE events SET kind = 'nothing' WHERE seq = 2", []).unwrap();
    drop(database);
    let _server = Server::start(&data);

    let output = noun("event verify --json", &data);

    assert!(whole.contains("whole"), "{whole}");
    assert_eq!(since[0]["sequence"], 3);
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &verdict["brokenSequence"]), (Some(1), &Value::from(2)));
}

#[test]
fn what_cannot_be_meant_is_a_usage_error_and_asks_nobody() {
    let nowhere = Path::new("/nowhere");
    let bad = [
        "",
        "thing",
        "thing create",
        "thing create a/b",
        "thing list --limit 0",
        "thing list --limit -3",
        "event list --limit none",
        "event list --since -1",
        "rotation list --state Nowhere",
        "rotation show abc",
        "certificate show abc",
        "thing create pump-1 --days 3",
        "thing create pump-1 --csr x --days 0",
        "thing create pump-1 --csr x --days 99999999999",
        "thing create pump-1 --csr x --beside --replace",
        "key create",
        "key create --role root",
        "key revoke a/b",
        "demo --data x",
        "serve --mqtt x",
        "policy create p",
        "audit findings --task 7",
        "audit force 7 --action a",
    ];

    for line in bad {
        let mut asked = command();
        asked.args(words(line));
        if !matches!(line, "" | "demo --data x") {
            asked.arg("--data").arg(nowhere);
        }
        let output = asked.output().unwrap();

        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {error}");
    }
}

#[test]
fn every_command_has_an_example_and_json_and_says_what_it_needs() {
    for leaf in LEAVES.into_iter().chain(["key revoke", "serve", "demo"]) {
        let help = command().args(words(leaf)).arg("--help").output().unwrap();

        let said = String::from_utf8(help.stdout).unwrap();
        assert!(said.contains("Example: perennial "), "{leaf}: {said}");
        assert!(said.contains("--json"), "{leaf}: {said}");
        let usage = said.lines().find(|line| line.starts_with("Usage:")).unwrap();
        assert!(!usage.contains("--data"), "{usage}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let folder = folder();
    let data = folder.path().join("server");
    let server = Server::start(&data);
    let https = text(&server.announced, "https").to_owned();
    server.stop();

    let (gone, why) = refused("thing list", &data);
    let again = Server::start(&data);
    let plain = format!("thing list --endpoint-url http://{}", text(&again.announced, "https"));
    let (_, plain) = refused(&plain, &data);
    let (nowhere, none) = refused("thing list", &folder.path().join("empty"));

    assert!(gone == 1 && why.contains(https.rsplit_once(':').unwrap().1), "{why}");
    assert!(plain.contains("not HTTP") && plain.contains("http://"), "{plain}");
    assert!(nowhere == 1 && none.contains("perennial serve"), "{none}");
}

#[test]
fn who_may_not_look_into_the_folder_is_told_so() {
    // Regression: they heard that there was no server.
    let folder = folder();
    let data = folder.path().join("server");
    let _server = Server::start(&data);
    let is_root = fs::metadata(&data).unwrap().uid() == 0;
    if !is_root {
        // Whoever owns the folder shuts themselves out.
        fs::set_permissions(data.join("admin"), fs::Permissions::from_mode(0o000)).unwrap();
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("perennial");
    fs::copy(env!("CARGO_BIN_EXE_perennial"), &program).unwrap();
    let mut asking = std::process::Command::new(if is_root { "setpriv" } else { "env" });
    if is_root {
        asking.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    }

    let output = asking.arg(program).args(["thing", "list", "--data"]).arg(&data).output().unwrap();

    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("ermission denied") && error.contains("the user"), "{error}");
    assert!(!error.contains("perennial serve"), "{error}");
}

#[test]
fn a_server_with_another_authority_is_not_believed() {
    let folder = folder();
    let (data, other) = (folder.path().join("one"), folder.path().join("two"));
    let _server = Server::start(&data);
    let _foreign = Server::start(&other);

    let anchor = other.join("ca.pem");
    let (code, why) = refused(&format!("thing list --ca-bundle {}", anchor.display()), &data);

    assert!(code == 1 && why.contains("not trusted") && why.contains("two/ca.pem"), "{why}");
}

#[test]
fn a_server_that_is_terminated_says_so() {
    let folder = folder();
    let log = folder.path().join("log");
    let mut serving = command()
        .args(["serve", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("server"))
        .stdout(std::process::Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    until("it listens", || fs::read_to_string(&log).unwrap().contains("listening").then_some(()));

    let killed = std::process::Command::new("kill").arg(serving.id().to_string()).status();
    let ended = serving.wait().unwrap();

    assert!(killed.unwrap().success() && ended.success());
    let logged = fs::read_to_string(&log).unwrap();
    assert!(logged.contains("SIGTERM") && logged.contains("stopped"), "{logged}");
}
