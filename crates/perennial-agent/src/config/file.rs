//! The configuration file: TOML, with unknown keys refused and errors that name key and line.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use perennial_core::{ids::ClientId, topic::Prefix};
use serde::Deserialize;

use super::{Config, Hook};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key is unknown, missing or has a wrong value.
    #[error("the configuration {} is wrong: {reason}", path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Which line and key.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toml {
    client_id: ClientId,
    server: String,
    server_name: Option<String>,
    data: PathBuf,
    prefix: Option<Prefix>,
    keep_alive_seconds: Option<u16>,
    connect_seconds: Option<u16>,
    backoff_seconds: Option<u16>,
    max_backoff_seconds: Option<u16>,
    hook: Option<HookToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HookToml {
    command: Vec<String>,
    #[serde(default = "minute")]
    timeout_seconds: u16,
}

const fn minute() -> u16 {
    60
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, and the line and key that are wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|reason| ConfigError::Wrong { path: path.to_owned(), reason })
    }

    /// Reads a configuration's text; the error names line and key.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let toml: Toml = toml::from_str(text).map_err(|error| error.to_string())?;
        let (host, port) = toml.server.rsplit_once(':').unwrap_or((&toml.server, ""));
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(format!("server must be host:port, not {:?}", toml.server));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = toml.server_name.clone().unwrap_or(host);
        let config =
            Self::new(toml.client_id.clone(), toml.server.clone(), name, toml.data.clone());
        toml.refine(config)
    }
}

impl Toml {
    fn refine(self, mut config: Config) -> Result<Config, String> {
        let secs = |n: u16| Duration::from_secs(n.into());
        let set = |span: &mut Duration, secs_given: Option<u16>| {
            if let Some(n) = secs_given {
                *span = secs(n.max(1));
            }
        };
        set(&mut config.keep_alive_for, self.keep_alive_seconds);
        set(&mut config.connect_for, self.connect_seconds);
        set(&mut config.timing.backoff_for, self.backoff_seconds);
        set(&mut config.timing.max_backoff_for, self.max_backoff_seconds);
        config.prefix = self.prefix.unwrap_or_default();
        config.hook = match self.hook {
            Some(hook) if hook.command.is_empty() => {
                return Err("hook.command must name a program".to_owned());
            }
            hook => hook.map(|HookToml { command, timeout_seconds }| Hook {
                command,
                timeout_for: secs(timeout_seconds),
            }),
        };
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "client_id = \"pump-1\"\nserver = \"mqtt.example:8883\"\ndata = \"/d\"\n";

    #[test]
    fn the_servers_name_is_its_host_unless_said_otherwise() {
        let config = Config::parse(GOOD).unwrap();

        assert_eq!(config.server_name, "mqtt.example");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = Config::parse(&format!("{GOOD}sever = 1\n")).unwrap_err();

        assert!(error.contains("line 4") && error.contains("sever"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _read = Config::parse(&text);
            let _read = Config::parse(&format!("{GOOD}{text}"));
        }
    }
}
