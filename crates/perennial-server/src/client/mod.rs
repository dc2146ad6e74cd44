//! The client: asks a server over its API, as whoever's access key signs.

mod access;
mod connection;
mod error;
mod request;

use std::time::Duration;

use http::{Method, StatusCode};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use serde_json::Value;

pub use access::{Access, AccessError, Wanted};
pub use error::CallError;
pub use request::{Request, segment};

use self::connection::Connection;

/// How often a request that was throttled is sent again.
const TRIES: u32 = 8;
/// The pause before the first time.
const PAUSE: Duration = Duration::from_millis(100);

/// One caller of one server.
pub struct Client {
    access: Access,
    connection: Option<Connection>,
}

impl Client {
    /// A client that is not connected yet.
    pub fn new(access: Access) -> Self {
        Self { access, connection: None }
    }

    /// Asks, and answers with the body of a success.
    ///
    /// # Errors
    /// [`CallError::Refused`] is the server's answer; the others say why there is none.
    pub async fn call(&mut self, request: &Request) -> Result<Value, CallError> {
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match self.once(request).await {
                // Refused before anything of it was done.
                Err(error) if error.is_throttled() => tokio::time::sleep(pause).await,
                answered => return answered,
            }
            pause *= 2;
        }
        self.once(request).await
    }

    async fn once(&mut self, request: &Request) -> Result<Value, CallError> {
        let (mut connection, mut is_fresh) = match self.connection.take() {
            Some(kept) => (kept, false),
            None => (Connection::open(&self.access).await?, true),
        };
        if !connection.is_ready().await && !is_fresh {
            connection = Connection::open(&self.access).await?;
            is_fresh = true;
        }
        let signed = request.signed(&self.access, SystemClock.now())?;
        let mut sent = connection.send(signed).await;
        // The server ends connections that are idle, perhaps just now; what only reads may be said
        // again.
        if sent.is_err() && !is_fresh && request.method() == Method::GET {
            connection = Connection::open(&self.access).await?;
            sent = connection.send(request.signed(&self.access, SystemClock.now())?).await;
        }
        let answer = sent?;
        self.connection = Some(connection);
        if answer.status == StatusCode::OK {
            return Ok(answer.body);
        }
        Err(answer.into_error())
    }
}
