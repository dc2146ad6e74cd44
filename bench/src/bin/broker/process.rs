//! The two servers as child processes, with the CPU time and memory that the kernel says they took.

use std::{
    env, fs,
    path::Path,
    process::{Child, Command},
};

use anyhow::{Context as _, Result};

/// Where they listen.
const OURS: u16 = 18_883;
const MOSQUITTO: u16 = 18_884;

/// A broker; it ends when dropped.
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) port: u16,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    /// This program again, as `serve`.
    pub(super) fn ours(folder: &Path) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        let child = command.arg("serve").arg(folder).arg(OURS.to_string()).spawn()?;
        Ok(Self { name: "perennial", port: OURS, child })
    }

    /// Mosquitto, told to do as ours does where it would not by default: no Nagle, 100 messages
    /// in flight, room for what waits, no log.
    pub(super) fn mosquitto(folder: &Path) -> Result<Self> {
        let path = |name: &str| folder.join(name).display().to_string();
        let text = format!(
            "listener {} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n\
             use_identity_as_username true\ntls_version tlsv1.3\nmax_queued_messages 10000\n\
             max_inflight_messages 100\nset_tcp_nodelay true\nuser root\nlog_type none\n",
            MOSQUITTO,
            path("ca.pem"),
            path("server.pem"),
            path("server.key"),
        );
        let config = folder.join("mosquitto.conf");
        fs::write(&config, text)?;
        let child = Command::new("mosquitto").arg("-c").arg(config).spawn();
        let child = child.context("mosquitto is not installed: apt-get install mosquitto")?;
        Ok(Self { name: "mosquitto", port: MOSQUITTO, child })
    }

    /// CPU time so far, user and system, of all its threads.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        perennial_bench::cpu_seconds(self.child.id())
    }

    pub(super) fn resident_bytes(&self) -> Result<i64> {
        perennial_bench::resident_bytes(self.child.id())
    }

    /// The most that was resident at any moment.
    pub(super) fn peak_bytes(&self) -> Result<i64> {
        perennial_bench::peak_bytes(self.child.id())
    }
}
