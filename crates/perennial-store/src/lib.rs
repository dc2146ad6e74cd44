//! Registry and journal on SQLite: one writer with group commit, many readers, an event log that
//! shows tampering.
#![warn(missing_docs)]

mod access_keys;
mod actor;
mod attachments;
mod audit;
mod billing_groups;
mod ca_certificates;
mod certificate_lists;
mod certificates;
mod connections;
mod dead_letters;
mod draw;
mod effective_policies;
mod enrolled_key;
mod enrolments;
mod error;
mod event_chain;
mod events;
mod group_members;
mod intents;
mod issuers;
mod journal;
mod logging;
mod migrate;
mod notes;
mod notice_topics;
mod notices;
mod open;
mod page;
#[cfg(test)]
mod plans;
mod policies;
mod policy_targets;
mod policy_versions;
mod principals;
mod provisioning;
mod readers;
mod registration;
mod registry;
mod rotation_requests;
mod rotations;
mod row;
mod rule_destinations;
mod rule_loops;
mod search;
mod tags;
mod telling;
mod thing_groups;
mod thing_lists;
mod thing_types;
mod things;
mod topic_rules;
mod touched;
mod withdrawn;
mod writer;

pub use access_keys::{AccessKey, MAX_ACCESS_KEYS, Secret};
pub use actor::Actor;
pub use audit::{
    AuditFile, AuditSettings, DAILY, Execution, ExecutionStatus, FindingCounts, FindingCursor,
    FindingFilter, MitigationAction, MitigationRequest, MitigationStatus, MitigationTask, Remedies,
    RemedyError, ScheduledAudit, SuppressionPlace, Surroundings, TaskFilter,
};
pub use ca_certificates::{CaPlace, CaUpdate, NewCa};
pub use certificate_lists::CertificatePlace;
pub use certificates::{NewCertificate, StoredCertificate};
pub use connections::ConnectionChange;
pub use dead_letters::{DEAD_LETTER_FOR, DeadLetter, MAX_DEAD_LETTERS, MAX_UNFINISHED};
pub use enrolled_key::KeyOf;
pub use enrolments::{
    EnrolledCertificate, EnrolmentOutcome, EnrolmentRequest, OtherCertificates, SignedEnrolment,
};
pub use error::StoreError;
pub use event_chain::{BrokenChain, ChainLink};
pub use events::{Event, EventFilter};
pub use intents::{Intent, IntentOutcome, IntentRequest, IssuedCertificate};
pub use logging::{LogTargetPlace, LoggingOptions, LoggingUpdate, MAX_LOG_TARGETS, TargetLevel};
pub use notice_topics::{
    Confirming, DeliveryState, Due, DueDelivery, EndedDelivery, Lane, NOTICE_TOPIC, NoticeTopic,
    Outcome, Settled, Subscribed, Subscribing, Subscription, Waiting,
};
pub use notices::{
    DeliveryId, DeliveryOutcome, DeliveryStatus, DueMessage, LOG_TARGET, NoticeFilter,
    NoticeSettings, Proof, ShownDelivery, StoredNotice, UnreachablePlace,
};
pub use open::{OpenError, Settings, Store};
pub use page::{Dated, NoPlace, Order, Page};
pub use policies::{PolicyPlace, StoredPolicy};
pub use policy_targets::{PolicyChange, TargetPlace};
pub use policy_versions::PolicyVersion;
pub use principals::{DocumentKey, GroupNumber, PolicyInForce, PrincipalRecord, ThingRecord};
pub use provisioning::{Provisioned, ProvisionedCertificate, ProvisionedPolicy, Provisioning};
pub use registration::Presented;
pub use rotation_requests::{RequestedRotation, RotationRequest};
pub use rotations::{RotationFilter, RotationPlace};
pub use rule_destinations::{DestinationStatus, MAX_RULE_DESTINATIONS, RuleDestination};
pub use rule_loops::MAX_RELAYS;
pub use search::{FoundThing, SearchPlace};
pub use telling::{EventConfigurations, ToTell};
pub use thing_groups::{GroupFilter, GroupUpdate};
pub use thing_lists::{AttributeFilter, ThingFilter, ThingPlace, ValueFilter};
pub use topic_rules::{MAX_TOPIC_RULES, StoredRule};
pub use touched::{Shared, Touched, TouchedPlace};
