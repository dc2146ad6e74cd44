//! MQTT as a target: letters are published on topics of the server's own.

use async_trait::async_trait;
use perennial_broker::{BrokerHandle, Delivery, Outgoing, Qos};
use perennial_core::notice::notice_topic;
use perennial_store::{DeliveryOutcome, Proof};

use super::{letter::Letter, target::Target};

/// The broker's sessions that subscribed.
pub(crate) struct Mqtt {
    broker: BrokerHandle,
}

impl Mqtt {
    pub(crate) fn new(broker: BrokerHandle) -> Self {
        Self { broker }
    }
}

#[async_trait]
impl Target for Mqtt {
    async fn deliver(&self, letters: &[Letter]) -> Vec<DeliveryOutcome> {
        let outgoing = |letter: &Letter| Outgoing {
            topic: topic(letter),
            payload: letter.json().to_string().into(),
            qos: Qos::AtLeastOnce,
            retain: false,
        };
        let taken = self.broker.publish(letters.iter().map(outgoing).collect());
        letters.iter().zip(taken).map(|(letter, taken)| outcome(letter, taken)).collect()
    }
}

fn topic(letter: &Letter) -> String {
    notice_topic(letter.message.recipient, letter.message.kind)
}

/// It got through when at least one session has it or keeps it.
fn outcome(letter: &Letter, taken: Delivery) -> DeliveryOutcome {
    let topic = topic(letter);
    let Delivery { online, stored, refused, .. } = taken;
    match online + stored {
        0 if refused > 0 => DeliveryOutcome::Failed {
            reason: format!(
                "no subscriber of {topic} took it: their queues are full, or no policy lets them \
                 receive it"
            ),
            hopeless: false,
        },
        0 => DeliveryOutcome::Failed {
            reason: format!("nobody has subscribed to {topic}"),
            hopeless: false,
        },
        _ => DeliveryOutcome::Delivered(Proof {
            message_id: letter.message_id(),
            taken_by: format!("{online} connected and {stored} absent subscribers of {topic}"),
        }),
    }
}
