//! Notice topics: what is published to them, who gets it, and how it looks on its way. The words are
//! AWS SNS's.

mod arn;
mod attribute;
mod aws;
mod chat;
mod delivery_policy;
mod envelope;
mod filter;
mod message;
mod protocol;
mod settings;
mod uuid;

pub use arn::{
    NameError, TopicName, parse_subscription_arn, parse_topic_arn, subscription_arn, topic_arn,
};
pub use attribute::{AttributeError, MessageAttribute, MessageAttributes};
pub use aws::{AwsTopic, AwsTopicError};
pub use chat::{slack, teams};
pub use delivery_policy::{DeliveryPolicy, DeliveryPolicyError};
pub use envelope::{Confirmation, Envelope, Notification, SIGNATURE_VERSION, Signed};
pub use filter::{FilterError, FilterPolicy, FilterScope};
pub use message::{MAX_MESSAGE, Message, MessageError};
pub use protocol::{EndpointError, Protocol};
pub use settings::{
    CONFIRMED_WITHIN, PENDING_FOR, SettingError, SubscriptionSettings, TopicSettings,
};
pub use uuid::{NoUuid, Uuid};
