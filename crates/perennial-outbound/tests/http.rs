//! The HTTP client against real TLS servers on loopback, good ones and bad ones.
#![allow(clippy::unwrap_used, reason = "tests and their set-up")]

mod receiver;

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use perennial_outbound::{Destinations, Failure, HttpSender, HttpSettings, Refusal, SendError};

use self::receiver::{Answer, Receiver};

fn settings(receiver: &Receiver, allow: &[&str]) -> HttpSettings {
    let allow: Vec<String> = allow.iter().map(|&line| line.to_owned()).collect();
    HttpSettings {
        destinations: Destinations::parse(&allow).unwrap(),
        ca_file: Some(receiver.ca_file()),
        connect_for: Duration::from_millis(500),
        answer_for: Duration::from_millis(1000),
        max_answer: 10_000,
        ..HttpSettings::default()
    }
}

async fn send(settings: HttpSettings, url: String) -> Result<Response<Bytes>, SendError> {
    let request = Request::post(url).body(Bytes::from_static(b"hello")).unwrap();
    HttpSender::new(settings).unwrap().send(request).await
}

/// Sends to a receiver that answers so, by its name.
async fn sent_to(answer: Answer) -> (Receiver, Result<Response<Bytes>, SendError>) {
    let receiver = Receiver::start(answer).await;
    let settings = settings(&receiver, &["localhost", "127.0.0.0/8"]);
    let answered = send(settings, receiver.url("localhost")).await;
    (receiver, answered)
}

const OK: Answer = Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes");

#[tokio::test]
async fn a_request_arrives_and_its_answer_comes_back() {
    let receiver = Receiver::start(OK).await;
    let settings = settings(&receiver, &["localhost", "127.0.0.0/8"]);

    let answer = send(settings, receiver.url("localhost")).await.unwrap();

    assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::OK, &b"yes"[..]));
    let request = receiver.requests().remove(0);
    assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: localhost:{}\r\n", receiver.port())), "{request}");
    assert!(request.ends_with("\r\n\r\nhello"), "{request}");
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let receiver = Receiver::start(OK).await;
    let sender = HttpSender::new(settings(&receiver, &["127.0.0.1"])).unwrap();

    for _ in 0..3 {
        let request = Request::post(receiver.url("127.0.0.1")).body(Bytes::from_static(b"hello"));
        sender.send(request.unwrap()).await.unwrap();
    }

    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 3));
}

#[tokio::test]
async fn an_error_is_an_answer() {
    let bytes = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";

    let (_receiver, answered) = sent_to(Answer::Bytes(bytes)).await;

    assert_eq!(answered.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let inside = Receiver::start(OK).await;
    let head =
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\n", inside.url("127.0.0.1"));
    let bytes = format!("{head}content-length: 0\r\n\r\n").into_bytes();

    let (_receiver, answered) = sent_to(Answer::Bytes(bytes.leak())).await;

    assert_eq!(answered.unwrap().status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn whoever_hangs_is_given_up() {
    let (_receiver, answered) = sent_to(Answer::Hang).await;

    let error = answered.unwrap_err();

    assert!(matches!(error, SendError::Failed(Failure::TooSlow { .. })), "{error}");
}

#[tokio::test]
async fn whoever_drips_is_given_up() {
    let (_receiver, answered) = sent_to(Answer::Drip).await;

    let error = answered.unwrap_err();

    assert!(matches!(error, SendError::Failed(Failure::TooSlow { .. })), "{error}");
}

#[tokio::test]
async fn a_handshake_that_hangs_is_given_up() {
    let (_receiver, answered) = sent_to(Answer::NoHandshake).await;

    let error = answered.unwrap_err();

    assert!(matches!(error, SendError::Failed(Failure::Unreachable { .. })), "{error}");
    assert!(error.to_string().contains("no connection within 0.5 s"), "{error}");
}

#[tokio::test]
async fn a_huge_answer_is_an_answer_and_is_not_read_to_its_end() {
    let (_receiver, answered) = sent_to(Answer::Endless).await;

    let answer = answered.unwrap();

    assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 10_000));
}

#[tokio::test]
async fn what_is_not_http_fails() {
    let (_receiver, answered) = sent_to(Answer::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n")).await;

    let error = answered.unwrap_err();

    assert!(matches!(error, SendError::Failed(Failure::Broken { .. })), "{error}");
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_not_trusted() {
    let (receiver, other) = (Receiver::start(OK).await, Receiver::start(OK).await);
    let settings = settings(&other, &["127.0.0.1"]);

    let error = send(settings, receiver.url("127.0.0.1")).await.unwrap_err();

    assert!(matches!(error, SendError::Failed(Failure::Unreachable { .. })), "{error}");
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    assert_eq!(receiver.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let receiver = Receiver::start(OK).await;
    let settings = settings(&receiver, &["127.0.0.0/8"]);

    let error = send(settings, receiver.url("127.0.0.2")).await.unwrap_err();

    assert!(matches!(error, SendError::Failed(Failure::Unreachable { .. })), "{error}");
    assert_eq!(receiver.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_leaves_to_what_is_not_listed() {
    let receiver = Receiver::start(OK).await;

    let error = send(settings(&receiver, &[]), receiver.url("localhost")).await.unwrap_err();

    assert_eq!(error, Refusal::NotListed { host: "localhost".to_owned() }.into());
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_listed_name_that_leads_inside_is_not_connected_to() {
    let receiver = Receiver::start(OK).await;
    let settings = settings(&receiver, &["localhost"]);

    let error = send(settings, receiver.url("localhost")).await.unwrap_err();

    assert!(matches!(error, SendError::Refused(Refusal::NotPublic { .. })), "{error}");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn without_tls_nothing_is_sent_unless_listed_so() {
    let receiver = Receiver::start(OK).await;
    let url = receiver.url("127.0.0.1").replace("https", "http");

    let error = send(settings(&receiver, &["127.0.0.1"]), url.clone()).await.unwrap_err();
    let let_out = send(settings(&receiver, &["http://127.0.0.1"]), url).await;

    assert_eq!(error, Refusal::NotEncrypted { host: "127.0.0.1".to_owned() }.into());
    // It is sent, and the receiver, which speaks TLS, cannot read it.
    assert!(matches!(let_out, Err(SendError::Failed(Failure::Broken { .. }))), "{let_out:?}");
}

#[tokio::test]
async fn nobody_there_fails() {
    let receiver = Receiver::start(OK).await;
    let request = Request::post(receiver.url("127.0.0.1")).body(Bytes::from_static(b"hello"));
    let sender = HttpSender::new(settings(&receiver, &["127.0.0.1"])).unwrap();
    receiver.stop().await;

    let error = sender.send(request.unwrap()).await.unwrap_err();

    assert!(matches!(error, SendError::Failed(Failure::Unreachable { .. })), "{error}");
}

#[test]
fn authorities_that_cannot_be_read_are_named() {
    let settings =
        HttpSettings { ca_file: Some(PathBuf::from("no/such.pem")), ..HttpSettings::default() };

    let error = HttpSender::new(settings).err().unwrap();

    assert!(error.to_string().contains("no/such.pem"), "{error}");
}
