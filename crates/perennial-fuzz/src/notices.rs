//! What callers of SNS's API bring: filter policies, messages they are put to, and destinations.

use perennial_core::notice_topic::{
    DeliveryPolicy, FilterPolicy, FilterScope, Message, MessageAttribute, MessageAttributes,
    Protocol,
};

/// A filter policy, a line feed, a message's body, which is an attribute's value as well.
pub(crate) fn filter(input: &[u8]) {
    let (policy, body) = super::cut(input, b'\n');
    let (Ok(policy), Ok(body)) = (str::from_utf8(policy), str::from_utf8(body)) else { return };
    if let Ok(retries) = DeliveryPolicy::parse(policy) {
        let pauses = (1..=101).map_while(|tries| retries.pause_after(tries));
        assert!(pauses.count() <= 100, "it never gives up: {policy}");
    }
    for protocol in Protocol::ALL {
        let _ = protocol.check(body);
    }
    for data_type in ["String", "String.Array", "Number"] {
        let attribute =
            MessageAttribute { data_type: data_type.to_owned(), value: body.to_owned() };
        let attributes: MessageAttributes = [("key".to_owned(), attribute)].into();
        let _ = Message::structured(None, body, attributes.clone());
        let Ok(message) = Message::new(None, body.to_owned(), attributes) else { continue };
        for scope in [FilterScope::MessageAttributes, FilterScope::MessageBody] {
            let Ok(read) = FilterPolicy::parse(policy, scope) else { continue };
            let admitted = read.admits(&message);
            assert_eq!(
                FilterPolicy::parse(policy, scope).map(|it| it.admits(&message)),
                Ok(admitted)
            );
        }
    }
}
