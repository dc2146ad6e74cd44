//! Pages of lists: how long they are, and the token that says where the next one begins.
//!
//! A token is opaque to its holder and checks itself: it names the list it belongs to and carries
//! a digest, so that one of another list, or one that was changed, is refused. It holds a place
//! and no right: what may be listed is decided for each request anew.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::ApiError;

/// The most items of a page; AWS's `PageSize` and `MaxResults`.
const MAX_ITEMS: u32 = 250;
/// Items of a page when nothing is asked for.
const USUAL_ITEMS: u32 = 25;

/// The longest token accepted: AWS's `Marker` has 1024, but a suppression's place names a resource.
const MAX_TOKEN: usize = 8192;
/// The octets of a token's digest.
const DIGEST_LEN: usize = 8;

/// The query of a list that has no other members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Paged {
    pub(crate) max_results: Option<u32>,
    pub(crate) next_token: Option<String>,
}

/// How many items a page should have, from the member `name`.
pub(crate) fn limit(asked: Option<u32>, name: &str) -> Result<usize, ApiError> {
    let items = asked.unwrap_or(USUAL_ITEMS);
    if !(1..=MAX_ITEMS).contains(&items) {
        let message = format!("{name}: {items} is not between 1 and {MAX_ITEMS}");
        return Err(ApiError::invalid(message));
    }
    Ok(items as usize)
}

/// The token for what comes after `place` in `list`: an operation's name, with its filters if it
/// has any.
pub(crate) fn token(list: &str, place: &impl ToString) -> String {
    let place = place.to_string();
    let mut octets = seal(list, &place).to_vec();
    octets.extend_from_slice(place.as_bytes());
    STANDARD.encode(octets)
}

/// The place that a token of `list` names, if there is a token.
pub(crate) fn place<T: std::str::FromStr>(
    list: &str,
    token: Option<&str>,
) -> Result<Option<T>, ApiError> {
    let Some(token) = token else { return Ok(None) };
    let invalid = || ApiError::invalid("The token is not one of this list: begin without one");
    if token.len() > MAX_TOKEN {
        return Err(invalid());
    }
    let octets = STANDARD.decode(token).map_err(|_| invalid())?;
    let (sealed, place) = octets.split_at_checked(DIGEST_LEN).ok_or_else(invalid)?;
    let place = str::from_utf8(place).map_err(|_| invalid())?;
    if sealed != seal(list, place) {
        return Err(invalid());
    }
    place.parse().map(Some).map_err(|_| invalid())
}

/// A place of several parts, which a token carries as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts<T>(pub(crate) T);

impl<T: Serialize> fmt::Display for Parts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).map_err(|_| fmt::Error)?)
    }
}

impl<T: DeserializeOwned> FromStr for Parts<T> {
    type Err = serde_json::Error;
    fn from_str(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }
}

/// Makes a page of items of which one more was asked for than `limit`; answers the token for what
/// comes after the page, if there is more.
pub(crate) fn cut<T, P: ToString>(
    items: &mut Vec<T>,
    limit: usize,
    list: &str,
    place: impl FnOnce(&T) -> P,
) -> Option<String> {
    let more = items.len() > limit;
    items.truncate(limit);
    items.last().filter(|_| more).map(|last| token(list, &place(last)))
}

fn seal(list: &str, place: &str) -> [u8; DIGEST_LEN] {
    let whole = digest(&SHA256, format!("{list}\0{place}").as_bytes());
    let mut sealed = [0; DIGEST_LEN];
    for (to, from) in sealed.iter_mut().zip(whole.as_ref()) {
        *to = *from;
    }
    sealed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_in_its_own_list_only() {
        let token = token("ListThings", &"pump-1");

        assert_eq!(place("ListThings", Some(&token)), Ok(Some("pump-1".to_owned())));
        assert!(place::<String>("ListPolicies", Some(&token)).is_err());
        assert_eq!(place::<String>("ListThings", None), Ok(None));
    }

    #[test]
    fn a_place_may_have_parts() {
        let token = token("ListAuditTasks", &Parts((7, "a\"b".to_owned())));

        let read = place("ListAuditTasks", Some(&token));

        assert_eq!(read, Ok(Some(Parts((7, "a\"b".to_owned())))));
    }

    #[test]
    fn a_page_is_cut_where_the_next_begins() {
        let (mut whole, mut longer) = (vec![1, 2], vec![1, 2, 3]);

        let end = cut(&mut whole, 2, "L", |item| *item);
        let next = cut(&mut longer, 2, "L", |item| *item);

        assert_eq!((whole, end), (vec![1, 2], None));
        assert_eq!((longer, next), (vec![1, 2], Some(token("L", &2))));
    }

    #[test]
    fn a_token_that_was_changed_or_made_up_is_refused() {
        let mut changed = STANDARD.decode(token("ListThings", &"pump-1")).unwrap();
        changed[9] ^= 1;
        let made_up = ["", "AAAA", "not base64!", &"A".repeat(9000), &STANDARD.encode(changed)];

        for token in made_up {
            assert!(place::<String>("ListThings", Some(token)).is_err(), "{token}");
        }
    }

    #[test]
    fn a_page_has_1_to_250_items() {
        assert_eq!(limit(None, "pageSize"), Ok(25));
        assert_eq!(limit(Some(250), "pageSize"), Ok(250));
        for bad in [0, 251, u32::MAX] {
            assert!(limit(Some(bad), "pageSize").is_err());
        }
    }
}
