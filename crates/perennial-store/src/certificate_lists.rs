//! Lists of certificates: by id, by the time they were registered, and by their issuer.

use perennial_core::{certificate::Certificate, ids::CertificateId, registry::CertificateMode};
use rusqlite::{Connection, params};

use crate::{
    Dated, Order, Page, Store, StoreError,
    events::count,
    issuers,
    page::one_more,
    row::{self, CERTIFICATE},
};

/// Where a list of certificates by their registration was left.
pub type CertificatePlace = Dated<CertificateId>;

impl Store {
    /// Certificates whose id is above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn certificates(
        &self,
        after: Option<CertificateId>,
        limit: usize,
    ) -> Result<Vec<Certificate>, StoreError> {
        self.read(move |connection| {
            let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {CERTIFICATE} FROM certificates WHERE id > ? ORDER BY id LIMIT ?"
            ))?;
            let mut rows = statement.query(params![after, count(limit)])?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                page.push(row::certificate(row)?);
            }
            Ok(page)
        })
        .await
    }

    /// Certificates by the time they were registered, at most `limit` after the place `after`;
    /// only those of `issuer`, if it is given, which need not be registered any more.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn list_certificates(
        &self,
        issuer: Option<CertificateId>,
        order: Order,
        after: Option<CertificatePlace>,
        limit: usize,
    ) -> Result<Page<(Certificate, CertificateMode), CertificatePlace>, StoreError> {
        self.read(move |connection| list(connection, issuer, order, after, limit)).await
    }
}

fn list(
    connection: &Connection,
    issuer: Option<CertificateId>,
    order: Order,
    after: Option<CertificatePlace>,
    limit: usize,
) -> Result<Page<(Certificate, CertificateMode), CertificatePlace>, StoreError> {
    let number: Option<Option<i64>> =
        issuer.map(|id| issuers::find(connection, &id)).transpose()?;
    if number == Some(None) {
        return Ok(Page { items: Vec::new(), next: None });
    }
    let whose = if number.is_some() { "issuer = ?1" } else { "?1 IS NULL" };
    let (direction, beyond) = order.sql();
    let (at, id) = match (after, order) {
        (Some(place), _) => (place.at.as_millis(), place.what.as_bytes().to_vec()),
        (None, Order::Ascending) => (i64::MIN, Vec::new()),
        (None, Order::Descending) => (i64::MAX, Vec::new()),
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CERTIFICATE}, sni_only FROM certificates \
         WHERE {whose} AND (created_at, id) {beyond} (?2, ?3) \
         ORDER BY created_at {direction}, id {direction} LIMIT ?4"
    ))?;
    let mut rows = statement.query(params![number.flatten(), at, id, one_more(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row::certificate(row)?, row::mode(row.get(5)?)));
    }
    Ok(Page::cut(found, limit, |(it, _)| Dated { at: it.created_at, what: it.certificate_id }))
}
