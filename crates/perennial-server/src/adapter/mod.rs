//! Adapters: the ring's ports and the broker's, carried out by store, authority and broker.

mod anchors;
mod authority;
#[cfg(test)]
mod conformance;
mod connections;
mod data_plane;
mod device_log;
mod entropy;
mod floodgate;
mod following;
mod intake;
mod introductions;
mod messaging;
mod notifier;
mod principals;
mod recovery;
mod registry;
mod remedies;
mod routing;
mod rule_notices;
mod running;
mod signer;
mod sources;

pub use anchors::AnchorsNotSet;
pub(crate) use anchors::{Anchors, registered_cas};
pub(crate) use authority::CertificateAuthority;
pub(crate) use connections::record_connections;
pub(crate) use data_plane::BrokerDataPlane;
pub(crate) use device_log::LiveDeviceLog;
pub use device_log::TARGET as DEVICE_LOG;
pub(crate) use entropy::SystemEntropy;
pub(crate) use intake::{listen_for_messages, listen_for_presence};
pub(crate) use introductions::register as register_introduced;
pub(crate) use messaging::BrokerMessaging;
pub(crate) use notifier::StoreNotifier;
pub(crate) use principals::StorePrincipals;
pub(crate) use recovery::{LapsedInbox, Recovery};
pub use registry::LiveRegistry;
pub(crate) use remedies::StoreRemedies;
pub(crate) use routing::RulesRouting;
pub(crate) use running::RunningServer;
pub(crate) use signer::RoleSigner;
