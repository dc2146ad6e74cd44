//! Dead letters: what rules' actions could not deliver, kept to be seen and tried again.

use std::{collections::BTreeSet, time::Duration};

use perennial_core::{ids::RuleName, rule::action::Delivery, time::Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    Page, Store, StoreError, events,
    page::one_more,
    row::{from_json, to_json},
};

/// How many dead letters of a rule are kept: the latest.
pub const MAX_DEAD_LETTERS: usize = 1000;
/// How long a dead letter is kept.
pub const DEAD_LETTER_FOR: Duration = Duration::from_secs(14 * 24 * 3600);

/// How many deliveries of a rule are kept that a stop cut short: more than its queues hold.
pub const MAX_UNFINISHED: usize = 25_000;

const COLUMNS: &str = "id, rule, topic, client_id, reason, delivery, died_at, unfinished";

/// What could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The rule.
    pub rule: RuleName,
    /// The topic of the message that it is of.
    pub topic: String,
    /// Who sent that message.
    pub client_id: Option<String>,
    /// Why it was given up.
    pub reason: String,
    /// All that it takes to deliver it.
    pub delivery: Delivery,
    /// When it was given up.
    pub died_at: Timestamp,
    /// Whether it was not given up yet when the server stopped: it is tried again at the next start,
    /// and makes room for no other.
    pub unfinished: bool,
}

impl Store {
    /// Keeps dead letters; of each rule the oldest make room.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be written.
    pub async fn bury(&self, letters: Vec<DeadLetter>) -> Result<(), StoreError> {
        self.write(move |connection| {
            let rules: BTreeSet<&RuleName> = letters.iter().map(|it| &it.rule).collect();
            for letter in &letters {
                insert(connection, letter)?;
            }
            rules.into_iter().try_for_each(|rule| make_room(connection, rule))
        })
        .await
    }

    /// What the last stop left, with an id above `after`, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn unfinished_letters(
        &self,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<(i64, DeadLetter), i64>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM dead_letters WHERE unfinished = 1 AND id > ? ORDER BY id LIMIT ?"
            ))?;
            let mut rows = statement.query(params![after.unwrap_or(0), one_more(limit)])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(row)?);
            }
            Ok(Page::cut(found, limit, |(id, _)| *id))
        })
        .await
    }

    /// What the last stop left is given up now, and is a dead letter like others.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn finish_dead_letter(
        &self,
        id: i64,
        reason: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let rule: Option<String> = connection
                .prepare_cached(
                    "UPDATE dead_letters SET unfinished = 0, reason = ?, died_at = ? \
                     WHERE id = ? RETURNING rule",
                )?
                .query_row(params![reason, now.as_millis(), id], |row| row.get(0))
                .optional()?;
            rule.map_or(Ok(()), |rule| make_room(connection, &rule_name(&rule)?))
        })
        .await
    }

    /// Dead letters with an id above `after`, of one rule or of all, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn dead_letters(
        &self,
        rule: Option<RuleName>,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<(i64, DeadLetter), i64>, StoreError> {
        self.read(move |connection| {
            let (after, limit_sql) = (after.unwrap_or(0), one_more(limit));
            let of_rule = rule.as_ref().map_or("", |_| "rule = ?3 AND");
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM dead_letters WHERE {of_rule} id > ?1 ORDER BY id LIMIT ?2"
            ))?;
            let mut rows = match &rule {
                Some(rule) => statement.query(params![after, limit_sql, rule.as_str()])?,
                None => statement.query(params![after, limit_sql])?,
            };
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(row)?);
            }
            Ok(Page::cut(found, limit, |(id, _)| *id))
        })
        .await
    }

    /// A dead letter.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn dead_letter(&self, id: i64) -> Result<DeadLetter, StoreError> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM dead_letters WHERE id = ?"))?;
            let mut rows = statement.query([id])?;
            let found = rows.next()?.map(read).transpose()?;
            found.map(|(_, letter)| letter).ok_or_else(|| StoreError::not_found("dead letter", id))
        })
        .await
    }

    /// Forgets dead letters, which were delivered after all or are not wanted; answers how many
    /// there were.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn forget_dead_letters(&self, ids: Vec<i64>) -> Result<usize, StoreError> {
        self.write(move |connection| {
            let mut delete = connection.prepare_cached("DELETE FROM dead_letters WHERE id = ?")?;
            let mut forgotten = 0;
            for id in ids {
                forgotten += delete.execute([id])?;
            }
            Ok(forgotten)
        })
        .await
    }

    /// Forgets up to `most` dead letters that are older than [`DEAD_LETTER_FOR`].
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn sweep_dead_letters(&self, most: usize, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "DELETE FROM dead_letters WHERE died_at < ?1 AND id IN \
                     (SELECT id FROM dead_letters WHERE id > 0 ORDER BY id LIMIT ?2)",
                )?
                .execute(params![(now - DEAD_LETTER_FOR).as_millis(), events::count(most)])?;
            Ok(())
        })
        .await
    }
}

fn insert(connection: &Connection, letter: &DeadLetter) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO dead_letters (rule, topic, client_id, reason, delivery, died_at, unfinished) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            letter.rule.as_str(),
            letter.topic,
            letter.client_id,
            letter.reason,
            to_json("delivery", &letter.delivery)?,
            letter.died_at.as_millis(),
            letter.unfinished
        ])?;
    Ok(())
}

/// Deletes all but the latest of a rule: of those that were given up, and of those that were not.
fn make_room(connection: &Connection, rule: &RuleName) -> Result<(), StoreError> {
    for (sql, most) in [
        (
            "DELETE FROM dead_letters WHERE rule = ?1 AND unfinished = 0 AND id <= \
             (SELECT id FROM dead_letters WHERE rule = ?1 AND unfinished = 0 \
             ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            MAX_DEAD_LETTERS,
        ),
        (
            "DELETE FROM dead_letters WHERE rule = ?1 AND unfinished = 1 AND id <= \
             (SELECT id FROM dead_letters WHERE rule = ?1 AND unfinished = 1 \
             ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            MAX_UNFINISHED,
        ),
    ] {
        connection.prepare_cached(sql)?.execute(params![rule.as_str(), events::count(most)])?;
    }
    Ok(())
}

fn rule_name(text: &str) -> Result<RuleName, StoreError> {
    RuleName::new(text).map_err(|error| StoreError::corrupt("rule name", error))
}

fn read(row: &Row<'_>) -> Result<(i64, DeadLetter), StoreError> {
    let rule: String = row.get(1)?;
    let letter = DeadLetter {
        rule: rule_name(&rule)?,
        topic: row.get(2)?,
        client_id: row.get(3)?,
        reason: row.get(4)?,
        delivery: from_json("delivery", &row.get::<_, String>(5)?)?,
        died_at: Timestamp::from_millis(row.get(6)?),
        unfinished: row.get(7)?,
    };
    Ok((row.get(0)?, letter))
}
