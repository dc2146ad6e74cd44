//! Provisioning templates.

use std::collections::BTreeMap;

use perennial_core::provisioning::resolve;

/// A template, an octet 0, and the values of its parameters `a`, `b` and so on, a line each.
pub(crate) fn template(input: &[u8]) {
    let (text, values) = super::cut(input, 0);
    let (Ok(text), Ok(values)) = (str::from_utf8(text), str::from_utf8(values)) else { return };
    let names = ('a'..='z').map(String::from);
    let values = values.lines().filter(|value| !value.is_empty()).map(str::to_owned);
    let given: BTreeMap<_, _> = names.zip(values).collect();

    let wanted = resolve(text, &given);

    assert_eq!(wanted, resolve(text, &given));
    match wanted {
        Ok(wanted) => assert!(wanted.policies.len() <= 10),
        Err(error) => assert!(error.at.starts_with("template") || error.at.starts_with("param")),
    }
}
