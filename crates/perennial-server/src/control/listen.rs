//! Listening: accepts operators on the socket and answers them line by line.

use std::{io, path::Path, sync::Arc};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use super::{Answer, MAX_LINE, Request, SOCKET};
use crate::Server;

/// The running listener.
pub struct Control {
    shutdown: CancellationToken,
    operators: TaskTracker,
}

impl Control {
    /// Stops: what an operator's request has begun is finished, then the connection ends.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.operators.close();
        self.operators.wait().await;
    }
}

/// Answers operators of `server` on the socket in its data folder.
///
/// # Errors
/// When the socket cannot be made.
pub fn start(server: &Arc<Server>) -> io::Result<Control> {
    let listener = bind(server.data())?;
    let (shutdown, operators) = (CancellationToken::new(), TaskTracker::new());
    let task = listen(listener, Arc::clone(server), operators.clone(), shutdown.clone());
    operators.spawn(task);
    Ok(Control { shutdown, operators })
}

/// Makes the socket; one that an earlier run left is replaced, since the folder's lock is ours.
fn bind(data: &Path) -> io::Result<UnixListener> {
    let path = data.join(SOCKET);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    UnixListener::bind(path)
}

async fn listen(
    listener: UnixListener,
    server: Arc<Server>,
    operators: TaskTracker,
    shutdown: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (server, shutdown) = (Arc::clone(&server), shutdown.clone());
                operators.spawn(async move {
                    if let Err(error) = serve(&server, stream, &shutdown).await {
                        warn!(%error, "an operator's connection broke");
                    }
                });
            }
            Err(error) => warn!(%error, "an operator could not connect"),
        }
    }
}

async fn serve(
    server: &Server,
    stream: UnixStream,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    loop {
        let mut line = String::new();
        let mut limited = (&mut reading).take(MAX_LINE);
        let read = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            read = limited.read_line(&mut line) => read?,
        };
        if read == 0 {
            return Ok(());
        }
        let answer = match serde_json::from_str::<Request>(&line) {
            Ok(request) => server.answer(request).await,
            Err(error) => Answer::Refused(format!("the request cannot be read: {error}")),
        };
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        writing.write_all(&line).await?;
    }
}
