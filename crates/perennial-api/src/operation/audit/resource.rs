//! Resources as requests name them: exactly one member of AWS's union, certificates in either case.

use perennial_core::{
    audit::{IssuerCertificate, PolicyVersion, ResourceIdentifier},
    ids::CertificateId,
};
use serde::{Deserialize, Deserializer, de::Error as _};

/// The longest key of a resource, in octets: about AWS's longest ARN.
const MAX_KEY: usize = 2048;

/// A resource that a request names.
#[derive(Debug)]
pub(super) struct Named(pub(super) ResourceIdentifier);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Union {
    device_certificate_id: Option<String>,
    ca_certificate_id: Option<String>,
    cognito_identity_pool_id: Option<String>,
    client_id: Option<String>,
    policy_version_identifier: Option<PolicyVersion>,
    account: Option<String>,
    iam_role_arn: Option<String>,
    role_alias_arn: Option<String>,
    issuer_certificate_identifier: Option<IssuerCertificate>,
    device_certificate_arn: Option<String>,
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let named = Union::deserialize(deserializer)?.only().map_err(D::Error::custom)?;
        let key = named.key();
        if key.len() > MAX_KEY || key.chars().any(char::is_control) {
            let message = format!("a resource's name has {MAX_KEY} octets at most, no controls");
            return Err(D::Error::custom(message));
        }
        Ok(Self(named))
    }
}

impl Union {
    /// The one member that is set.
    fn only(self) -> Result<ResourceIdentifier, String> {
        use ResourceIdentifier as R;
        let device = self.device_certificate_id.map(certificate).transpose()?;
        let ca = self.ca_certificate_id.map(certificate).transpose()?;
        let mut set = [
            device.map(R::DeviceCertificateId),
            ca.map(R::CaCertificateId),
            self.cognito_identity_pool_id.map(R::CognitoIdentityPoolId),
            self.client_id.map(R::ClientId),
            self.policy_version_identifier.map(R::PolicyVersionIdentifier),
            self.account.map(R::Account),
            self.iam_role_arn.map(R::IamRoleArn),
            self.role_alias_arn.map(R::RoleAliasArn),
            self.issuer_certificate_identifier.map(R::IssuerCertificateIdentifier),
            self.device_certificate_arn.map(lower).map(R::DeviceCertificateArn),
        ]
        .into_iter()
        .flatten();
        match (set.next(), set.next()) {
            (Some(resource), None) => Ok(resource),
            _ => Err("exactly one member names a resource".to_owned()),
        }
    }
}

fn certificate(text: String) -> Result<CertificateId, String> {
    text.to_ascii_lowercase().parse().map_err(|error| format!("{error}"))
}

/// The ARN with the certificate's id in lower case.
fn lower(arn: String) -> String {
    let Some((begin, id)) = arn.rsplit_once('/') else { return arn };
    format!("{begin}/{}", id.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(json: &str) -> Result<String, serde_json::Error> {
        serde_json::from_str::<Named>(json).map(|Named(resource)| resource.key())
    }

    #[test]
    fn a_certificate_is_the_same_by_id_and_arn_in_either_case() {
        let id = "AB".repeat(32);

        let by_id = key(&format!(r#"{{"deviceCertificateId": "{id}"}}"#)).unwrap();
        let by_arn = key(&format!(r#"{{"deviceCertificateArn": "arn:x:cert/{id}"}}"#)).unwrap();

        assert_eq!(by_id, format!("cert/{}", id.to_lowercase()));
        assert_eq!(by_id, by_arn);
    }

    #[test]
    fn a_name_is_exactly_one_member_of_bounded_length() {
        for bad in [
            "{}".to_owned(),
            r#"{"account": "1", "clientId": "a"}"#.to_owned(),
            r#"{"colour": "red"}"#.to_owned(),
            r#"{"policyVersionIdentifier": {"policyName": "p", "policyVersionId": "1", "x": 1}}"#
                .to_owned(),
            r#"{"deviceCertificateId": "abc"}"#.to_owned(),
            r#"{"clientId": "a\u0001"}"#.to_owned(),
            format!(r#"{{"clientId": "{}"}}"#, "x".repeat(3000)),
        ] {
            assert!(key(&bad).is_err(), "{bad}");
        }
    }
}
