//! Who asks: the facts of one connection that variables and condition keys draw on.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use crate::{
    ids::{BillingGroupName, ThingName},
    registry::Thing,
};

/// The facts of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The client id it connected under.
    pub client_id: String,
    /// Where it came from.
    pub source_ip: Option<IpAddr>,
    /// The registry entry of that client id, or the one its certificate belongs to alone.
    pub thing: Option<ThingFacts>,
    /// The certificate it authenticated with.
    pub certificate: Arc<CertificateFacts>,
}

/// What the registry says of the thing that a connection is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThingFacts {
    /// Its name.
    pub name: ThingName,
    /// Whether the connection's certificate is attached to it. Unless it is, none of the other
    /// facts resolves in a policy (AWS IoT developer guide, "Thing policy variables").
    pub is_attached: bool,
    /// Its type's name.
    pub type_name: Option<String>,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its billing group's name.
    pub billing_group: Option<String>,
}

impl From<Thing> for ThingFacts {
    /// What is known of the thing that a connection is for, which its certificate is attached to.
    fn from(thing: Thing) -> Self {
        Self {
            name: thing.name,
            is_attached: true,
            type_name: thing.type_name.map(|name| name.to_string()),
            attributes: thing.attributes.into_map(),
            billing_group: None,
        }
    }
}

impl ThingFacts {
    /// The same of a thing that is in this billing group.
    #[must_use]
    pub fn billed_to(self, group: Option<BillingGroupName>) -> Self {
        Self { billing_group: group.map(|name| name.to_string()), ..self }
    }
}

/// What a certificate says, as AWS IoT's certificate policy variables name it.
///
/// Values keep the certificate's order; policies see the first five of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Subject attributes: `CommonName`, `Organization`, `OrganizationalUnit`, `Country`,
    /// `State`, `SerialNumber`, `DistinguishedNameQualifier`, `Title`, `Surname`, `GivenName`,
    /// `Initials`, `Pseudonym`, `GenerationQualifier`.
    pub subject: BTreeMap<String, Vec<String>>,
    /// Issuer attributes, named likewise.
    pub issuer: BTreeMap<String, Vec<String>>,
    /// Subject alternative names: `DNSName`, `IPAddress`, `DirectoryName`,
    /// `UniformResourceIdentifier` (or `URI`), `RFC822Name` (or `EmailAddress`).
    pub subject_alternative_name: BTreeMap<String, Vec<String>>,
    /// The serial number as policies shall see it; empty when there is none.
    pub serial_number: String,
}
