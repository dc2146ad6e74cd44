//! AWS's own tools against a real server: boto3 and the AWS CLI find a working AWS IoT.

#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::Duration,
};

use perennial_core::ids::ClientId;
use perennial_server::{Config, DEVICE_LOG, DEVICE_POLICY, config_path, credentials_path};
use perennial_store::Event;
use world::{Bare, Receiving, World, desk, refusing, root, telling, until};

/// A program of the tests' Python, with the administrator's files and nothing else of AWS's.
fn tool(world: &World, program: &str) -> Command {
    let path = root().join("target/python/bin").join(program);
    assert!(path.exists(), "{} is missing: run `cargo xtask setup`", path.display());
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        let foreign = name.to_string_lossy().to_uppercase();
        // They win over the files, and a developer may have them set.
        if foreign.starts_with("AWS_") || foreign.ends_with("_CA_BUNDLE") {
            command.env_remove(name);
        }
    }
    let data = world.server.data();
    command
        .env("AWS_CONFIG_FILE", config_path(data))
        .env("AWS_SHARED_CREDENTIALS_FILE", credentials_path(data))
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

fn python(receiving: &Receiving, world: &World) -> Command {
    let mut python = tool(world, "python");
    python.env("RECEIVER", receiving.folder.path());
    python.env("RECEIVER_PORT", receiving.port.to_string());
    python
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws").join(name)
}

async fn output(mut command: Command) -> Output {
    #[expect(clippy::unwrap_used, reason = "a story's own machinery")]
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    output
}

async fn passes(command: Command) -> String {
    let output = output(command).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_finds_every_operation_as_botocores_model_has_it() {
    let receiving = Receiving::prepare();
    let world = World::begin_with(receiving.config()).await;
    // No device answers for it: whatever begins its rotation, an audit goes on finding it.
    world.enroll("expiring").await;

    let mut python = python(&receiving, &world);
    python.arg(script("every_operation.py")).args(perennial_api::aws_operation_names());
    passes(python).await;

    assert!(world.server.store().verify_events().await.is_ok_and(|chain| chain.is_ok()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_invokes_a_function_with_a_signature_that_botocore_agrees_with() {
    let receiving = Receiving::prepare();
    let world = World::begin_with(receiving.config()).await;

    let mut python = python(&receiving, &world);
    python.arg(script("topic_rules.py"));
    passes(python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_operations_answer_as_the_document_has_it() {
    let world = World::begin().await;
    world.enroll("expiring").await;

    let mut python = tool(&world, "python");
    python.arg(script("own_operations.py")).args(perennial_api::own_operation_names());
    passes(python).await;

    assert!(world.server.store().verify_events().await.is_ok_and(|chain| chain.is_ok()));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_awss_error_and_leaves_nothing_behind() {
    let world = World::begin().await;

    let mut python = tool(&world, "python");
    python.arg(script("bad_input.py"));
    passes(python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_ca_is_registered_with_boto3_and_its_device_activated() {
    let world = World::begin().await;

    let mut python = tool(&world, "python");
    python.arg(script("customer_ca.py")).arg(DEVICE_POLICY);
    passes(python).await;

    let registered = world.server.store().events(0, 1000).await.unwrap_or_default();
    let by_device = |event: &Event| event.body["by"] == "device";
    let kind = |event: &&Event| event.kind == "certificate.registered" && by_device(event);
    // One is activated by hand, one by its CA's template, and one lacks what the template wants.
    assert_eq!(registered.iter().filter(kind).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_publishes_over_https_what_its_policies_allow() {
    let world = World::begin().await;

    let mut python = tool(&world, "python");
    python.arg(script("https_device.py")).arg(DEVICE_POLICY);
    passes(python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_ended_publishes_nothing_over_https() {
    let world = World::begin().await;
    let pump = Bare::named(&world, "pump-1");
    let credential = pump.enrolled_for(Duration::from_secs(8)).await;

    let mut python = tool(&world, "python");
    python.arg(script("https_expiring.py")).arg(&credential.certificate).arg(&credential.key);
    python.arg("devices/pump-1/x");
    passes(python).await;

    // MQTT lets it in, to be rotated.
    assert!(pump.connects_as(&credential, "pump-1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_its_group_lets_a_paho_device_in_and_goes_with_the_group() {
    let world = World::begin().await;

    let mut python = tool(&world, "python");
    python.arg(script("group_policy.py"));
    passes(python).await;

    assert!(world.server.store().verify_events().await.is_ok_and(|chain| chain.is_ok()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_key_may_do_what_its_role_is_for_until_it_is_revoked() {
    let world = World::begin().await;

    let mut python = tool(&world, "python");
    python.arg(script("roles.py"));
    passes(python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_link_acknowledges_when_its_button_is_pressed_and_not_before() {
    let world = World::begin_with(telling()).await;
    let mut desk = desk(&world).await;
    let device = refusing(&world, "pump-1").await;
    world.server.audit_now().await.unwrap();
    let letter = desk.next().await;

    let mut python = tool(&world, "python");
    python.arg(script("acknowledge.py"));
    for member in ["acknowledgeUrl", "noticeId"] {
        python.arg(letter[member].as_str().unwrap());
    }
    passes(python).await;

    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deactivating_a_certificate_with_boto3_ends_its_session() {
    let world = World::begin().await;
    let device = world.connect(world.enroll("pump-1").await).await;
    let client_id = ClientId::from(&device.thing);
    let session = world.server.broker().session(&client_id);
    let id = session.map(|session| session.principal.to_string()).unwrap_or_default();

    let mut aws = tool(&world, "aws");
    aws.args(["iot", "update-certificate", "--new-status", "INACTIVE", "--certificate-id", &id]);
    passes(aws).await;

    until("the session ends", async || {
        world.server.broker().session(&client_id).is_none().then_some(())
    })
    .await;
    device.stop().await;
}

/// The lines of the device log in this process.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().map_err(|_| std::io::ErrorKind::Other)?.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Records from now on. Each test has a process of its own.
    fn record() -> Self {
        let lines = Self::default();
        let writer = lines.clone();
        tracing_subscriber::fmt()
            .with_env_filter(format!("off,{DEVICE_LOG}=info"))
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        lines
    }

    /// How many lines have all of these words.
    fn count(&self, words: &[&str]) -> usize {
        let octets = self.0.lock().map(|it| it.clone()).unwrap_or_default();
        let text = String::from_utf8_lossy(&octets).into_owned();
        text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_device_log_has_what_the_levels_of_the_api_say() {
    let lines = Lines::record();
    let world = World::begin().await;
    let aws = |line: &str| {
        let mut command = tool(&world, "aws");
        command.arg("iot").args(line.split_whitespace());
        passes(command)
    };
    let (quiet, loud) = (world.enroll("quiet-1").await, world.enroll("loud-1").await);
    let member = world.enroll("member-1").await;
    for line in [
        "create-thing-group --thing-group-name pumps",
        "create-thing-group --thing-group-name north --parent-group-name pumps",
        "add-thing-to-thing-group --thing-name member-1 --thing-group-name north",
        "set-v2-logging-level --log-level INFO --log-target targetType=THING_GROUP,targetName=pumps",
        "set-v2-logging-level --log-level INFO --log-target targetType=CLIENT_ID,targetName=loud-1",
    ] {
        aws(line).await;
    }

    for device in [quiet, loud, member] {
        world.connect(device).await.stop().await;
    }
    until("the loud ones' ends are recorded", async || {
        let ends = ["loud-1", "member-1"].map(|name| lines.count(&["Disconnect", name]));
        (ends == [1, 1]).then_some(())
    })
    .await;
    aws("remove-thing-from-thing-group --thing-name member-1 --thing-group-name north").await;
    aws("set-v2-logging-options --default-log-level DISABLED").await;

    assert_eq!(lines.count(&["quiet-1"]), 0);
    for name in ["loud-1", "member-1"] {
        assert_eq!(lines.count(&["Connect ", "status=\"Success\"", name]), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_works_with_the_administrators_files() {
    let world = World::begin().await;
    let aws = |arguments: &[&str]| {
        let mut command = tool(&world, "aws");
        command.arg("iot").args(arguments);
        command
    };

    let made = passes(aws(&["create-thing", "--thing-name", "pump-1"])).await;
    let listed = passes(aws(&["list-things"])).await;
    let refused = output(aws(&["describe-thing", "--thing-name", "pump-2"])).await;

    assert!(made.contains("arn:aws:iot:local-1:000000000000:thing/pump-1"), "{made}");
    assert!(listed.contains("\"thingName\": \"pump-1\""), "{listed}");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("(ResourceNotFoundException)"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_says_in_the_event_log_whose_it_was() {
    let world = World::begin().await;
    let mut aws = tool(&world, "aws");
    aws.args(["iot", "create-thing", "--thing-name", "pump-1"]);

    passes(aws).await;

    let events = world.server.store().events(0, 100).await.unwrap_or_default();
    let made = events.iter().find(|event| event.kind == "thing.created");
    let actor = made.map(|event| event.body["actor"].clone()).unwrap_or_default();
    let credentials = std::fs::read_to_string(credentials_path(world.server.data()));
    let key = actor["accessKeyId"].as_str().unwrap_or("none");
    assert!(credentials.is_ok_and(|text| text.contains(key)), "{actor}");
    assert_eq!(actor["operation"], "CreateThing");
    assert_eq!(actor["source"], "127.0.0.1");
}

/// A configuration that lets messages out to subscribers on loopback, whose certificate of an
/// authority of their own, and password for mails, are in `folder`.
fn with_subscribers(folder: &Path, mail_port: u16) -> Config {
    let password = folder.join("password");
    std::fs::write(&password, "s3cret\n").unwrap();
    let mut config = world::config();
    config.outbound.allow = vec!["localhost".to_owned(), "127.0.0.0/8".to_owned()];
    config.outbound.ca_file = Some(folder.join("ca.pem"));
    config.mail.server = Some("localhost".to_owned());
    config.mail.port = Some(mail_port);
    config.mail.from = "Perennial <perennial@example.com>".to_owned();
    config.mail.user = Some("perennial".to_owned());
    config.mail.password_file = Some(password);
    config
}

/// A port that nobody has.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_reach_subscribers_of_every_protocol() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut making = Command::new(root().join("target/python/bin/python"));
    making.arg(script("certificate.py")).arg(folder.path());
    passes(making).await;
    let world = World::begin_with(with_subscribers(folder.path(), port)).await;

    let mut python = tool(&world, "python");
    python.arg(script("sns.py")).arg(folder.path()).arg(port.to_string()).arg("s3cret");
    python.arg(root().join("target/node")).args(perennial_api::sns_operation_names());
    passes(python).await;

    assert!(world.server.store().verify_events().await.is_ok_and(|chain| chain.is_ok()));
}
