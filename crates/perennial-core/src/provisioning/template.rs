//! Templates: read whole, with the parameters that they are given.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    TemplateError, WantedCertificate, WantedPolicy, WantedThing, expression::Scope, node::Node,
    resources::Resources,
};

/// The longest template, in characters.
pub const MAX_LENGTH: usize = 10_240;

/// The members of a template.
pub(super) const MEMBERS: [&str; 3] = ["Parameters", "Mappings", "Resources"];

/// What is to be registered together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provision {
    /// The thing.
    pub thing: Option<WantedThing>,
    /// The certificate, which is attached to the thing.
    pub certificate: WantedCertificate,
    /// The policies, which are attached to the certificate.
    pub policies: Vec<WantedPolicy>,
}

/// What a template wants registered, given these parameters.
///
/// # Errors
/// [`TemplateError`] says where it is wrong, or which parameter is missing or too many.
pub fn resolve(text: &str, given: &BTreeMap<String, String>) -> Result<Provision, TemplateError> {
    let value = read(text)?;
    let root = Node::root(&value);
    root.only(&MEMBERS)?;
    let scope = Scope { parameters: parameters(&root, given)?, mappings: root.member("Mappings")? };
    let (resources, mut found) = (root.needed("Resources")?, Resources::default());
    for (logical_id, node) in resources.members()? {
        found.add(&scope, logical_id, &node)?;
    }
    let Resources { thing, certificate, policies } = found;
    let certificate = certificate
        .ok_or_else(|| resources.wrong("a resource of type AWS::IoT::Certificate is missing"))?;
    Ok(Provision { thing, certificate, policies })
}

/// A template's JSON.
pub(super) fn read(text: &str) -> Result<Value, TemplateError> {
    let whole = |why: String| TemplateError { at: "template".to_owned(), why };
    let length = text.chars().count();
    if length > MAX_LENGTH {
        return Err(whole(format!("{length} characters are more than {MAX_LENGTH}")));
    }
    serde_json::from_str(text).map_err(|error| whole(error.to_string()))
}

/// The template's parameters with the values that were given, or their own.
fn parameters(
    root: &Node<'_>,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, TemplateError> {
    let declared = root.member("Parameters")?;
    let members = declared.as_ref().map(Node::members).transpose()?.unwrap_or_default();
    let mut values = BTreeMap::new();
    for (name, node) in members {
        node.only(&["Type", "Default"])?;
        let kind = node.needed("Type")?;
        if kind.text()? != "String" {
            return Err(kind.wrong("the type of a parameter is String"));
        }
        let own = node.member("Default")?;
        let own = own.as_ref().map(Node::text).transpose()?;
        let value = given.get(name).map(String::as_str).or(own);
        let value = value.ok_or_else(|| node.wrong("the parameter has no value"))?;
        values.insert(name.to_owned(), value.to_owned());
    }
    match given.keys().find(|name| !values.contains_key(*name)) {
        None => Ok(values),
        Some(other) => Err(TemplateError {
            at: format!("parameters.{other}"),
            why: "the template has no such parameter".to_owned(),
        }),
    }
}
