//! `[mqtt]` and `[http]`: where the server listens, and under which names it is reached.

use std::net::SocketAddr;

use perennial_api::Rate;
use perennial_broker::TlsVersion;
use perennial_core::topic::Prefix;
use serde::Deserialize;

use super::Config;

/// The MQTT listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mqtt {
    /// Where it listens.
    pub listen: SocketAddr,
    /// DNS names and IP addresses under which devices reach it; its certificate carries them.
    pub names: Vec<String>,
    /// Lets clients in that know TLS 1.2 only.
    pub allow_tls12: bool,
    /// The first levels of the management topics.
    pub prefix: Prefix,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8883)),
            names: ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec(),
            allow_tls12: false,
            prefix: Prefix::default(),
        }
    }
}

/// The HTTPS listener: the API. It shows the same certificate as the MQTT listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Under which URL others reach it, for links in messages; absent, its first name and port.
    pub url: Option<String>,
    /// Where plain HTTP listens as well; loopback only.
    pub plain: Option<SocketAddr>,
    /// Lets clients in that know TLS 1.2 only.
    pub allow_tls12: bool,
    /// How many requests a second an access key may make in the long run.
    pub requests_per_second: u32,
    /// How many requests an access key may make at once.
    pub burst: u32,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8443)),
            url: None,
            plain: None,
            allow_tls12: false,
            requests_per_second: 100,
            burst: 500,
        }
    }
}

impl Config {
    /// The name under which this server is reached: the first that its certificate carries.
    pub(crate) fn host(&self) -> String {
        let host = self.mqtt.names.first().map_or("localhost", String::as_str);
        if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
    }

    pub(crate) fn oldest_tls(&self) -> TlsVersion {
        oldest(self.mqtt.allow_tls12)
    }

    pub(crate) fn oldest_https_tls(&self) -> TlsVersion {
        oldest(self.http.allow_tls12)
    }

    /// The URL under which others reach the API, which listens on `https`.
    pub(crate) fn public_url(&self, https: SocketAddr) -> String {
        let usual = || format!("https://{}:{}", self.host(), https.port());
        self.http.url.clone().unwrap_or_else(usual)
    }

    pub(crate) fn request_rate(&self) -> Rate {
        Rate { per_second: self.http.requests_per_second, burst: self.http.burst.max(1) }
    }
}

fn oldest(allow_tls12: bool) -> TlsVersion {
    if allow_tls12 { TlsVersion::V1_2 } else { TlsVersion::V1_3 }
}
