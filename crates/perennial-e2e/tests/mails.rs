//! The mail client against a real mail server, a good one and bad ones.
#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use std::{
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use perennial_outbound::{Encryption, Mail, MailError, MailSender, MailSettings};
use serde_json::Value;
use tempfile::TempDir;
use world::root;

struct MailServer {
    process: Child,
    says: Lines<BufReader<ChildStdout>>,
    folder: TempDir,
    port: u16,
}

fn python(script: &str, folder: &Path) -> Command {
    let mut command = Command::new(root().join("target/python/bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws").join(script)).arg(folder);
    command
}

impl MailServer {
    fn start(how: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        assert!(python("certificate.py", folder.path()).status().unwrap().success());
        let mut command = python("mail_server.py", folder.path());
        let mut process =
            command.arg(how).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut says = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = says.next().unwrap().unwrap().parse().unwrap();
        Self { process, says, folder, port }
    }

    fn settings(&self, encryption: Encryption) -> MailSettings {
        MailSettings {
            server: "localhost".to_owned(),
            port: self.port,
            encryption,
            credentials: Some(("perennial".to_owned(), "s3cret".to_owned())),
            from: "Perennial <perennial@example.com>".to_owned(),
            ca_file: Some(self.folder.path().join("ca.pem")),
        }
    }

    /// What it gets next.
    fn next(&mut self) -> Value {
        serde_json::from_str(&self.says.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn mail(to: &str) -> Mail {
    Mail {
        to: to.to_owned(),
        from_name: None,
        subject: "Pump 7".to_owned(),
        text: "is away".to_owned(),
        unsubscribe_url: None,
    }
}

async fn send(settings: MailSettings, to: &str) -> Result<String, MailError> {
    MailSender::new(settings).unwrap().send(mail(to)).await
}

#[tokio::test]
async fn a_mail_is_taken_with_tls_from_the_first_octet_on() {
    let mut server = MailServer::start("tls");

    let said = send(server.settings(Encryption::Tls), "ops@example.com").await.unwrap();

    assert_eq!(said, "250 taken as 7");
    let got = server.next();
    assert_eq!(got["to"][0], "ops@example.com");
    assert!(got["text"].as_str().unwrap().contains("Subject: Pump 7\r\n"), "{got}");
}

#[tokio::test]
async fn a_mail_is_taken_after_starttls() {
    let mut server = MailServer::start("starttls");

    let said = send(server.settings(Encryption::StartTls), "ops@example.com").await.unwrap();

    assert_eq!(said, "250 taken as 7");
    assert_eq!(server.next()["to"][0], "ops@example.com");
}

#[tokio::test]
async fn what_the_server_will_never_take_is_told_from_what_it_may() {
    let server = MailServer::start("starttls");
    let settings = server.settings(Encryption::StartTls);

    let gone = send(settings.clone(), "gone@example.com").await.unwrap_err();
    let full = send(settings.clone(), "full@example.com").await.unwrap_err();
    let nobody = send(settings, "no address").await.unwrap_err();

    assert!(matches!(&gone, MailError::Refused(why) if why.contains("550")), "{gone}");
    assert!(matches!(&full, MailError::Failed(why) if why.contains("452")), "{full}");
    assert!(matches!(nobody, MailError::Refused(_)), "{nobody}");
}

#[tokio::test]
async fn a_wrong_password_may_be_mended() {
    let server = MailServer::start("starttls");
    let credentials = Some(("perennial".to_owned(), "wrong".to_owned()));
    let settings = MailSettings { credentials, ..server.settings(Encryption::StartTls) };

    let error = send(settings, "ops@example.com").await.unwrap_err();

    assert!(matches!(&error, MailError::Failed(why) if why.contains("535")), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_gets_neither_mail_nor_password() {
    let server = MailServer::start("never");

    let error = send(server.settings(Encryption::StartTls), "ops@example.com").await.unwrap_err();

    assert!(matches!(error, MailError::Failed(_)), "{error}");
}

#[tokio::test]
async fn a_server_whose_certificate_is_a_strangers_gets_nothing() {
    let (server, other) = (MailServer::start("tls"), MailServer::start("tls"));
    let ca_file = Some(other.folder.path().join("ca.pem"));
    let settings = MailSettings { ca_file, ..server.settings(Encryption::Tls) };

    let error = send(settings, "ops@example.com").await.unwrap_err();

    assert!(matches!(&error, MailError::Failed(why) if why.contains("certificate")), "{error}");
}
