//! Who depends on what a finding is about, and would be cut off by a remedy.

use perennial_core::{audit::HeldBy, ids::CertificateId};
use rusqlite::{Connection, params};

use crate::{StoreError, registry};

/// The certificate's things, each with whether another ACTIVE certificate of it is proven: a
/// device was connected with it, or a rotation ended with it.
pub(super) fn of_certificate(
    connection: &Connection,
    id: &CertificateId,
) -> Result<HeldBy, StoreError> {
    let mut held = HeldBy::default();
    for thing in registry::things_of(connection, id)? {
        let mut has_other = false;
        for other in registry::active_of(connection, &thing)? {
            let other_id = other.certificate_id;
            has_other |= other_id != *id && is_proven(connection, &other_id, thing.as_str())?;
        }
        held.things.push((thing, has_other));
    }
    Ok(held)
}

fn is_proven(connection: &Connection, id: &CertificateId, thing: &str) -> Result<bool, StoreError> {
    let connected = connection
        .prepare_cached("SELECT 1 FROM connections WHERE certificate_id = ?")?
        .exists([id.as_bytes()])?;
    if connected {
        return Ok(true);
    }
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM rotations r JOIN rotation_states s ON s.rotation_id = r.id \
             WHERE r.thing = ? AND s.incoming = ? AND s.due_at IS NULL \
             AND json_extract(s.state, '$.state') = 'rotated'",
        )?
        .exists(params![thing, id.as_bytes()])?)
}

/// Whether the policy is that of an ACTIVE certificate, or of a group with a thing that has one.
pub(super) fn of_policy(connection: &Connection, policy: &str) -> Result<HeldBy, StoreError> {
    let holds = |sql: &str| -> Result<bool, StoreError> {
        Ok(connection.prepare_cached(sql)?.exists([policy])?)
    };
    let policy_in_use = holds(
        "SELECT 1 FROM policy_targets t CROSS JOIN certificates c ON c.id = t.certificate_id \
         WHERE t.policy = ? AND c.status = 1",
    )? || holds(
        "SELECT 1 FROM thing_group_policies p \
         CROSS JOIN thing_group_reach r ON r.ancestor = p.number \
         CROSS JOIN thing_certificates t ON t.thing = r.thing \
         CROSS JOIN certificates c ON c.id = t.certificate_id \
         WHERE p.policy = ? AND c.status = 1",
    )?;
    Ok(HeldBy { policy_in_use, ..HeldBy::default() })
}
