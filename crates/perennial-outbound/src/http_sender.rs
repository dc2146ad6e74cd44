//! The HTTP client: one request to a listed destination, one answer, all of it bounded.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, Error as ClientError},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::RootCertStore;

use crate::{
    Destinations, Failure, Refusal, SendError, TrustError,
    connector::{Connector, connector},
    error::{causes, with_causes},
    trust,
};

/// How requests are sent.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where they may go.
    pub destinations: Destinations,
    /// A file of authorities, in PEM, that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How long name, TCP and TLS together may take.
    pub connect_for: Duration,
    /// How long all may take, to the answer's last byte.
    pub answer_for: Duration,
    /// How much of an answer's body is read, in bytes.
    pub max_answer: usize,
    /// How long a connection that has nothing to do is kept.
    pub idle_for: Duration,
    /// How many of those are kept a host.
    pub idle_per_host: usize,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            destinations: Destinations::default(),
            ca_file: None,
            connect_for: Duration::from_secs(5),
            answer_for: Duration::from_secs(15),
            max_answer: 1024 * 1024,
            idle_for: Duration::from_secs(60),
            idle_per_host: 16,
        }
    }
}

/// Sends requests. Cheap to clone: clones share their connections.
#[derive(Clone)]
pub struct HttpSender {
    client: Client<Connector, Full<Bytes>>,
    destinations: Arc<Destinations>,
    answer_for: Duration,
    max_answer: usize,
}

impl HttpSender {
    /// A sender without a connection yet.
    ///
    /// # Errors
    /// [`TrustError`] when the file of authorities cannot be used.
    pub fn new(settings: HttpSettings) -> Result<Self, TrustError> {
        let HttpSettings { destinations, ca_file, connect_for, answer_for, max_answer, .. } =
            settings;
        let roots = match &ca_file {
            // Nothing leaves: nobody needs to be trusted.
            None if destinations.is_empty() => RootCertStore::empty(),
            ca_file => trust::anchors(ca_file.as_deref())?,
        };
        let destinations = Arc::new(destinations);
        let connector =
            connector(Arc::clone(&destinations), roots, connect_for).map_err(|error| {
                let path = ca_file.unwrap_or_default();
                TrustError { path, reason: error.to_string() }
            })?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.idle_for)
            .pool_max_idle_per_host(settings.idle_per_host)
            .build(connector);
        Ok(Self { client, destinations, answer_for, max_answer })
    }

    /// Where it may send to.
    pub fn destinations(&self) -> &Destinations {
        &self.destinations
    }

    /// Sends one request, whose URI is absolute. An answer is any answer: one that redirects is not
    /// followed.
    ///
    /// # Errors
    /// [`SendError::Refused`] when it may not leave, [`SendError::Failed`] when there is no answer.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        self.destinations.check(request.uri())?;
        let host = request.uri().host().unwrap_or_default().to_owned();
        match tokio::time::timeout(self.answer_for, self.exchange(request, &host)).await {
            Ok(answered) => answered,
            Err(_) => Err(Failure::TooSlow { host, within: self.answer_for }.into()),
        }
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        host: &str,
    ) -> Result<Response<Bytes>, SendError> {
        let response = self.client.request(request.map(Full::new)).await;
        let (head, mut body) = response.map_err(|error| why(&error, host))?.into_parts();
        // Whether a request was taken is said by the status, before the body: whoever says more than
        // is read of it took the request all the same.
        let mut read = BytesMut::new();
        while read.len() < self.max_answer {
            let Some(frame) = body.frame().await else { break };
            let frame = frame.map_err(|error| Failure::Broken {
                host: host.to_owned(),
                reason: with_causes(&error),
            })?;
            let Ok(mut data) = frame.into_data() else { continue };
            data.truncate(self.max_answer - read.len());
            read.extend_from_slice(&data);
        }
        Ok(Response::from_parts(head, read.freeze()))
    }
}

fn why(error: &ClientError, host: &str) -> SendError {
    if let Some(refusal) = causes(error).find_map(|cause| cause.downcast_ref::<Refusal>()) {
        return refusal.clone().into();
    }
    let (host, reason) = (host.to_owned(), with_causes(error));
    if error.is_connect() {
        Failure::Unreachable { host, reason }.into()
    } else {
        Failure::Broken { host, reason }.into()
    }
}
