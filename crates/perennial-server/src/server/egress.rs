//! What leaves the server: HTTP requests, mails, messages of notice topics and of rules.

use std::{net::SocketAddr, sync::Arc};

use perennial_api::{DataPlane, Links, NoticeDelivery as _};
use perennial_broker::BrokerHandle;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_outbound::{HttpSender, MailSender};
use perennial_rules::Rules;

use super::foundation::Foundation;
use crate::{
    adapter::BrokerDataPlane,
    aws_sns::AwsSns,
    config::Config,
    notice_topics::{MessageSigner, NoticeTopics, Sending, Urls},
    notices::{self, Targets, link_secret},
    rules,
    server_certificate::server_names,
};

/// How requests and mails leave, as far as they do.
pub(super) struct Senders {
    http: HttpSender,
    mail: Option<MailSender>,
    aws: AwsSns,
}

/// Everything that sends.
pub(super) struct Egress {
    pub(super) outbound: HttpSender,
    pub(super) signer: Arc<MessageSigner>,
    pub(super) notice_topics: NoticeTopics,
    pub(super) rules: Rules,
    pub(super) data_plane: Arc<dyn DataPlane>,
    pub(super) sending: Sending,
    /// What people acknowledge notices by.
    pub(super) links: Links,
    /// Whom notices go to.
    pub(super) targets: Targets,
}

impl Senders {
    /// # Errors
    /// What the configuration has wrong.
    pub(super) fn of(config: &Config) -> anyhow::Result<Self> {
        let http = config.http_sender()?;
        let variable = |name: &str| std::env::var(name).ok();
        let aws = config.sns.open((&config.scope(), &http), variable)?;
        Ok(Self { http, mail: config.mail_sender()?, aws })
    }
}

impl Egress {
    /// Starts the rules; the rest sends once it is attended. People reach us at `https`.
    ///
    /// # Errors
    /// What the configuration has wrong, or the store's.
    pub(super) async fn start(
        config: &Config,
        foundation: &Foundation,
        (broker, https): (&BrokerHandle, SocketAddr),
        senders: Senders,
    ) -> anyhow::Result<Self> {
        let Foundation { data, store, authority } = foundation;
        let scope = config.scope();
        let Senders { http: outbound, mail, aws } = senders;
        let names = server_names(&config.mqtt.names);
        let signer = MessageSigner::open(data, Arc::clone(authority), names, SystemClock.now())?;
        let signer = Arc::new(signer);
        let leaving = (outbound.clone(), mail, aws.clone());
        let notice_topics =
            NoticeTopics::new(store.clone(), scope.clone(), Arc::clone(&signer), leaving);
        let people = Arc::new(notice_topics.clone());
        let rules = rules::start(data, config, (store, broker), (&outbound, people)).await?;
        let data_plane: Arc<dyn DataPlane> =
            Arc::new(BrokerDataPlane::new(broker.clone(), config.mqtt.prefix.clone()));
        let urls = Urls::new(&config.public_url(https), scope.clone());
        let sending = Sending::new(&notice_topics, Arc::clone(&data_plane), urls);
        let links = config.links(&link_secret(data)?, https);
        let topics = notice_topics.clone();
        let nudge: notices::Nudge = Arc::new(move || topics.nudge());
        let named = config.notices.targets.iter().chain(&config.notices.escalation_targets);
        let ways = notices::Ways { store, nudge: &nudge, broker, aws: &aws };
        let targets = notices::targets(named, ways, &scope)?;
        Ok(Self { outbound, signer, notice_topics, rules, data_plane, sending, links, targets })
    }
}
