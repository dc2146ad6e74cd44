//! Connecting: a name is resolved once, its addresses are judged, and one of those is connected to.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tower_service::Service;

use crate::{Destinations, Refusal, error::ConnectTimeout};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Opens connections, TCP and TLS together within a time.
pub(crate) type Connector = Timed<HttpsConnector<HttpConnector<Resolver>>>;

/// A connector to these destinations that trusts these authorities.
pub(crate) fn connector(
    destinations: Arc<Destinations>,
    roots: RootCertStore,
    within: Duration,
) -> Result<Connector, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new_with_resolver(Resolver(destinations));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(within));
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    Ok(Timed { inner: https.enable_http1().wrap_connector(tcp), within })
}

/// Resolves names to the addresses that they may lead to.
#[derive(Clone)]
pub(crate) struct Resolver(Arc<Destinations>);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Boxed<Self::Response>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let destinations = Arc::clone(&self.0);
        Box::pin(async move {
            // The port is the URL's, whatever stands here.
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let (allowed, other): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|it| destinations.may_lead_to(it.ip()));
            match other.first() {
                Some(address) if allowed.is_empty() => {
                    let host = name.as_str().to_owned();
                    Err(Refusal::NotPublic { host, address: address.ip() }.into())
                }
                Some(_) | None => Ok(allowed.into_iter()),
            }
        })
    }
}

/// A connector that gives up after a time.
#[derive(Clone)]
pub(crate) struct Timed<C> {
    inner: C,
    within: Duration,
}

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Boxed<C::Response>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, within) = (self.inner.call(uri), self.within);
        Box::pin(async move {
            match tokio::time::timeout(within, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(ConnectTimeout(within).into()),
            }
        })
    }
}
