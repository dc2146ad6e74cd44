//! Signed links: whoever has one may acknowledge one notice, until it ends.
//!
//! What follows links by itself (scanners of mail, previews of chat) only ever asks with GET, and that
//! shows a page. The button on it posts, and that acknowledges.

use std::{
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::hmac;
use perennial_core::{ids::NoticeId, time::Timestamp};

/// What the path of a link begins with.
const PATH: &str = "/acknowledge/";
/// The path of a link, with the notice's id.
pub(crate) const ROUTE: &str = "/acknowledge/{notice_id}";
/// What is signed begins with this, so that the key signs nothing else by mistake.
const CONTEXT: &[u8] = b"perennial/acknowledge/v1\0";

/// Makes and checks links. Cheap to clone.
#[derive(Clone)]
pub struct Links {
    key: Arc<hmac::Key>,
    base: Arc<str>,
    valid_for: Duration,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Links {
    /// Links below the URL `base`, signed with `secret`, each good for `valid_for`.
    pub fn new(secret: &[u8; 32], base: &str, valid_for: Duration) -> Self {
        let key = Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret));
        Self { key, base: base.trim_end_matches('/').into(), valid_for }
    }

    /// The link with which a notice can be acknowledged from now on.
    pub fn of(&self, notice: NoticeId, now: Timestamp) -> String {
        // Whole seconds are what it says.
        let until = (now + self.valid_for).as_secs();
        let signature = hmac::sign(&self.key, &signed(notice, until));
        let signature = hex::encode(signature);
        let mut link = format!("{}{PATH}{notice}?until={until}", self.base);
        let _ = write!(link, "&signature={signature}");
        link
    }

    /// Whether a link with this end and signature may acknowledge the notice now.
    pub(crate) fn check(
        &self,
        notice: NoticeId,
        until: i64,
        signature: &str,
        now: Timestamp,
    ) -> Result<(), BadLink> {
        let signature = hex::decode(signature).map_err(|_| BadLink::Forged)?;
        hmac::verify(&self.key, &signed(notice, until), &signature).map_err(|_| BadLink::Forged)?;
        if now > Timestamp::from_secs(until) { Err(BadLink::Ended) } else { Ok(()) }
    }
}

/// Why a link does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadLink {
    /// It was not made here, or not for this.
    #[error(
        "This link was not made by this server, or was changed: take it from the message again."
    )]
    Forged,
    /// Its time is over.
    #[error(
        "This link has ended: take it from a later message, or use `perennial notice acknowledge`."
    )]
    Ended,
}

fn signed(notice: NoticeId, until: i64) -> Vec<u8> {
    [CONTEXT, notice.as_bytes(), &until.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const NOTICE: NoticeId = NoticeId::from_bytes([1; 16]);

    fn links(secret: u8) -> Links {
        Links::new(&[secret; 32], "https://example.com:8443/", Duration::from_secs(60))
    }

    /// The end and the signature of a link.
    fn parts(link: &str) -> (i64, &str) {
        let (_, query) = link.split_once("?until=").unwrap();
        let (until, signature) = query.split_once("&signature=").unwrap();
        (until.parse().unwrap(), signature)
    }

    #[test]
    fn a_link_is_good_for_its_notice_until_its_end() {
        let links = links(7);
        let link = links.of(NOTICE, NOW);

        let (until, signature) = parts(&link);

        assert!(link.starts_with(&format!("https://example.com:8443/acknowledge/{NOTICE}?")));
        let end = NOW + Duration::from_secs(60);
        assert_eq!(links.check(NOTICE, until, signature, end), Ok(()));
        let later = end + Duration::from_millis(1);
        assert_eq!(links.check(NOTICE, until, signature, later), Err(BadLink::Ended));
    }

    #[test]
    fn nothing_of_a_link_can_be_changed() {
        let link = links(7).of(NOTICE, NOW);
        let (until, signature) = parts(&link);
        let other = NoticeId::from_bytes([2; 16]);
        let mut flipped = signature.to_owned();
        flipped.replace_range(..1, if signature.starts_with('0') { "1" } else { "0" });

        for (links, notice, until, signature) in [
            (links(7), other, until, signature),
            (links(7), NOTICE, until + 1, signature),
            (links(7), NOTICE, until, flipped.as_str()),
            (links(7), NOTICE, until, ""),
            (links(7), NOTICE, until, "zz"),
            (links(8), NOTICE, until, signature),
        ] {
            let checked = links.check(notice, until, signature, NOW);
            assert_eq!(checked, Err(BadLink::Forged), "{notice} {until} {signature}");
        }
    }
}
