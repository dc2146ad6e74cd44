//! Adapters: the ring's ports and the broker's, carried out by store, authority and broker.

mod authority;
#[cfg(test)]
mod conformance;
mod connections;
mod entropy;
mod intake;
mod messaging;
mod notifier;
mod principals;
mod recovery;
mod registry;
mod remedies;
mod running;

pub(crate) use authority::CertificateAuthority;
pub(crate) use connections::record_connections;
pub(crate) use entropy::SystemEntropy;
pub(crate) use intake::{listen_for_messages, listen_for_presence};
pub(crate) use messaging::BrokerMessaging;
pub(crate) use notifier::LogNotifier;
pub(crate) use principals::StorePrincipals;
pub(crate) use recovery::{LapsedInbox, Recovery};
pub(crate) use registry::LiveRegistry;
pub(crate) use remedies::StoreRemedies;
pub(crate) use running::RunningServer;
