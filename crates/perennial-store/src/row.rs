//! Rows: how the core's types look in columns.

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{BillingGroupName, CertificateId, PolicyName, ThingGroupName, ThingName, ThingTypeName},
    registry::{CertificateMode, PrincipalType},
    time::Timestamp,
};
use rusqlite::Row;
use serde::{Serialize, de::DeserializeOwned};

use crate::StoreError;

/// The columns that [`certificate`] reads, in order.
pub(crate) const CERTIFICATE: &str = "id, status, not_before, not_after, created_at";

/// The number a status is stored as; the index on ACTIVE certificates names its 1.
pub(crate) const fn status_number(status: CertificateStatus) -> i64 {
    match status {
        CertificateStatus::Active => 1,
        CertificateStatus::Inactive => 2,
        CertificateStatus::Revoked => 3,
        CertificateStatus::PendingActivation => 4,
    }
}

pub(crate) fn status(number: i64) -> Result<CertificateStatus, StoreError> {
    let found = CertificateStatus::ALL.into_iter().find(|it| status_number(*it) == number);
    found.ok_or_else(|| StoreError::corrupt("certificate status", number))
}

pub(crate) fn certificate(row: &Row<'_>) -> Result<Certificate, StoreError> {
    let at = |column| row.get(column).map(Timestamp::from_millis);
    Ok(Certificate {
        certificate_id: CertificateId::from_bytes(row.get(0)?),
        status: status(row.get(1)?)?,
        validity: Validity { not_before: at(2)?, not_after: at(3)? },
        created_at: at(4)?,
    })
}

pub(crate) fn thing_name(text: &str) -> Result<ThingName, StoreError> {
    ThingName::new(text).map_err(|error| StoreError::corrupt("thing name", error))
}

pub(crate) fn type_name(text: &str) -> Result<ThingTypeName, StoreError> {
    ThingTypeName::new(text).map_err(|error| StoreError::corrupt("thing type name", error))
}

pub(crate) fn group_name(text: &str) -> Result<ThingGroupName, StoreError> {
    ThingGroupName::new(text).map_err(|error| StoreError::corrupt("thing group name", error))
}

pub(crate) fn billing_group_name(text: &str) -> Result<BillingGroupName, StoreError> {
    BillingGroupName::new(text).map_err(|error| StoreError::corrupt("billing group name", error))
}

pub(crate) fn policy_name(text: &str) -> Result<PolicyName, StoreError> {
    PolicyName::new(text).map_err(|error| StoreError::corrupt("policy name", error))
}

pub(crate) const fn principal_type(exclusive: bool) -> PrincipalType {
    if exclusive { PrincipalType::ExclusiveThing } else { PrincipalType::NonExclusiveThing }
}

pub(crate) const fn mode(sni_only: bool) -> CertificateMode {
    if sni_only { CertificateMode::SniOnly } else { CertificateMode::Default }
}

pub(crate) fn to_json<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(what, error))
}

pub(crate) fn from_json<T: DeserializeOwned>(
    what: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(what, error))
}
