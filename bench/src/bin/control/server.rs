//! The process under measurement: a server whose registry is full, and devices that are enrolled.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use perennial_agent::IssuedBy;
use perennial_bench::{mqtt::read_certificate, registered};
use perennial_core::{
    ids::{ClientId, PolicyName, ThingName},
    policy::Document,
    registry::{PolicyTarget, Tags},
    time::{Timestamp, days},
};
use perennial_orchestrator::{
    SystemClock,
    port::{Clock as _, Fact},
};
use perennial_server::{Candidate, Config, Server};
use perennial_store::Store;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use tracing_subscriber::{
    Layer as _, filter::filter_fn, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    child::{asked, say},
    spans::Requests,
};

/// Devices that can rotate.
pub(crate) const DEVICES: usize = 1_000;
/// How many rotations are asked for a second.
const ROTATIONS: u32 = 500;
/// How many devices are enrolled at once.
const BATCH: usize = 200;
/// How often rotations are asked for.
const PULSE: Duration = Duration::from_millis(100);
/// What the probe may do.
const ANYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}"#;

/// Serves the data folder `data` until nothing is asked any more. What the probe has is put into
/// `fleet`, and what each device has into a folder of its name below.
pub(crate) async fn serve(data: &Path, fleet: &Path, things: u64) -> Result<()> {
    let requests = Requests::default();
    let only = filter_fn(|metadata| metadata.is_span());
    tracing_subscriber::registry().with(requests.clone().with_filter(only)).init();
    let server = Server::start(data, config()?).await?;
    let now = SystemClock.now();
    eprintln!("registering {things} things, each with a certificate");
    registered::fill(server.store(), things, now).await?;
    eprintln!("enrolling {DEVICES} devices");
    enroll_probe(&server, fleet, now).await?;
    enroll_devices(&server, fleet).await?;
    eprintln!("reading the certificates, as audits do once");
    while server.store().read_new_certificates(|der| perennial_pki::notes(der).ok(), 1000).await?
        > 0
    {}
    say(&json!({
        "http": server.plain_http().context("plain HTTP was asked for")?.to_string(),
        "mqtt": server.mqtt().to_string(),
        "credentials": perennial_server::credentials_path(data),
    }));
    let mut rotating = None;
    while let Some(line) = asked().await? {
        let mut answer = json!({});
        match line.as_str() {
            "rotate" => rotating = Some(Rotating::begin(&server)?),
            "rest" => {
                if let Some(rotating) = rotating.take() {
                    Rotating::end(rotating).await?;
                }
            }
            "times" => answer = requests.take(),
            other => bail!("nothing is known of {other}"),
        }
        say(&answer);
    }
    server.stop().await;
    Ok(())
}

fn config() -> Result<Config> {
    let mut config = Config::default();
    config.mqtt.listen.set_port(0);
    config.http.listen.set_port(0);
    config.http.plain = Some("127.0.0.1:0".parse()?);
    // The rate limit is not what is measured.
    config.http.requests_per_second = 1_000_000;
    config.http.burst = 1_000_000;
    config.rotation.spread_secs = 0;
    Ok(config)
}

/// The name of device number `number`.
pub(crate) fn device(number: usize) -> String {
    format!("pump-{number}")
}

async fn enroll_probe(server: &Server, folder: &Path, now: Timestamp) -> Result<()> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "probe");
    let csr_pem = params.serialize_request(&key)?.pem()?;
    let candidate = Candidate { thing: ThingName::new("probe")?, csr_pem };
    let chain_pem = server.certify(vec![candidate], days(7)).await?.remove(0).chain_pem;
    std::fs::write(folder.join("device.key"), key.serialize_pem())?;
    std::fs::write(folder.join("device.pem"), chain_pem)?;
    std::fs::write(folder.join("ca.pem"), server.authority().root_pem())?;
    let (store, policy): (&Store, _) = (server.store(), PolicyName::new("anything")?);
    store.create_policy(policy.clone(), &Document::parse(ANYTHING)?, Tags::default(), now).await?;
    let certificate = read_certificate(folder, "device.pem")?;
    let target = PolicyTarget::Certificate(perennial_pki::certificate_id(&certificate));
    store.attach_policy(policy, target, now).await?;
    Ok(())
}

async fn enroll_devices(server: &Server, folder: &Path) -> Result<()> {
    for first in (0..DEVICES).step_by(BATCH) {
        let batch: Vec<String> = (first..DEVICES.min(first + BATCH)).map(device).collect();
        let candidate = |name: &String| {
            let csr_pem = perennial_agent::request(&ClientId::new(name)?, &folder.join(name))?;
            anyhow::Ok(Candidate { thing: ThingName::new(name)?, csr_pem })
        };
        let candidates = batch.iter().map(candidate).collect::<Result<_>>()?;
        let certified = server.certify(candidates, days(7)).await?;
        for (name, certified) in batch.iter().zip(certified) {
            let (id, chain) = (ClientId::new(name)?, &certified.chain_pem);
            let anchors = server.authority().root_pem();
            let data = folder.join(name);
            perennial_agent::complete(&id, chain, &anchors, IssuedBy::Server, &data)?;
        }
    }
    Ok(())
}

/// Rotations that are being asked for, device by device, again and again.
struct Rotating {
    asking: JoinHandle<Result<()>>,
    stop: CancellationToken,
}

impl Rotating {
    fn begin(server: &Server) -> Result<Self> {
        let names = (0..DEVICES).map(|number| Ok(ThingName::new(&device(number))?));
        let names: Vec<ThingName> = names.collect::<Result<_>>()?;
        let stop = CancellationToken::new();
        let (intake, stopped) = (server.intake(), stop.clone());
        let at_once = (PULSE.as_secs_f64() * f64::from(ROTATIONS)) as usize;
        let asking = tokio::spawn(async move {
            let mut pulse = tokio::time::interval(PULSE);
            let mut next = names.iter().cycle();
            while stopped.run_until_cancelled(pulse.tick()).await.is_some() {
                let fact = |thing: &ThingName| Fact::RotationRequested {
                    rotation_id: None,
                    thing: thing.clone(),
                    certificate_id: None,
                    rekey: true,
                };
                intake.accept(next.by_ref().take(at_once).map(fact).collect()).await?;
            }
            Ok(())
        });
        Ok(Self { asking, stop })
    }

    async fn end(self) -> Result<()> {
        self.stop.cancel();
        self.asking.await?
    }
}
