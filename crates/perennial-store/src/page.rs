//! Pages: a piece of a list, and where the next one begins.

use crate::events::count;

/// A piece of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, P = T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// The place of the last one, to be given for the next page; `None` at the list's end.
    pub next: Option<P>,
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
}
