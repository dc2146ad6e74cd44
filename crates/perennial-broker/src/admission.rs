//! From a CONNECT to a session: client id, registry, connect policy, will, takeover.

use std::{net::IpAddr, sync::Arc, time::Duration};

use perennial_core::{
    ids::{CertificateId, ClientId},
    topic,
};
use rmqtt_codec::{
    types::QoS,
    v5::{ConnectAck, ConnectAckReason as Reason},
};

use crate::{
    authorise,
    core::Core,
    counters::count,
    end::End,
    judge::NoVerdict,
    link::Link,
    seat::Seat,
    sessions::{Sessions, Wanted},
    settings::Limits,
    will::Testament,
    wire::{Connect, Will},
};

/// Why a CONNECT was refused; the text goes to the client (MQTT 5) and to the log.
pub(crate) struct Refusal(pub(crate) Reason, pub(crate) &'static str);

/// A CONNECT that was accepted.
pub(crate) struct Admitted {
    pub(crate) seat: Seat,
    pub(crate) ack: ConnectAck,
    /// Zero never: the broker's bounds apply.
    pub(crate) keep_alive: Duration,
}

/// Decides on a CONNECT from the holder of a verified certificate.
pub(crate) async fn admit(
    core: &Arc<Core>,
    mut connect: Connect,
    principal: CertificateId,
    address: IpAddr,
) -> Result<Admitted, Refusal> {
    let client_id = ClientId::new(&connect.client_id).map_err(|_| {
        Refusal(
            Reason::ClientIdentifierNotValid,
            "the client id must be 1 to 128 bytes without / + # $",
        )
    })?;
    if connect.has_auth_method {
        let why = "the certificate authenticates; no other method is supported";
        return Err(Refusal(Reason::BadAuthenticationMethod, why));
    }
    let link = Arc::new(authorised(core, &connect, &client_id, principal, address)?);
    if link.standing.in_grace {
        leave_nothing_behind(&mut connect);
    }
    let limits = &core.settings.limits;
    let terms = Terms::new(&connect, &link, limits);
    let wanted =
        Wanted { clean_start: connect.clean_start, window: terms.window, kept_for: terms.kept_for };
    let Ok((session, present)) = Sessions::claim(core, &link, &wanted).await else {
        return Err(Refusal(Reason::QuotaExceeded, "too many sessions"));
    };
    let will = connect.will.map(|will| Box::new(Testament { client_id, principal, address, will }));
    let seat = Seat::take(core, Arc::clone(&link), session, will);
    if present {
        core.drop_forbidden_subscriptions(&seat.session, &link);
    }
    if link.was_overtaken() {
        core.recheck(&link);
    }
    if core.is_closing() {
        link.end(End::ShuttingDown);
    }
    let ack = ConnectAck { session_present: present, ..terms.ack(limits) };
    Ok(Admitted { seat, ack, keep_alive: terms.keep_alive })
}

/// Asks the registry and the policies.
fn authorised(
    core: &Core,
    connect: &Connect,
    client_id: &ClientId,
    id: CertificateId,
    address: IpAddr,
) -> Result<Link, Refusal> {
    let verdict = core.judge.judge(&id, Some(client_id), address).map_err(|none| match none {
        NoVerdict::Unfit(unfit) => Refusal(Reason::NotAuthorized, unfit.in_words()),
        NoVerdict::Failed(failed) => {
            tracing::error!(client.id = %client_id, error = %failed, "CONNECT refused unasked");
            Refusal(Reason::ServerUnavailable, "the registry cannot be asked; try again later")
        }
    })?;
    let will_topic = connect.will.as_ref().map(|will| &*will.topic);
    let persistent = connect.session_expiry != Some(0);
    if !authorise::may_connect(&verdict, client_id.as_str(), persistent, will_topic) {
        count(&core.counters.unauthorized);
        let why = "the certificate's policies do not allow iot:Connect with this client id";
        return Err(Refusal(Reason::NotAuthorized, why));
    }
    if let Some(will) = connect.will.as_ref().filter(|_| !verdict.standing.in_grace) {
        check_will(will, &core.settings.limits)?;
        if !authorise::may_publish(&verdict, &will.topic, will.retain) {
            count(&core.counters.unauthorized);
            return Err(Refusal(
                Reason::NotAuthorized,
                "the certificate's policies do not allow to publish the last will",
            ));
        }
    }
    Ok(Link::new(client_id.clone(), id, address, (&core.judge, verdict), core.now()))
}

/// A session in grace takes nothing up and leaves nothing: refusing a CONNECT for its will or its
/// session instead would keep out the client that is to be helped.
fn leave_nothing_behind(connect: &mut Connect) {
    connect.will = None;
    connect.clean_start = true;
}

fn check_will(will: &Will, limits: &Limits) -> Result<(), Refusal> {
    if topic::check_name(&will.topic).is_err() || !limits.allow_topic(&will.topic) {
        return Err(Refusal(Reason::TopicNameInvalid, "the last will's topic is not valid"));
    }
    if will.qos > 1 {
        return Err(Refusal(Reason::QosNotSupported, "QoS 2 is not supported"));
    }
    if will.payload.len() > limits.payload_bytes {
        return Err(Refusal(Reason::PacketTooLarge, "the last will is too large"));
    }
    Ok(())
}

/// What client and broker agree on.
struct Terms {
    keep_alive: Duration,
    keep_alive_changed: bool,
    kept_for: Duration,
    expiry_changed: bool,
    window: u16,
}

impl Terms {
    fn new(connect: &Connect, link: &Link, limits: &Limits) -> Self {
        let asked = Duration::from_secs(connect.keep_alive.into());
        let keep_alive = match asked {
            Duration::ZERO => limits.keep_alive_max,
            asked => asked.clamp(limits.keep_alive_min, limits.keep_alive_max),
        };
        let wanted = connect.session_expiry.map(|secs| Duration::from_secs(secs.into()));
        let kept_for = wanted.unwrap_or(limits.session_expiry_v3).min(link.kept_at_most(limits));
        let window =
            connect.receive_max.map_or(limits.in_flight, |max| max.get().min(limits.in_flight));
        Self {
            keep_alive,
            keep_alive_changed: keep_alive != asked,
            kept_for,
            expiry_changed: wanted.is_some_and(|wanted| wanted != kept_for),
            window: window.max(1),
        }
    }

    fn ack(&self, limits: &Limits) -> ConnectAck {
        let whole_seconds = |span: Duration| u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        let keep_alive = u16::try_from(self.keep_alive.as_secs()).unwrap_or(u16::MAX);
        ConnectAck {
            receive_max: std::num::NonZeroU16::new(limits.in_flight)
                .unwrap_or(std::num::NonZeroU16::MIN),
            max_qos: QoS::AtLeastOnce,
            max_packet_size: Some(limits.packet_bytes()),
            session_expiry_interval_secs: self.expiry_changed.then(|| whole_seconds(self.kept_for)),
            server_keepalive_sec: self.keep_alive_changed.then_some(keep_alive),
            shared_subscription_available: false,
            subscription_identifiers_available: false,
            ..ConnectAck::default()
        }
    }
}
