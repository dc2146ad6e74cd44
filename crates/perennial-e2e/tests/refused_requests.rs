//! Refused requests: whoever is answered before their body was read can go on, or is told that they
//! cannot.

mod world;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use world::{World, config};

/// How long an answer may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

async fn plain() -> World {
    let mut config = config();
    config.http.plain = "127.0.0.1:0".parse().ok();
    World::begin_with(config).await
}

async fn connect(world: &World) -> TcpStream {
    #[expect(clippy::unwrap_used, reason = "a story's own machinery")]
    TcpStream::connect(world.server.plain_http().unwrap()).await.unwrap()
}

/// Says something and answers with what is heard up to `end`, or to the connection's end.
#[expect(clippy::unwrap_used, reason = "a story's own machinery")]
async fn say(stream: &mut TcpStream, said: &str, end: &str) -> String {
    stream.write_all(said.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(end) {
        let read = timeout(PATIENCE, stream.read_buf(&mut heard)).await.unwrap();
        if read.unwrap_or(0) == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_unread_goes_on_with_their_connection() {
    let world = plain().await;
    let mut stream = connect(&world).await;
    let unsigned = "POST /policies/p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\
                    Expect: 100-continue\r\n\r\n";

    let asked_for = say(&mut stream, unsigned, "\r\n\r\n").await;
    let refused = say(&mut stream, "{}", "}").await;
    let again = say(&mut stream, "GET /things HTTP/1.1\r\nHost: x\r\n\r\n", "}").await;

    assert!(asked_for.starts_with("HTTP/1.1 100"), "{asked_for}");
    for answer in [refused, again] {
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        assert!(answer.contains("MissingAuthenticationTokenException"), "{answer}");
        assert!(!answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_too_much_to_say_is_told_that_the_connection_ends() {
    let world = plain().await;
    let mut stream = connect(&world).await;
    let unsigned = "POST /policies/p HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\n";

    let refused = say(&mut stream, unsigned, "}").await;

    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    assert!(refused.to_ascii_lowercase().contains("connection: close"), "{refused}");
}
