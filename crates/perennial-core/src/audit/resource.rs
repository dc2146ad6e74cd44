//! What a finding is about: AWS's union of resource identifiers, and one text for each as a key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{CertificateId, PolicyName};

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "AWS's names say it")]
pub enum ResourceType {
    DeviceCertificate,
    CaCertificate,
    IotPolicy,
    CognitoIdentityPool,
    ClientId,
    AccountSettings,
    RoleAlias,
    IamRole,
    IssuerCertificate,
}

/// A version of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyVersion {
    /// The policy.
    pub policy_name: PolicyName,
    /// Its version, in digits.
    pub policy_version_id: String,
}

/// An issuer's certificate, known from a chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuerCertificate {
    /// Its subject.
    pub issuer_certificate_subject: String,
    /// Its issuer's id.
    pub issuer_id: String,
    /// Its serial number in hexadecimal digits.
    pub issuer_certificate_serial_number: String,
}

/// Names one resource: `ResourceIdentifier` of AWS's API, in which exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "AWS's names say it")]
pub enum ResourceIdentifier {
    DeviceCertificateId(CertificateId),
    CaCertificateId(CertificateId),
    CognitoIdentityPoolId(String),
    ClientId(String),
    PolicyVersionIdentifier(PolicyVersion),
    Account(String),
    IamRoleArn(String),
    RoleAliasArn(String),
    IssuerCertificateIdentifier(IssuerCertificate),
    DeviceCertificateArn(String),
}

impl ResourceIdentifier {
    /// The kind of resource it names.
    pub const fn resource_type(&self) -> ResourceType {
        match self {
            Self::DeviceCertificateId(_) | Self::DeviceCertificateArn(_) => {
                ResourceType::DeviceCertificate
            }
            Self::CaCertificateId(_) => ResourceType::CaCertificate,
            Self::CognitoIdentityPoolId(_) => ResourceType::CognitoIdentityPool,
            Self::ClientId(_) => ResourceType::ClientId,
            Self::PolicyVersionIdentifier(_) => ResourceType::IotPolicy,
            Self::Account(_) => ResourceType::AccountSettings,
            Self::IamRoleArn(_) => ResourceType::IamRole,
            Self::RoleAliasArn(_) => ResourceType::RoleAlias,
            Self::IssuerCertificateIdentifier(_) => ResourceType::IssuerCertificate,
        }
    }

    /// The device certificate it names, by id or by an ARN that ends in the id.
    pub fn device_certificate(&self) -> Option<CertificateId> {
        match self {
            Self::DeviceCertificateId(id) => Some(*id),
            Self::DeviceCertificateArn(arn) => arn.rsplit('/').next()?.parse().ok(),
            Self::CaCertificateId(_)
            | Self::CognitoIdentityPoolId(_)
            | Self::ClientId(_)
            | Self::PolicyVersionIdentifier(_)
            | Self::Account(_)
            | Self::IamRoleArn(_)
            | Self::RoleAliasArn(_)
            | Self::IssuerCertificateIdentifier(_) => None,
        }
    }

    /// The CA certificate it names.
    pub const fn ca_certificate(&self) -> Option<CertificateId> {
        if let Self::CaCertificateId(id) = self { Some(*id) } else { None }
    }

    /// The policy's version it names.
    pub const fn policy_version(&self) -> Option<&PolicyVersion> {
        if let Self::PolicyVersionIdentifier(version) = self { Some(version) } else { None }
    }

    /// One text for each resource: the key of findings and suppressions.
    ///
    /// A device certificate has the same one by id and by ARN.
    pub fn key(&self) -> String {
        if let Some(id) = self.device_certificate() {
            return format!("cert/{id}");
        }
        match self {
            Self::DeviceCertificateId(id) => format!("cert/{id}"),
            Self::DeviceCertificateArn(arn) => format!("certarn/{arn}"),
            Self::CaCertificateId(id) => format!("cacert/{id}"),
            Self::CognitoIdentityPoolId(id) => format!("cognito/{id}"),
            Self::ClientId(id) => format!("client/{id}"),
            Self::PolicyVersionIdentifier(it) => {
                format!("policy/{}/{}", it.policy_name, it.policy_version_id)
            }
            Self::Account(id) => format!("account/{id}"),
            Self::IamRoleArn(arn) => format!("role/{arn}"),
            Self::RoleAliasArn(arn) => format!("rolealias/{arn}"),
            Self::IssuerCertificateIdentifier(it) => format!(
                "issuer/{}/{}/{}",
                it.issuer_id, it.issuer_certificate_serial_number, it.issuer_certificate_subject
            ),
        }
    }
}

/// A resource with what else is known of it: AWS's `NonCompliantResource` and `RelatedResource`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its kind.
    pub resource_type: ResourceType,
    /// Its name.
    pub resource_identifier: ResourceIdentifier,
    /// What else is known of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub additional_info: BTreeMap<String, String>,
}

impl Resource {
    /// The resource, with nothing else known of it.
    pub const fn new(resource_identifier: ResourceIdentifier) -> Self {
        let resource_type = resource_identifier.resource_type();
        Self { resource_type, resource_identifier, additional_info: BTreeMap::new() }
    }

    /// The same with one more thing known of it.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.additional_info.insert(name.to_owned(), value.to_string());
        self
    }
}
