//! Looking at the authorities in use: few, so all at once.

use perennial_core::{
    audit::{
        CheckName, MAX_RELATED,
        revocation::{AuthorityFacts, Revocation},
    },
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Context, Looked, certificates::active_from};
use crate::StoreError;

pub(super) fn look(
    connection: &Connection,
    check: CheckName,
    context: &Context,
) -> Result<Looked, StoreError> {
    let (now, listed) = (context.now, &context.surroundings.blocklist);
    let mut found = Vec::new();
    for authority in context.surroundings.all_authorities() {
        if check == CheckName::CaCertificateExpiring {
            found.extend(authority.expiring(now));
        } else if check == CheckName::CaCertificateKeyQuality {
            found.extend(authority.weak_key(listed));
        } else if check == CheckName::IssuerLifeTooShort {
            found.extend(authority.too_little_life(now));
        } else if let Some(revoked) = revocation(connection, authority)? {
            found.extend(match check == CheckName::RevokedCaCertificateStillActive {
                true => authority.revoked(Some(&revoked)),
                false => {
                    let issued = active_from(connection, &authority.subject_digest, MAX_RELATED)?;
                    authority.revoked_intermediate(Some(&revoked), &issued)
                }
            });
        }
    }
    Ok((found, None))
}

/// What its issuer's list says of it.
fn revocation(
    connection: &Connection,
    authority: &AuthorityFacts,
) -> Result<Option<Revocation>, StoreError> {
    let revoked_at: Option<i64> = connection
        .prepare_cached("SELECT revoked_at FROM crl_entries WHERE issuer = ? AND serial = ?")?
        .query_row(
            params![authority.issuer_digest.as_bytes(), authority.serial.as_bytes()],
            |row| row.get(0),
        )
        .optional()?;
    let serial = authority.serial.clone();
    let revoked_at = revoked_at.map(Timestamp::from_millis);
    Ok(revoked_at.map(|revoked_at| Revocation { serial, revoked_at }))
}
