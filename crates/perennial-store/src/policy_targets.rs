//! What policies are attached to, and which of them are in force for a certificate and a thing.

use std::collections::BTreeSet;

use perennial_core::{
    ids::{CertificateId, PolicyName, ThingName},
    registry::{MAX_POLICIES_ATTACHED, PolicyRefused, PolicyTarget, PrincipalType},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params};
use serde_json::json;

use crate::{
    Page, Store, StoreError, StoredPolicy, attachments, certificates, events, group_members,
    page::one_more,
    policies, row,
    thing_groups::{self, Number},
    things,
};

/// What attaching or detaching a policy did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChange {
    /// Whether the target itself changed.
    pub changed: bool,
    /// The certificates whose own policies are concerned: the target if it is one, and after it
    /// the incoming one of its open rotation.
    pub certificates: Vec<CertificateId>,
}

impl Store {
    /// Attaches a policy to a certificate or group. The incoming certificate of an open rotation
    /// gets what its outgoing one gets.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for either, [`StoreError::LimitExceeded`].
    pub async fn attach_policy(
        &self,
        name: PolicyName,
        target: PolicyTarget,
        now: Timestamp,
    ) -> Result<PolicyChange, StoreError> {
        self.write(move |connection| {
            change(connection, &target, |target| {
                let new = attach(connection, &name, target)?;
                if new {
                    let body = json!({ "policyName": name, "target": target });
                    events::append(connection, "policy.attached", &body, now)?;
                }
                Ok(new)
            })
        })
        .await
    }

    /// Detaches a policy, from the incoming certificate of an open rotation as well: what is taken
    /// from the outgoing one must not outlive it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the policy or its target.
    pub async fn detach_policy(
        &self,
        name: PolicyName,
        target: PolicyTarget,
        now: Timestamp,
    ) -> Result<PolicyChange, StoreError> {
        self.write(move |connection| {
            change(connection, &target, |target| detach(connection, &name, target, now))
        })
        .await
    }

    /// What a policy is attached to, certificates by id and then groups by their age, at most
    /// `limit` after `after`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the policy, or for `after` when it is a group that is gone.
    pub async fn targets_of(
        &self,
        name: PolicyName,
        after: Option<PolicyTarget>,
        limit: usize,
    ) -> Result<Page<PolicyTarget>, StoreError> {
        self.read(move |connection| {
            policies::existing(connection, &name)?;
            let found = targets(connection, &name, after.as_ref(), one_more(limit))?;
            Ok(Page::cut(found, limit, Clone::clone))
        })
        .await
    }

    /// The policies attached to a target, by name. With `recursive`, for a group, those of the
    /// groups it lies in as well. Never more than fit into one answer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the target.
    pub async fn attached_policies(
        &self,
        target: PolicyTarget,
        recursive: bool,
    ) -> Result<Vec<PolicyName>, StoreError> {
        self.read(move |connection| attached_to(connection, &target, recursive)).await
    }

    /// The policies in force for a connection of this certificate, for this thing, or both, by
    /// name: those of the certificate, and those of the groups of the thing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for either; [`StoreError::Invalid`] when the certificate is not
    /// attached to the thing.
    pub async fn effective_policies(
        &self,
        principal: Option<CertificateId>,
        thing: Option<ThingName>,
    ) -> Result<Vec<StoredPolicy>, StoreError> {
        self.read(move |connection| effective(connection, principal.as_ref(), thing.as_ref())).await
    }
}

/// A target that exists, by what its table is keyed with.
enum Key {
    Certificate(CertificateId),
    Group(Number),
}

fn key(connection: &Connection, target: &PolicyTarget) -> Result<Key, StoreError> {
    match target {
        PolicyTarget::Certificate(id) => {
            certificates::check_exists(connection, id)?;
            Ok(Key::Certificate(*id))
        }
        PolicyTarget::ThingGroup(name) => Ok(Key::Group(thing_groups::number(connection, name)?)),
    }
}

impl Key {
    fn attached(&self, connection: &Connection) -> Result<Vec<PolicyName>, StoreError> {
        match self {
            Self::Certificate(id) => attached(connection, id),
            Self::Group(number) => attached_to_group(connection, *number),
        }
    }

    fn execute(
        &self,
        connection: &Connection,
        [certificate, group]: [&str; 2],
        name: &PolicyName,
    ) -> Result<usize, StoreError> {
        let (sql, key): (_, &dyn ToSql) = match self {
            Self::Certificate(id) => (certificate, id.as_bytes()),
            Self::Group(number) => (group, number),
        };
        Ok(connection.prepare_cached(sql)?.execute(params![key, name.as_str()])?)
    }
}

/// Does `verb` to the target and to what must stay like it.
fn change(
    connection: &Connection,
    target: &PolicyTarget,
    verb: impl Fn(&PolicyTarget) -> Result<bool, StoreError>,
) -> Result<PolicyChange, StoreError> {
    let changed = verb(target)?;
    let PolicyTarget::Certificate(id) = target else {
        return Ok(PolicyChange { changed, certificates: Vec::new() });
    };
    let mut certificates = vec![*id];
    for incoming in incoming_of(connection, id)? {
        verb(&PolicyTarget::Certificate(incoming))?;
        certificates.push(incoming);
    }
    Ok(PolicyChange { changed, certificates })
}

/// The incoming certificates of the open rotations of an outgoing one; not those withdrawn again.
fn incoming_of(
    connection: &Connection,
    outgoing: &CertificateId,
) -> Result<Vec<CertificateId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT c.id FROM rotations r JOIN rotation_states s ON s.rotation_id = r.id \
         JOIN certificates c ON c.id = s.incoming \
         WHERE r.outgoing = ? AND s.due_at IS NOT NULL AND c.retired_at IS NULL",
    )?;
    let rows = statement.query_map([outgoing.as_bytes()], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(CertificateId::from_bytes)).collect::<Result<_, _>>()?)
}

/// Attaches; answers whether that is new.
pub(crate) fn attach(
    connection: &Connection,
    name: &PolicyName,
    target: &PolicyTarget,
) -> Result<bool, StoreError> {
    policies::existing(connection, name)?;
    let key = key(connection, target)?;
    let attached = key.attached(connection)?;
    if attached.contains(name) {
        return Ok(false);
    }
    if attached.len() >= MAX_POLICIES_ATTACHED {
        return Err(PolicyRefused::TooManyAttached.into());
    }
    let sql = [
        "INSERT INTO policy_targets (certificate_id, policy) VALUES (?, ?)",
        "INSERT INTO thing_group_policies (number, policy) VALUES (?, ?)",
    ];
    Ok(key.execute(connection, sql, name)? > 0)
}

fn detach(
    connection: &Connection,
    name: &PolicyName,
    target: &PolicyTarget,
    now: Timestamp,
) -> Result<bool, StoreError> {
    policies::existing(connection, name)?;
    let sql = [
        "DELETE FROM policy_targets WHERE certificate_id = ? AND policy = ?",
        "DELETE FROM thing_group_policies WHERE number = ? AND policy = ?",
    ];
    if key(connection, target)?.execute(connection, sql, name)? == 0 {
        return Ok(false);
    }
    let body = json!({ "policyName": name, "target": target });
    events::append(connection, "policy.detached", &body, now)?;
    Ok(true)
}

/// The policies attached to a certificate itself, by name.
pub(crate) fn attached(
    connection: &Connection,
    id: &CertificateId,
) -> Result<Vec<PolicyName>, StoreError> {
    let sql = "SELECT policy FROM policy_targets WHERE certificate_id = ? ORDER BY policy";
    names(connection, sql, id.as_bytes())
}

pub(crate) fn attached_to_group(
    connection: &Connection,
    number: Number,
) -> Result<Vec<PolicyName>, StoreError> {
    let sql = "SELECT policy FROM thing_group_policies WHERE number = ? ORDER BY policy";
    names(connection, sql, &number)
}

fn names(
    connection: &Connection,
    sql: &str,
    key: &dyn ToSql,
) -> Result<Vec<PolicyName>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([key], |row| row.get::<_, String>(0))?;
    rows.map(|name| row::policy_name(&name?)).collect()
}

fn targets(
    connection: &Connection,
    name: &PolicyName,
    after: Option<&PolicyTarget>,
    limit: i64,
) -> Result<Vec<PolicyTarget>, StoreError> {
    let (after_id, after_group) = match after {
        None => (Some(Vec::new()), 0),
        Some(PolicyTarget::Certificate(id)) => (Some(id.as_bytes().to_vec()), 0),
        Some(PolicyTarget::ThingGroup(group)) => (None, thing_groups::number(connection, group)?),
    };
    let mut found = Vec::new();
    if let Some(after) = after_id {
        let mut statement = connection.prepare_cached(
            "SELECT certificate_id FROM policy_targets WHERE policy = ? AND certificate_id > ? \
             ORDER BY certificate_id LIMIT ?",
        )?;
        let rows = statement.query_map(params![name.as_str(), after, limit], |row| {
            Ok(PolicyTarget::Certificate(CertificateId::from_bytes(row.get(0)?)))
        })?;
        found = rows.collect::<Result<_, _>>()?;
    }
    let mut statement = connection.prepare_cached(
        "SELECT g.name FROM thing_group_policies p \
         CROSS JOIN thing_groups g ON g.number = p.number \
         WHERE p.policy = ? AND p.number > ? ORDER BY p.number LIMIT ?",
    )?;
    let left = limit - i64::try_from(found.len()).unwrap_or(limit);
    let rows = statement
        .query_map(params![name.as_str(), after_group, left], |row| row.get::<_, String>(0))?;
    for group in rows {
        found.push(PolicyTarget::ThingGroup(row::group_name(&group?)?));
    }
    Ok(found)
}

fn attached_to(
    connection: &Connection,
    target: &PolicyTarget,
    recursive: bool,
) -> Result<Vec<PolicyName>, StoreError> {
    match key(connection, target)? {
        Key::Group(number) if recursive => {
            let mut all = BTreeSet::new();
            for (number, _) in thing_groups::path(connection, number)? {
                all.extend(attached_to_group(connection, number)?);
            }
            Ok(all.into_iter().collect())
        }
        key @ (Key::Certificate(_) | Key::Group(_)) => key.attached(connection),
    }
}

/// A thing's groups and those they lie in, each once.
pub(crate) fn groups_reaching(
    connection: &Connection,
    thing: &ThingName,
) -> Result<BTreeSet<Number>, StoreError> {
    let mut all = BTreeSet::new();
    for (number, _) in group_members::groups_of(connection, thing)? {
        all.extend(thing_groups::path(connection, number)?.into_iter().map(|(number, _)| number));
    }
    Ok(all)
}

fn effective(
    connection: &Connection,
    principal: Option<&CertificateId>,
    thing: Option<&ThingName>,
) -> Result<Vec<StoredPolicy>, StoreError> {
    let mut all = BTreeSet::new();
    let mut thing = thing.cloned();
    if let Some(thing) = &thing {
        things::existing(connection, thing)?;
    }
    if let Some(id) = principal {
        certificates::check_exists(connection, id)?;
        all.extend(attached(connection, id)?);
        match &thing {
            Some(thing) if attachments::attached_as(connection, thing, id)?.is_none() => {
                let why = format!("certificate {id} is not attached to thing {thing}");
                return Err(StoreError::Invalid(why));
            }
            Some(_) => {}
            None => thing = exclusive_thing(connection, id)?,
        }
    }
    if let Some(thing) = &thing {
        for number in groups_reaching(connection, thing)? {
            all.extend(attached_to_group(connection, number)?);
        }
    }
    all.iter().map(|name| policies::existing(connection, name)).collect()
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
