//! Just-in-time provisioning: a template whose parameters a device's certificate says.

use std::collections::BTreeMap;

use super::{
    CertificateSource, Provision, TemplateError,
    node::Node,
    template::{MEMBERS, read, resolve},
};
use crate::ids::CertificateId;

/// The parameters that a certificate's subject gives values to, and the attributes they are.
const OF_SUBJECT: [(&str, &str); 7] = [
    ("AWS::IoT::Certificate::Country", "Country"),
    ("AWS::IoT::Certificate::Organization", "Organization"),
    ("AWS::IoT::Certificate::OrganizationalUnit", "OrganizationalUnit"),
    ("AWS::IoT::Certificate::DistinguishedNameQualifier", "DistinguishedNameQualifier"),
    ("AWS::IoT::Certificate::StateName", "State"),
    ("AWS::IoT::Certificate::CommonName", "CommonName"),
    ("AWS::IoT::Certificate::SerialNumber", "SerialNumber"),
];

/// The parameter that is the certificate's id.
const ID: &str = "AWS::IoT::Certificate::Id";

/// Refuses a template by which no certificate can provision itself.
///
/// # Errors
/// [`TemplateError`] says where. What depends on the certificate shows only when there is one.
pub fn check_just_in_time(text: &str) -> Result<(), TemplateError> {
    let value = read(text)?;
    let root = Node::root(&value);
    root.only(&MEMBERS)?;
    for (name, node) in declared(&root)? {
        let is_known = name == ID || OF_SUBJECT.iter().any(|(known, _)| *known == name);
        if !is_known && node.member("Default")?.is_none() {
            return Err(node.wrong("no certificate gives this parameter a value"));
        }
    }
    let resources = root.needed("Resources")?;
    for (_, node) in resources.members()? {
        if node.needed("Type")?.text()? == "AWS::IoT::Certificate" {
            let id = node.needed("Properties")?.needed("CertificateId")?;
            let is_own = id.needed("Ref")?.text()? == ID;
            return if is_own { Ok(()) } else { Err(not_own(&id)) };
        }
    }
    Err(resources.wrong("a resource of type AWS::IoT::Certificate is missing"))
}

/// What a template wants registered for the certificate of this id and subject.
///
/// # Errors
/// [`TemplateError`] when the certificate lacks what the template asks for, or asks for what it may
/// not have.
pub fn resolve_just_in_time(
    text: &str,
    id: CertificateId,
    subject: &BTreeMap<String, Vec<String>>,
) -> Result<Provision, TemplateError> {
    let value = read(text)?;
    let root = Node::root(&value);
    let mut given = BTreeMap::new();
    for (name, _) in declared(&root)? {
        let attribute = OF_SUBJECT.iter().find(|(known, _)| *known == name);
        let of_subject = attribute.and_then(|(_, attribute)| subject.get(*attribute)?.first());
        if let Some(value) = of_subject {
            given.insert(name.to_owned(), value.clone());
        } else if name == ID {
            given.insert(name.to_owned(), id.to_string());
        }
    }
    let wanted = resolve(text, &given)?;
    // No certificate may provision another.
    if wanted.certificate.source != CertificateSource::Registered(id) {
        return Err(not_own(&root));
    }
    Ok(wanted)
}

fn declared<'a>(root: &Node<'a>) -> Result<Vec<(&'a str, Node<'a>)>, TemplateError> {
    match root.member("Parameters")? {
        Some(parameters) => parameters.members(),
        None => Ok(Vec::new()),
    }
}

fn not_own(node: &Node<'_>) -> TemplateError {
    node.wrong(format!("the CertificateId must be {{\"Ref\": \"{ID}\"}}"))
}
