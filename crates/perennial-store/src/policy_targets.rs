//! What policies are attached to: certificates, and groups of things.

use std::collections::BTreeSet;

use perennial_core::{
    ids::{CertificateId, PolicyName},
    registry::{MAX_POLICIES_ATTACHED, PolicyRefused, PolicyTarget},
    time::Timestamp,
};
use rusqlite::{Connection, ToSql, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    GroupNumber, Order, Page, Store, StoreError, certificates, events, page::one_more, policies,
    row, thing_groups,
};

/// What attaching or detaching a policy did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChange {
    /// Whether the target itself changed.
    pub changed: bool,
    /// The certificates whose own policies are concerned: the target if it is one, and after it
    /// the incoming one of its open rotation.
    pub certificates: Vec<CertificateId>,
    /// The group whose policies are concerned, if the target is one.
    pub group: Option<GroupNumber>,
}

/// Where a list of a policy's targets was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetPlace {
    /// At a certificate.
    Certificate(CertificateId),
    /// At a group, which may be gone by now.
    Group(GroupNumber),
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
        self.write(move |connection| attach_to(connection, &name, &target, now)).await
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
    /// [`StoreError::NotFound`] for the policy.
    pub async fn targets_of(
        &self,
        name: PolicyName,
        after: Option<TargetPlace>,
        limit: usize,
    ) -> Result<Page<PolicyTarget, TargetPlace>, StoreError> {
        self.read(move |connection| {
            policies::existing(connection, &name)?;
            let found = targets(connection, &name, after, one_more(limit))?;
            let page = Page::cut(found, limit, |(_, place)| *place);
            page.try_map(|(target, _)| Ok(target))
        })
        .await
    }

    /// The certificates that a policy is attached to, by id, at most `limit` after `after`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the policy.
    pub async fn principals_with(
        &self,
        name: PolicyName,
        order: Order,
        after: Option<CertificateId>,
        limit: usize,
    ) -> Result<Page<CertificateId>, StoreError> {
        self.read(move |connection| {
            policies::existing(connection, &name)?;
            let found = certificates_with(connection, &name, order, after, one_more(limit))?;
            Ok(Page::cut(found, limit, |id| *id))
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
}

/// A target that exists, by what its table is keyed with.
enum Key {
    Certificate(CertificateId),
    Group(GroupNumber),
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

/// Attaches a policy to a target and to what must stay like it, and tells of it.
pub(crate) fn attach_to(
    connection: &Connection,
    name: &PolicyName,
    target: &PolicyTarget,
    now: Timestamp,
) -> Result<PolicyChange, StoreError> {
    change(connection, target, |target| {
        let new = attach(connection, name, target)?;
        if new {
            let body = json!({ "policyName": name, "target": target });
            events::append(connection, "policy.attached", &body, now)?;
        }
        Ok(new)
    })
}

/// Does `verb` to the target and to what must stay like it.
fn change(
    connection: &Connection,
    target: &PolicyTarget,
    verb: impl Fn(&PolicyTarget) -> Result<bool, StoreError>,
) -> Result<PolicyChange, StoreError> {
    let changed = verb(target)?;
    match key(connection, target)? {
        Key::Group(number) => {
            Ok(PolicyChange { changed, certificates: Vec::new(), group: Some(number) })
        }
        Key::Certificate(id) => {
            let mut certificates = vec![id];
            for incoming in incoming_of(connection, &id)? {
                verb(&PolicyTarget::Certificate(incoming))?;
                certificates.push(incoming);
            }
            Ok(PolicyChange { changed, certificates, group: None })
        }
    }
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
    number: GroupNumber,
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

fn certificates_with(
    connection: &Connection,
    name: &PolicyName,
    order: Order,
    after: Option<CertificateId>,
    limit: i64,
) -> Result<Vec<CertificateId>, StoreError> {
    let (direction, beyond) = order.sql();
    let after = match (after, order) {
        (Some(id), _) => id.as_bytes().to_vec(),
        (None, Order::Ascending) => Vec::new(),
        // Longer, so beyond every id.
        (None, Order::Descending) => vec![0xff; 33],
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT certificate_id FROM policy_targets WHERE policy = ? AND certificate_id {beyond} ? \
         ORDER BY certificate_id {direction} LIMIT ?"
    ))?;
    let rows = statement.query_map(params![name.as_str(), after, limit], |row| {
        row.get(0).map(CertificateId::from_bytes)
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn groups_with(
    connection: &Connection,
    name: &PolicyName,
    after: GroupNumber,
    limit: i64,
) -> Result<Vec<(PolicyTarget, TargetPlace)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT g.number, g.name FROM thing_group_policies p \
         CROSS JOIN thing_groups g ON g.number = p.number \
         WHERE p.policy = ? AND p.number > ? ORDER BY p.number LIMIT ?",
    )?;
    let rows = statement.query_map(params![name.as_str(), after, limit], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?))
    })?;
    rows.map(|row| {
        let (number, group) = row?;
        let target = PolicyTarget::ThingGroup(row::group_name(&group)?);
        Ok((target, TargetPlace::Group(number)))
    })
    .collect()
}

fn targets(
    connection: &Connection,
    name: &PolicyName,
    after: Option<TargetPlace>,
    limit: i64,
) -> Result<Vec<(PolicyTarget, TargetPlace)>, StoreError> {
    let after = match after {
        Some(TargetPlace::Group(number)) => return groups_with(connection, name, number, limit),
        Some(TargetPlace::Certificate(id)) => Some(id),
        None => None,
    };
    let ids = certificates_with(connection, name, Order::Ascending, after, limit)?;
    let left = limit - i64::try_from(ids.len()).unwrap_or(limit);
    let target = |id| (PolicyTarget::Certificate(id), TargetPlace::Certificate(id));
    let mut found: Vec<_> = ids.into_iter().map(target).collect();
    found.extend(groups_with(connection, name, 0, left)?);
    Ok(found)
}

pub(crate) fn attached_to(
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
