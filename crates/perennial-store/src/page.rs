//! Pages: a piece of a list, and where the next one begins.

use std::{fmt, str::FromStr};

use perennial_core::time::Timestamp;

use crate::events::count;

/// A piece of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, P = T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// The place of the last one, to be given for the next page; `None` at the list's end.
    pub next: Option<P>,
}

/// A place in a list by time: when something was made, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated<T> {
    /// When it was made.
    pub at: Timestamp,
    /// Which it is.
    pub what: T,
}

impl<T: fmt::Display> fmt::Display for Dated<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.at.as_millis(), self.what)
    }
}

/// A text that is no place of a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a place of a list")]
pub struct NoPlace;

impl<T: FromStr> FromStr for Dated<T> {
    type Err = NoPlace;
    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (at, what) = text.split_once('/').ok_or(NoPlace)?;
        let at = at.parse().map(Timestamp::from_millis).map_err(|_| NoPlace)?;
        Ok(Self { at, what: what.parse().map_err(|_| NoPlace)? })
    }
}

/// In which direction a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// From the earliest, or from A.
    Ascending,
    /// From the latest, or from Z: AWS IoT's order unless it is told otherwise.
    #[default]
    Descending,
}

impl Order {
    /// SQL for the direction, and for what lies beyond a place in it.
    pub(crate) const fn sql(self) -> (&'static str, &'static str) {
        match self {
            Self::Ascending => ("ASC", ">"),
            Self::Descending => ("DESC", "<"),
        }
    }
}

/// How many rows to read so that it shows whether there are more than `limit`.
pub(crate) fn one_more(limit: usize) -> i64 {
    count(limit).saturating_add(1)
}

impl<T, P> Page<T, P> {
    /// The page of at most `limit` of these, which are [`one_more`] where there are more.
    pub(crate) fn cut(mut items: Vec<T>, limit: usize, place: impl Fn(&T) -> P) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(place) } else { None };
        Self { items, next }
    }

    /// The same page of something that each item becomes.
    pub(crate) fn try_map<U, E>(
        self,
        each: impl FnMut(T) -> Result<U, E>,
    ) -> Result<Page<U, P>, E> {
        let items = self.items.into_iter().map(each).collect::<Result<_, E>>()?;
        Ok(Page { items, next: self.next })
    }
}
