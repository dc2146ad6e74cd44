//! Principals: what the broker needs to know of a certificate, by primary key and at once.

use std::collections::BTreeSet;

use perennial_core::{
    certificate::Certificate,
    ids::{BillingGroupName, CertificateId, PolicyName, ResourceId, ThingName},
    registry::{PolicyVersionId, Thing},
};
use rusqlite::{Connection, params};

use crate::{
    Store, StoreError, attachments, billing_groups, certificates, effective_policies,
    policy_targets, row, thing_groups::Number, things,
};

/// A certificate with all that decides what it may do, whichever thing it is used for.
#[derive(Debug, Clone)]
pub struct PrincipalRecord {
    /// Its state.
    pub certificate: Certificate,
    /// Its DER.
    pub der: Vec<u8>,
    /// Whether the registry alone vouches for it: no registered CA has a say in it, since this
    /// server issued it, it was registered without a CA, or its CA was deleted since.
    pub vouched_for: bool,
    /// The policies attached to it.
    pub policies: Vec<PolicyInForce>,
}

/// A thing that a connection is for, with what it adds to the connection's rights.
#[derive(Debug, Clone)]
pub struct ThingRecord {
    /// The thing.
    pub thing: Thing,
    /// Its groups and those they lie in.
    pub groups: Vec<GroupNumber>,
    /// The policies attached to those groups.
    pub policies: Vec<PolicyInForce>,
    /// The billing group that it is in.
    pub billing_group: Option<BillingGroupName>,
}

/// Names a group for as long as it exists; no other gets the number.
pub type GroupNumber = Number;

/// Names one document for good: a policy's generation and its version.
pub type DocumentKey = (ResourceId, PolicyVersionId);

/// A policy with the version of it that is in force.
#[derive(Debug, Clone)]
pub struct PolicyInForce {
    /// The policy.
    pub name: PolicyName,
    /// Which document.
    pub key: DocumentKey,
    /// Its JSON text, unless the caller has it.
    pub document: Option<String>,
}

impl Store {
    /// What is known of a principal; `None` when it is not registered. Blocks for a few indexed
    /// reads, so that it can be asked in the midst of a TLS handshake. Leaves out the documents
    /// that the caller says it has.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn principal_record(
        &self,
        id: &CertificateId,
        has: &dyn Fn(&DocumentKey) -> bool,
    ) -> Result<Option<PrincipalRecord>, StoreError> {
        self.readers.with(|connection| record(connection, id, has))
    }

    /// What is known of several principals at one moment, in the order of `ids`. Blocks for a few
    /// indexed reads of each.
    ///
    /// # Errors
    /// [`StoreError`] when one cannot be read.
    pub fn principal_records(
        &self,
        ids: &[CertificateId],
        has: &dyn Fn(&DocumentKey) -> bool,
    ) -> Result<Vec<Option<PrincipalRecord>>, StoreError> {
        self.readers.with(|connection| ids.iter().map(|id| record(connection, id, has)).collect())
    }

    /// The thing that a connection of this certificate under `client_id` is for: its exclusive
    /// one, or the one attached that is named so. Blocks like
    /// [`principal_record`](Self::principal_record).
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn thing_record(
        &self,
        id: &CertificateId,
        client_id: &str,
        has: &dyn Fn(&DocumentKey) -> bool,
    ) -> Result<Option<ThingRecord>, StoreError> {
        self.readers.with(|connection| {
            let name = thing_for(connection, id, client_id)?;
            thing_record(connection, name, has)
        })
    }

    /// The only thing that a certificate is attached to; `None` when there is none, or there are
    /// several. Blocks like [`principal_record`](Self::principal_record).
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn only_thing_record(
        &self,
        id: &CertificateId,
        has: &dyn Fn(&DocumentKey) -> bool,
    ) -> Result<Option<ThingRecord>, StoreError> {
        self.readers.with(|connection| {
            let name = only_thing(connection, id)?;
            thing_record(connection, name, has)
        })
    }
}

fn record(
    connection: &Connection,
    id: &CertificateId,
    has: &dyn Fn(&DocumentKey) -> bool,
) -> Result<Option<PrincipalRecord>, StoreError> {
    let Some(certificate) = certificates::find(connection, id)? else { return Ok(None) };
    let (der, vouched_for) = der_and_voucher(connection, id)?;
    Ok(Some(PrincipalRecord {
        certificate,
        der,
        vouched_for,
        policies: in_force(connection, policy_targets::attached(connection, id)?, has)?,
    }))
}

/// A certificate's DER, and whether no registered CA has a say in it.
fn der_and_voucher(
    connection: &Connection,
    id: &CertificateId,
) -> Result<(Vec<u8>, bool), StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT d.der, CASE WHEN c.issuer IS NULL THEN c.sni_only ELSE NOT EXISTS \
             (SELECT 1 FROM certificate_issuers i JOIN ca_certificates a ON a.id = i.certificate_id \
             WHERE i.number = c.issuer) END \
             FROM certificates c JOIN certificate_ders d ON d.id = c.id WHERE c.id = ?",
        )?
        .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

fn in_force(
    connection: &Connection,
    names: impl IntoIterator<Item = PolicyName>,
    has: &dyn Fn(&DocumentKey) -> bool,
) -> Result<Vec<PolicyInForce>, StoreError> {
    names.into_iter().map(|name| policy_in_force(connection, name, has)).collect()
}

fn policy_in_force(
    connection: &Connection,
    name: PolicyName,
    has: &dyn Fn(&DocumentKey) -> bool,
) -> Result<PolicyInForce, StoreError> {
    let (id, version) = connection
        .prepare_cached("SELECT policy_id, default_version FROM policies WHERE name = ?")?
        .query_row([name.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let key = (ResourceId::from_random(id), version);
    let document = if has(&key) {
        None
    } else {
        let document = connection
            .prepare_cached(
                "SELECT document FROM policy_versions WHERE policy = ? AND version = ?",
            )?
            .query_row(params![name.as_str(), version], |row| row.get(0))?;
        Some(document)
    };
    Ok(PolicyInForce { name, key, document })
}

fn thing_record(
    connection: &Connection,
    name: Option<ThingName>,
    has: &dyn Fn(&DocumentKey) -> bool,
) -> Result<Option<ThingRecord>, StoreError> {
    let Some(name) = name else { return Ok(None) };
    let Some(thing) = things::find(connection, &name)? else { return Ok(None) };
    let groups = effective_policies::groups_reaching(connection, &name)?;
    let mut names = BTreeSet::new();
    for number in &groups {
        names.extend(policy_targets::attached_to_group(connection, *number)?);
    }
    let policies = in_force(connection, names, has)?;
    let billing_group = billing_groups::of(connection, &name)?;
    let groups = groups.into_iter().collect();
    Ok(Some(ThingRecord { thing, groups, policies, billing_group }))
}

fn thing_for(
    connection: &Connection,
    id: &CertificateId,
    client_id: &str,
) -> Result<Option<ThingName>, StoreError> {
    if let Some(alone) = effective_policies::exclusive_thing(connection, id)? {
        return Ok(Some(alone));
    }
    let Ok(named) = ThingName::new(client_id) else { return Ok(None) };
    Ok(attachments::attached_as(connection, &named, id)?.map(|_| named))
}

fn only_thing(
    connection: &Connection,
    id: &CertificateId,
) -> Result<Option<ThingName>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT thing FROM thing_certificates WHERE certificate_id = ? ORDER BY thing LIMIT 2",
    )?;
    let rows = statement.query_map([id.as_bytes()], |row| row.get::<_, String>(0))?;
    let names = rows.collect::<Result<Vec<_>, _>>()?;
    match names.as_slice() {
        [only] => Ok(Some(row::thing_name(only)?)),
        _ => Ok(None),
    }
}
