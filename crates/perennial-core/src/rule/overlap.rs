//! Whether two sets of topics, each known by a pattern, have one in common.

/// A set of topics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
    /// Begins with a wildcard of MQTT's, which does not stand for a `$`.
    spares_reserved: bool,
}

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// This character.
    Is(char),
    /// Characters other than `/`, or none.
    Level,
    /// Any characters, or none.
    Any,
    /// Nothing, or a `/` and what the [`Piece::Any`] that follows stands for: MQTT's `/#`.
    Below,
}

impl Pattern {
    /// The topics that `filter` selects.
    pub(super) fn of_filter(filter: &str) -> Self {
        let spares_reserved = filter.starts_with(['+', '#']);
        let mut pattern = Self { pieces: Vec::new(), spares_reserved };
        for (index, level) in filter.split('/').enumerate() {
            match level {
                "#" if index == 0 => pattern.push(Piece::Any),
                "#" => pattern.pieces.extend([Piece::Below, Piece::Any]),
                _ => {
                    if index > 0 {
                        pattern.push(Piece::Is('/'));
                    }
                    if level == "+" {
                        pattern.push(Piece::Level);
                    } else {
                        pattern.push_text(level);
                    }
                }
            }
        }
        pattern
    }

    pub(super) fn push(&mut self, piece: Piece) {
        self.pieces.push(piece);
    }

    pub(super) fn push_text(&mut self, text: &str) {
        self.pieces.extend(text.chars().map(Piece::Is));
    }

    /// Drops the first character where it is `c` and the next one too.
    pub(super) fn undouble_first(&mut self, c: char) {
        if self.pieces.starts_with(&[Piece::Is(c), Piece::Is(c)]) {
            self.pieces.remove(0);
        }
    }

    /// Adds what `other` stands for behind this.
    pub(super) fn append(&mut self, other: Self) {
        self.spares_reserved |= self.pieces.is_empty() && other.spares_reserved;
        self.pieces.extend(other.pieces);
    }

    /// Whether some topic is in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let reserved = |pattern: &Self| pattern.pieces.first() == Some(&Piece::Is('$'));
        if (self.spares_reserved && reserved(other)) || (other.spares_reserved && reserved(self)) {
            return false;
        }
        let width = other.pieces.len() + 1;
        let mut seen = vec![false; (self.pieces.len() + 1) * width];
        let mut pending = vec![(self.pieces.as_slice(), other.pieces.as_slice())];
        while let Some((a, b)) = pending.pop() {
            let place = (self.pieces.len() - a.len()) * width + other.pieces.len() - b.len();
            if std::mem::replace(&mut seen[place], true) {
                continue;
            }
            if a.is_empty() && b.is_empty() {
                return true;
            }
            follow(a, b, &mut pending);
            // The same with the sides exchanged.
            let mut mirrored = Vec::new();
            follow(b, a, &mut mirrored);
            pending.extend(mirrored.into_iter().map(|(b, a)| (a, b)));
        }
        false
    }
}

type Rests<'p> = (&'p [Piece], &'p [Piece]);

/// Where `a`'s first piece leads: to nothing, or along a character that `b` begins with too.
/// Where both begin with a wildcard it is enough that either ends.
fn follow<'p>(a: &'p [Piece], b: &'p [Piece], pending: &mut Vec<Rests<'p>>) {
    let Some((first, behind)) = a.split_first() else { return };
    let next = b.split_first();
    match (first, next) {
        (Piece::Is(wanted), Some((Piece::Is(found), rest))) if wanted == found => {
            pending.push((behind, rest));
        }
        (Piece::Is(_), _) => {}
        (Piece::Level, _) => {
            pending.push((behind, b));
            pending.extend(next.filter(|(piece, _)| is_in_level(piece)).map(|(_, rest)| (a, rest)));
        }
        (Piece::Any, _) => {
            pending.push((behind, b));
            let character = next.filter(|(piece, _)| matches!(piece, Piece::Is(_)));
            pending.extend(character.map(|(_, rest)| (a, rest)));
        }
        (Piece::Below, _) => {
            pending.push((behind.get(1..).unwrap_or_default(), b));
            match next {
                Some((Piece::Is('/') | Piece::Below, rest)) => pending.push((behind, rest)),
                Some((Piece::Any, _)) => pending.push((behind, b)),
                Some((Piece::Is(_) | Piece::Level, _)) | None => {}
            }
        }
    }
}

const fn is_in_level(piece: &Piece) -> bool {
    matches!(piece, Piece::Is(c) if *c != '/')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::topic;

    fn meet(a: &str, b: &str) -> bool {
        Pattern::of_filter(a).meets(&Pattern::of_filter(b))
    }

    #[test]
    fn filters_meet_where_a_topic_is_in_both() {
        for (a, b, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/+", true),
            ("+/b", "a/+", true),
            ("a/#", "a", true),
            ("a/#", "+/+/c", true),
            ("a/#", "b/#", false),
            ("a/+", "a/b/c", false),
            ("#", "$aws/x", false),
            ("$aws/#", "$aws/x", true),
            ("+", "a/#", true),
            ("a/+/c/#", "a/b/+", true),
            ("a/+/c/#", "a/b", false),
        ] {
            assert_eq!(meet(a, b), expected, "{a} {b}");
            assert_eq!(meet(b, a), expected, "{b} {a}");
        }
    }

    fn filter() -> impl Strategy<Value = String> {
        let level = prop_oneof!["[ab]", Just("+".into()), Just(String::new()), Just("$x".into())];
        (prop::collection::vec(level, 1..4), any::<bool>()).prop_map(|(mut levels, open)| {
            if open {
                levels.push("#".into());
            }
            levels.join("/")
        })
    }

    fn name() -> impl Strategy<Value = String> {
        let level = prop_oneof!["[ab]", Just(String::new()), Just("$x".into())];
        prop::collection::vec(level, 1..5).prop_map(|levels| levels.join("/"))
    }

    proptest! {
        #[test]
        fn a_filter_meets_the_topics_it_selects_and_no_others(a in filter(), topic in name()) {
            prop_assert_eq!(meet(&a, &topic), topic::matches(&a, &topic));
        }

        #[test]
        fn filters_that_select_one_topic_meet(a in filter(), b in filter(), topic in name()) {
            let both = topic::matches(&a, &topic) && topic::matches(&b, &topic);

            prop_assert!(!both || meet(&a, &b));
        }
    }
}
