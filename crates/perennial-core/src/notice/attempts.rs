//! What somebody tried who may not, by kind.

use serde::{Deserialize, Serialize};

/// What somebody tried who may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempts {
    /// To be let in: the TLS handshake failed.
    Handshakes,
    /// To connect.
    Connects,
    /// To publish, subscribe or leave a will.
    Actions,
}

impl Attempts {
    /// All.
    pub const ALL: [Self; 3] = [Self::Handshakes, Self::Connects, Self::Actions];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshakes => "handshakes",
            Self::Connects => "connects",
            Self::Actions => "actions",
        }
    }

    /// The same in words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Handshakes => "TLS handshakes failed",
            Self::Connects => "CONNECTs were refused",
            Self::Actions => "publishes, subscriptions or wills were not allowed",
        }
    }
}
