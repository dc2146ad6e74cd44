//! moto's server, the stand-in that people test against: the same calls, the same client.

use std::{
    env,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    calls,
    client::{Client, Key},
};

/// How long it may take to come up.
const START_FOR: Duration = Duration::from_secs(60);

/// Calls a second; `None`, with a word, when there is no moto.
pub(crate) async fn calls_per_second(things: u64, counted_for: Duration) -> Result<Option<f64>> {
    let Some(moto) = Moto::start().await? else { return Ok(None) };
    let key = Key::any();
    let mut client = Client::connect(moto.address, &key).await?;
    for number in 0..things {
        let uri = format!("/things/{}", perennial_bench::registered::name(number));
        client.call("POST", &uri).await?;
    }
    let (per_second, _) = calls::per_second(moto.address, &key, things, counted_for).await?;
    Ok(Some(per_second))
}

struct Moto {
    child: Child,
    address: SocketAddr,
}

impl Moto {
    async fn start() -> Result<Option<Self>> {
        let program = env::var_os("MOTO_SERVER").unwrap_or_else(|| "moto_server".into());
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let spawned = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = spawned else {
            eprintln!("{} is not there: no ratio", program.display());
            return Ok(None);
        };
        let moto = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        moto.wait().await.context("moto does not come up")?;
        Ok(Some(moto))
    }

    async fn wait(&self) -> Result<()> {
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            if begun.elapsed() > START_FOR {
                bail!("nothing listens on {}", self.address);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Gone already: all the better.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
