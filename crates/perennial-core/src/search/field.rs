//! Fields: what of a thing is searched.

use std::fmt;

/// What of a thing is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Its name.
    ThingName,
    /// Its id.
    ThingId,
    /// Its type.
    ThingTypeName,
    /// The groups it is in itself.
    ThingGroupNames,
    /// An attribute.
    Attribute(String),
    /// Whether its device is connected.
    Connected,
    /// Since when it is, or is not, in milliseconds since 1970.
    ConnectivityTimestamp,
    /// Why it was disconnected last.
    DisconnectReason,
    /// When its ACTIVE certificates end, in milliseconds since 1970: Perennial's own.
    CertificateNotAfter,
}

const ATTRIBUTES: &str = "attributes.";

impl Field {
    /// The field of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "thingName" => Self::ThingName,
            "thingId" => Self::ThingId,
            "thingTypeName" => Self::ThingTypeName,
            "thingGroupNames" => Self::ThingGroupNames,
            "connectivity.connected" => Self::Connected,
            "connectivity.timestamp" => Self::ConnectivityTimestamp,
            "connectivity.disconnectReason" => Self::DisconnectReason,
            "certificate.notAfter" => Self::CertificateNotAfter,
            _ => {
                let attribute = name.strip_prefix(ATTRIBUTES).filter(|name| !name.is_empty())?;
                Self::Attribute(attribute.to_owned())
            }
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ThingName => "thingName",
            Self::ThingId => "thingId",
            Self::ThingTypeName => "thingTypeName",
            Self::ThingGroupNames => "thingGroupNames",
            Self::Connected => "connectivity.connected",
            Self::ConnectivityTimestamp => "connectivity.timestamp",
            Self::DisconnectReason => "connectivity.disconnectReason",
            Self::CertificateNotAfter => "certificate.notAfter",
            Self::Attribute(name) => {
                f.write_str(ATTRIBUTES)?;
                return super::pattern::write_escaped(f, name);
            }
        })
    }
}
