//! A topic at AWS as a target: letters are published to it, and AWS brings them to its subscribers.

use async_trait::async_trait;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{DeliveryOutcome, Proof};

use super::{letter::Letter, target::Target, topic::message};
use crate::{aws_sns::AwsSns, notice_topics::NotSent};

/// A topic at AWS.
pub(crate) struct Aws {
    sns: AwsSns,
    arn: String,
}

impl Aws {
    pub(crate) fn new(sns: AwsSns, arn: String) -> Self {
        Self { sns, arn }
    }

    async fn publish(&self, letter: &Letter) -> DeliveryOutcome {
        let message = match message(letter) {
            Ok(message) => message,
            Err(error) => {
                return DeliveryOutcome::Failed { reason: error.to_string(), hopeless: true };
            }
        };
        match self.sns.publish(&self.arn, &message, SystemClock.now()).await {
            Ok(message_id) => {
                let taken_by = format!("AWS SNS topic {}", self.arn);
                DeliveryOutcome::Delivered(Proof { message_id, taken_by })
            }
            Err(NotSent::Never(reason)) => DeliveryOutcome::Failed { reason, hopeless: true },
            Err(NotSent::NotNow(reason) | NotSent::Unreachable(reason)) => {
                DeliveryOutcome::Failed { reason, hopeless: false }
            }
        }
    }
}

#[async_trait]
impl Target for Aws {
    async fn deliver(&self, letters: &[Letter]) -> Vec<DeliveryOutcome> {
        let mut outcomes = Vec::with_capacity(letters.len());
        for letter in letters {
            outcomes.push(self.publish(letter).await);
        }
        outcomes
    }
}
