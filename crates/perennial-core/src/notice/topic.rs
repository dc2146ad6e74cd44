//! The topics on which notices are published by MQTT.

use super::{Kind, Recipient};

/// Notices are published below this topic, by recipient and kind.
pub const NOTICES: &str = "$perennial/notices";

/// Where notices of this kind are published for this recipient.
pub fn notice_topic(recipient: Recipient, kind: Kind) -> String {
    format!("{NOTICES}/{}/{}", recipient.name(), kind.name())
}

/// Of which kind the notices are that are published there.
pub fn kind_of_topic(topic: &str) -> Option<Kind> {
    let (recipient, name) = topic.strip_prefix(NOTICES)?.strip_prefix('/')?.split_once('/')?;
    let is_recipient =
        [Recipient::First, Recipient::Second].iter().any(|it| it.name() == recipient);
    Kind::ALL.into_iter().find(|kind| is_recipient && kind.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_read_back_from_the_topic_and_from_no_other() {
        for kind in Kind::ALL {
            assert_eq!(kind_of_topic(&notice_topic(Recipient::Second, kind)), Some(kind));
        }
        for other in ["$perennial/notices", "$perennial/notices/third/disk_low", "a/first/disk_low"]
        {
            assert_eq!(kind_of_topic(other), None, "{other}");
        }
    }
}
