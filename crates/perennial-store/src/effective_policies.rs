//! Which policies are in force for a certificate, a group or a thing.

use std::collections::BTreeSet;

use perennial_core::{
    ids::{CertificateId, ThingName},
    registry::{PolicyTarget, PrincipalType},
};
use rusqlite::{Connection, OptionalExtension as _};

use crate::{
    GroupNumber, Store, StoreError, StoredPolicy, attachments, group_members, policies,
    policy_targets, row, thing_groups, things,
};

impl Store {
    /// The policies in force for a principal, for a thing, or for both, by name: those of the
    /// certificate or group and of the groups it lies in, and those of the groups of the thing.
    /// Without a thing a certificate's exclusive one counts.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for either; [`StoreError::Invalid`] when the certificate is not
    /// attached to the thing.
    pub async fn effective_policies(
        &self,
        principal: Option<PolicyTarget>,
        thing: Option<ThingName>,
    ) -> Result<Vec<StoredPolicy>, StoreError> {
        self.read(move |connection| effective(connection, principal.as_ref(), thing.as_ref())).await
    }
}

/// A thing's groups and those they lie in, each once.
pub(crate) fn groups_reaching(
    connection: &Connection,
    thing: &ThingName,
) -> Result<BTreeSet<GroupNumber>, StoreError> {
    let mut all = BTreeSet::new();
    for (number, _) in group_members::groups_of(connection, thing)? {
        all.extend(thing_groups::path(connection, number)?.into_iter().map(|(number, _)| number));
    }
    Ok(all)
}

fn effective(
    connection: &Connection,
    principal: Option<&PolicyTarget>,
    thing: Option<&ThingName>,
) -> Result<Vec<StoredPolicy>, StoreError> {
    let mut all = BTreeSet::new();
    let mut thing = thing.cloned();
    if let Some(thing) = &thing {
        things::existing(connection, thing)?;
    }
    if let Some(principal) = principal {
        all.extend(policy_targets::attached_to(connection, principal, true)?);
    }
    if let Some(PolicyTarget::Certificate(id)) = principal {
        thing = thing_of(connection, id, thing)?;
    }
    if let Some(thing) = &thing {
        for number in groups_reaching(connection, thing)? {
            all.extend(policy_targets::attached_to_group(connection, number)?);
        }
    }
    all.iter().map(|name| policies::existing(connection, name)).collect()
}

/// The thing that counts for a certificate: the one that was named, or its exclusive one.
fn thing_of(
    connection: &Connection,
    id: &CertificateId,
    named: Option<ThingName>,
) -> Result<Option<ThingName>, StoreError> {
    let Some(thing) = named else { return exclusive_thing(connection, id) };
    if attachments::attached_as(connection, &thing, id)?.is_none() {
        let why = format!("certificate {id} is not attached to thing {thing}");
        return Err(StoreError::Invalid(why));
    }
    Ok(Some(thing))
}

/// The thing that a certificate belongs to alone, if it does.
pub(crate) fn exclusive_thing(
    connection: &Connection,
    id: &CertificateId,
) -> Result<Option<ThingName>, StoreError> {
    let found: Option<(String, bool)> = connection
        .prepare_cached(
            "SELECT thing, exclusive FROM thing_certificates WHERE certificate_id = ? LIMIT 1",
        )?
        .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        Some((thing, exclusive))
            if row::principal_type(exclusive) == PrincipalType::ExclusiveThing =>
        {
            Ok(Some(row::thing_name(&thing)?))
        }
        Some(_) | None => Ok(None),
    }
}
