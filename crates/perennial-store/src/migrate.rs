//! Migrations: numbered files, each applied in one transaction, never changed once released.

use rusqlite::Connection;

use crate::OpenError;

/// The schema's steps, in order; the database remembers how many were applied.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_init.sql"),
    include_str!("../migrations/0002_history_in_order.sql"),
    include_str!("../migrations/0003_narrow_steps.sql"),
    include_str!("../migrations/0004_registry.sql"),
    include_str!("../migrations/0005_access_keys.sql"),
    include_str!("../migrations/0006_audits.sql"),
    include_str!("../migrations/0007_enrolments.sql"),
    include_str!("../migrations/0008_issuers_stay.sql"),
    include_str!("../migrations/0009_event_configurations.sql"),
    include_str!("../migrations/0010_logging.sql"),
    include_str!("../migrations/0011_notice_topics.sql"),
    include_str!("../migrations/0012_search.sql"),
    include_str!("../migrations/0013_topic_rules.sql"),
    include_str!("../migrations/0014_notices.sql"),
    include_str!("../migrations/0015_failing_subscriptions.sql"),
    include_str!("../migrations/0016_withdrawn.sql"),
    include_str!("../migrations/0017_request_tokens.sql"),
    include_str!("../migrations/0018_billing_groups.sql"),
    include_str!("../migrations/0019_relays.sql"),
    include_str!("../migrations/0020_unfinished.sql"),
];

/// Brings the schema up to what this version knows.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let known = MIGRATIONS.len();
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        let applied = u32::try_from(number + 1).unwrap_or(u32::MAX);
        transaction.pragma_update(None, "user_version", applied)?;
        transaction.commit()?;
    }
    Ok(())
}
