//! Notices as people look at them: a list in either direction, one with its deliveries.

use perennial_core::{
    ids::NoticeId,
    notice::{Kind, Message, Notice, Occasion, Recipient},
    time::Timestamp,
};
use rusqlite::{Connection, params};

use super::{
    deliveries::{DeliveryId, LastTry, Proof},
    intake,
};
use crate::{Dated, Order, Page, Store, StoreError, events::count, page::one_more, row::from_json};

/// How many deliveries are shown of one notice: more than there are in its longest life.
const DELIVERIES: usize = 500;

/// Which notices to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoticeFilter {
    /// Only those that are open.
    pub open: bool,
    /// Only those of this kind.
    pub kind: Option<Kind>,
}

/// A notice with what was sent of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredNotice {
    /// The notice.
    pub notice: Notice,
    /// What was sent, the earliest first.
    pub deliveries: Vec<ShownDelivery>,
}

/// What became of one message to one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownDelivery {
    /// Its number.
    pub id: DeliveryId,
    /// Where to.
    pub target: String,
    /// Whom it is for.
    pub recipient: Recipient,
    /// Why it was sent.
    pub occasion: Occasion,
    /// How often it was tried.
    pub tries: u32,
    /// What became of it.
    pub status: DeliveryStatus,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// It waits for its next try.
    Pending {
        /// When that is.
        due_at: Timestamp,
        /// Why the last one failed, if there was one.
        failure: Option<String>,
    },
    /// It got through.
    Delivered {
        /// When.
        at: Timestamp,
        /// What shows it.
        proof: Proof,
    },
    /// It was given up.
    GivenUp {
        /// When.
        at: Timestamp,
        /// Why the last try failed.
        failure: String,
    },
}

impl Store {
    /// Notices that `filter` selects, by their opening, at most `limit` beyond `after`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn list_notices(
        &self,
        filter: NoticeFilter,
        order: Order,
        after: Option<Dated<NoticeId>>,
        limit: usize,
    ) -> Result<Page<Notice, Dated<NoticeId>>, StoreError> {
        self.read(move |connection| list(connection, filter, order, after, limit)).await
    }

    /// A notice, with what was sent of it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn stored_notice(&self, id: NoticeId) -> Result<StoredNotice, StoreError> {
        self.read(move |connection| {
            let notice = intake::load(connection, id)?;
            Ok(StoredNotice { notice, deliveries: deliveries(connection, id)? })
        })
        .await
    }
}

fn list(
    connection: &Connection,
    filter: NoticeFilter,
    order: Order,
    after: Option<Dated<NoticeId>>,
    limit: usize,
) -> Result<Page<Notice, Dated<NoticeId>>, StoreError> {
    let (direction, beyond) = order.sql();
    let start = match order {
        Order::Ascending => (i64::MIN, [0; 16]),
        Order::Descending => (i64::MAX, [0xff; 16]),
    };
    let (at, id) = after.map_or(start, |it| (it.at.as_millis(), *it.what.as_bytes()));
    let open = if filter.open { "AND open = 1" } else { "" };
    let kind = if filter.kind.is_some() { "AND kind = ?4" } else { "" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT notice FROM notices WHERE (opened_at, id) {beyond} (?1, ?2) {open} {kind} \
         ORDER BY opened_at {direction}, id {direction} LIMIT ?3"
    ))?;
    let mut rows = match filter.kind {
        Some(kind) => statement.query(params![at, id, one_more(limit), kind.name()])?,
        None => statement.query(params![at, id, one_more(limit)])?,
    };
    let mut found: Vec<Notice> = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from_json("notice", &row.get::<_, String>(0)?)?);
    }
    Ok(Page::cut(found, limit, |notice| Dated { at: notice.opened_at, what: notice.id }))
}

fn deliveries(connection: &Connection, id: NoticeId) -> Result<Vec<ShownDelivery>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, target, tries, due_at, message, outcome FROM notice_letters \
         WHERE notice = ? ORDER BY id LIMIT ?",
    )?;
    let mut rows = statement.query(params![id.as_bytes(), count(DELIVERIES)])?;
    let mut shown = Vec::new();
    while let Some(row) = rows.next()? {
        let message: Message = from_json("message", &row.get::<_, String>(4)?)?;
        let last: Option<LastTry> = row
            .get::<_, Option<String>>(5)?
            .map(|outcome| from_json("outcome", &outcome))
            .transpose()?;
        let due_at: Option<i64> = row.get(3)?;
        shown.push(ShownDelivery {
            id: DeliveryId(row.get(0)?),
            target: row.get(1)?,
            recipient: message.recipient,
            occasion: message.occasion,
            tries: row.get(2)?,
            status: status(due_at.map(Timestamp::from_millis), last)?,
        });
    }
    Ok(shown)
}

fn status(due_at: Option<Timestamp>, last: Option<LastTry>) -> Result<DeliveryStatus, StoreError> {
    match (due_at, last) {
        (Some(due_at), last) => {
            Ok(DeliveryStatus::Pending { due_at, failure: last.and_then(|it| it.failure) })
        }
        (None, Some(LastTry { at, proof: Some(proof), .. })) => {
            Ok(DeliveryStatus::Delivered { at, proof })
        }
        (None, Some(LastTry { at, failure: Some(failure), .. })) => {
            Ok(DeliveryStatus::GivenUp { at, failure })
        }
        (None, _) => Err(StoreError::corrupt("delivery", "ended, and nobody knows how")),
    }
}
