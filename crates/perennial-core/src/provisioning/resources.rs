//! Resources: what a template wants registered, and what becomes of what is there already.

use std::collections::BTreeMap;

use super::{TemplateError, expression::Scope, node::Node};
use crate::{
    certificate::CertificateStatus,
    ids::{CertificateId, PolicyName, ThingGroupName, ThingName, ThingTypeName},
    policy::Document,
    registry::Attributes,
};

/// The most policies of a template.
const MAX_POLICIES: usize = 10;

/// What becomes of something that is there already, and different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Override {
    /// It stays as it is.
    DoNothing,
    /// It is as the template says.
    Replace,
    /// Both are kept.
    Merge,
    /// Nothing is registered.
    #[default]
    Fail,
}

/// The thing of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedThing {
    /// The resource's name in the template.
    pub logical_id: String,
    /// Its name.
    pub name: ThingName,
    /// Its type.
    pub type_name: Option<ThingTypeName>,
    /// Its attributes; `None` when the template says nothing of them.
    pub attributes: Option<Attributes>,
    /// Its groups; `None` when the template says nothing of them.
    pub groups: Option<Vec<ThingGroupName>>,
    /// When it has another type.
    pub type_override: Override,
    /// When it has other attributes.
    pub attributes_override: Override,
    /// When it is in other groups.
    pub groups_override: Override,
}

/// Where a template's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// It is signed for this request.
    Request(String),
    /// It is registered already.
    Registered(CertificateId),
    /// It is this one, of a registered CA, which may be named.
    Pem {
        /// The certificate.
        certificate: String,
        /// Its CA's.
        ca: Option<String>,
    },
}

/// The certificate of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedCertificate {
    /// The resource's name in the template.
    pub logical_id: String,
    /// Where it comes from.
    pub source: CertificateSource,
    /// Its status.
    pub status: CertificateStatus,
    /// When it has another status.
    pub status_override: Override,
}

/// A policy of a template, which the certificate gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedPolicy {
    /// The resource's name in the template.
    pub logical_id: String,
    /// Its name; without one it is named after its document.
    pub name: Option<PolicyName>,
    /// Its document; without one it is there already.
    pub document: Option<Document>,
}

/// What a template's resources are.
#[derive(Debug, Default)]
pub(super) struct Resources {
    pub(super) thing: Option<WantedThing>,
    pub(super) certificate: Option<WantedCertificate>,
    pub(super) policies: Vec<WantedPolicy>,
}

impl Resources {
    /// Adds a resource.
    pub(super) fn add(
        &mut self,
        scope: &Scope<'_>,
        logical_id: &str,
        node: &Node<'_>,
    ) -> Result<(), TemplateError> {
        node.only(&["Type", "Properties", "OverrideSettings"])?;
        let (kind, properties) = (node.needed("Type")?, node.needed("Properties")?);
        let reader = Reader { scope, logical_id, node, properties };
        let twice = || kind.wrong("a template has one resource of this type at most");
        match kind.text()? {
            "AWS::IoT::Thing" if self.thing.is_some() => return Err(twice()),
            "AWS::IoT::Thing" => self.thing = Some(reader.thing()?),
            "AWS::IoT::Certificate" if self.certificate.is_some() => return Err(twice()),
            "AWS::IoT::Certificate" => self.certificate = Some(reader.certificate()?),
            "AWS::IoT::Policy" if self.policies.len() == MAX_POLICIES => {
                return Err(kind.wrong(format!("a template has {MAX_POLICIES} policies at most")));
            }
            "AWS::IoT::Policy" => self.policies.push(reader.policy()?),
            other => {
                let why = format!(
                    "there is no type {other:?}: use AWS::IoT::Thing, AWS::IoT::Certificate or \
                     AWS::IoT::Policy"
                );
                return Err(kind.wrong(why));
            }
        }
        Ok(())
    }
}

/// Reads one resource.
struct Reader<'a> {
    scope: &'a Scope<'a>,
    logical_id: &'a str,
    node: &'a Node<'a>,
    properties: Node<'a>,
}

impl Reader<'_> {
    /// A property, made of an expression and read.
    fn property<T, E: std::fmt::Display>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, TemplateError> {
        let Some(node) = self.properties.member(name)? else { return Ok(None) };
        self.read(&node, read).map(Some)
    }

    fn read<T, E: std::fmt::Display>(
        &self,
        node: &Node<'_>,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, TemplateError> {
        read(&self.scope.text(node)?).map_err(|error| node.wrong(error.to_string()))
    }

    fn text(&self, name: &str) -> Result<Option<String>, TemplateError> {
        self.property(name, |text| Ok::<_, TemplateError>(text.to_owned()))
    }

    /// What is to be done when a property differs, of what may be done.
    fn overriding(&self, name: &str, may_merge: bool) -> Result<Override, TemplateError> {
        let Some(settings) = self.node.member("OverrideSettings")? else {
            return Ok(Override::default());
        };
        let Some(setting) = settings.member(name)? else { return Ok(Override::default()) };
        match setting.text()? {
            "DO_NOTHING" => Ok(Override::DoNothing),
            "REPLACE" => Ok(Override::Replace),
            "FAIL" => Ok(Override::Fail),
            "MERGE" if may_merge => Ok(Override::Merge),
            other => Err(setting.wrong(format!("{other:?} is nothing that can be done here"))),
        }
    }

    fn only_overrides(&self, names: &[&str]) -> Result<(), TemplateError> {
        let settings = self.node.member("OverrideSettings")?;
        settings.map_or(Ok(()), |settings| settings.only(names))
    }

    fn thing(&self) -> Result<WantedThing, TemplateError> {
        let names = ["ThingName", "ThingTypeName", "AttributePayload", "ThingGroups"];
        self.properties.only(&names)?;
        self.only_overrides(&names[1..])?;
        let name = self.property("ThingName", ThingName::new)?;
        Ok(WantedThing {
            logical_id: self.logical_id.to_owned(),
            name: name.ok_or_else(|| self.properties.wrong("ThingName is missing"))?,
            type_name: self.property("ThingTypeName", ThingTypeName::new)?,
            attributes: self.attributes()?,
            groups: self.groups()?,
            type_override: self.overriding("ThingTypeName", false)?,
            attributes_override: self.overriding("AttributePayload", true)?,
            groups_override: self.overriding("ThingGroups", true)?,
        })
    }

    fn attributes(&self) -> Result<Option<Attributes>, TemplateError> {
        let Some(node) = self.properties.member("AttributePayload")? else { return Ok(None) };
        let mut attributes = BTreeMap::new();
        for (name, value) in node.members()? {
            attributes.insert(name.to_owned(), self.scope.text(&value)?);
        }
        Attributes::new(attributes).map(Some).map_err(|error| node.wrong(error.to_string()))
    }

    fn groups(&self) -> Result<Option<Vec<ThingGroupName>>, TemplateError> {
        let Some(node) = self.properties.member("ThingGroups")? else { return Ok(None) };
        let items = node.items()?;
        let names = items.iter().map(|item| self.read(item, ThingGroupName::new));
        let mut names: Vec<_> = names.collect::<Result<_, _>>()?;
        names.sort_unstable();
        names.dedup();
        Ok(Some(names))
    }

    fn certificate(&self) -> Result<WantedCertificate, TemplateError> {
        self.properties.only(&[
            "CertificateSigningRequest",
            "CertificateId",
            "CertificatePem",
            "CACertificatePem",
            "Status",
        ])?;
        self.only_overrides(&["Status"])?;
        Ok(WantedCertificate {
            logical_id: self.logical_id.to_owned(),
            source: self.source()?,
            status: self.property("Status", status)?.unwrap_or(CertificateStatus::Active),
            status_override: self.overriding("Status", false)?,
        })
    }

    fn source(&self) -> Result<CertificateSource, TemplateError> {
        let request = self.text("CertificateSigningRequest")?;
        let id = self.property("CertificateId", |text| text.to_ascii_lowercase().parse())?;
        let (certificate, ca) = (self.text("CertificatePem")?, self.text("CACertificatePem")?);
        match (request, id, certificate, ca) {
            (Some(request), None, None, None) => Ok(CertificateSource::Request(request)),
            (None, Some(id), None, None) => Ok(CertificateSource::Registered(id)),
            (None, None, Some(certificate), ca) => Ok(CertificateSource::Pem { certificate, ca }),
            _ => Err(self.properties.wrong(
                "one of CertificateSigningRequest, CertificateId, and CertificatePem with or \
                 without CACertificatePem, is expected",
            )),
        }
    }

    fn policy(&self) -> Result<WantedPolicy, TemplateError> {
        self.properties.only(&["PolicyName", "PolicyDocument"])?;
        self.only_overrides(&[])?;
        let name = self.property("PolicyName", PolicyName::new)?;
        let document = self.document()?;
        if name.is_none() && document.is_none() {
            return Err(self.properties.wrong("PolicyName or PolicyDocument is missing"));
        }
        Ok(WantedPolicy { logical_id: self.logical_id.to_owned(), name, document })
    }

    /// A document as JSON, in which nothing is replaced, or as a text.
    fn document(&self) -> Result<Option<Document>, TemplateError> {
        let Some(node) = self.properties.member("PolicyDocument")? else { return Ok(None) };
        let is_document = node.value.get("Statement").is_some();
        let text = if is_document { node.value.to_string() } else { self.scope.text(&node)? };
        Document::parse(&text).map(Some).map_err(|error| node.wrong(error.to_string()))
    }
}

fn status(text: &str) -> Result<CertificateStatus, String> {
    match text.parse() {
        Ok(status @ (CertificateStatus::Active | CertificateStatus::Inactive)) => Ok(status),
        Ok(_) | Err(_) => Err(format!("{text:?} is not ACTIVE or INACTIVE")),
    }
}
