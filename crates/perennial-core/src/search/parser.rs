//! From words and signs to a query. What has no operator between it is joined by AND.

use std::str::FromStr;

use super::{
    Bound, Field, Pattern, Query, QueryError, Term, Test, Wrong,
    lexer::{Kind, Letter, Token, tokens},
    query::{MAX_LENGTH, MAX_TERMS},
};

/// The most groups within groups.
const MAX_DEPTH: usize = 16;

impl FromStr for Query {
    type Err = QueryError;
    fn from_str(text: &str) -> Result<Self, QueryError> {
        parse(text)
    }
}

fn parse(text: &str) -> Result<Query, QueryError> {
    let length = text.chars().count();
    if length > MAX_LENGTH {
        return Err(QueryError { at: MAX_LENGTH + 1, wrong: Wrong::TooLong });
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, end: length + 1, terms: 0, depth: 0 };
    let query = parser.any_of(None)?;
    match parser.peek() {
        None => Ok(query),
        Some(_) => Err(parser.expected("AND, OR, a term, or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    terms: usize,
    depth: usize,
}

type Parsed<T = Query> = Result<T, QueryError>;

impl Parser {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |token| token.at)
    }

    fn wrong(&self, wrong: Wrong) -> QueryError {
        QueryError { at: self.at(), wrong }
    }

    fn expected(&self, what: &'static str) -> QueryError {
        self.wrong(Wrong::Expected(what))
    }

    /// Goes on if the next is this.
    fn took(&mut self, is: impl Fn(&Kind) -> bool) -> bool {
        let taken = self.peek().is_some_and(is);
        self.next += usize::from(taken);
        taken
    }

    /// Goes one group, or one NOT, deeper.
    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth == MAX_DEPTH {
            return Err(self.wrong(Wrong::TooDeep));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// Alternatives; terms without a field of their own are of `field`.
    fn any_of(&mut self, field: Option<&Field>) -> Parsed {
        let mut all = vec![self.all_of(field)?];
        while self.took(|kind| kind.is("OR")) {
            all.push(self.all_of(field)?);
        }
        Ok(joined(all, Query::Or))
    }

    fn all_of(&mut self, field: Option<&Field>) -> Parsed {
        let mut all = vec![self.one(field)?];
        loop {
            if self.took(|kind| kind.is("AND")) {
                all.push(self.one(field)?);
                continue;
            }
            match self.peek() {
                None | Some(Kind::Close) => return Ok(joined(all, Query::And)),
                Some(kind) if kind.is("OR") => return Ok(joined(all, Query::And)),
                Some(_) => all.push(self.one(field)?),
            }
        }
    }

    fn one(&mut self, field: Option<&Field>) -> Parsed {
        if self.took(|kind| *kind == Kind::Minus || kind.is("NOT")) {
            let not = self.deeper(|parser| parser.one(field))?;
            return Ok(Query::Not(Box::new(not)));
        }
        if self.took(|kind| *kind == Kind::Open) {
            return self.group(field);
        }
        match self.field()? {
            Some(own) => self.value(Some(&own)),
            None => self.value(field),
        }
    }

    /// The rest of a group.
    fn group(&mut self, field: Option<&Field>) -> Parsed {
        let inner = self.deeper(|parser| parser.any_of(field))?;
        if self.took(|kind| *kind == Kind::Close) { Ok(inner) } else { Err(self.expected("`)`")) }
    }

    /// A field, if the next word is one; what compares with it stays.
    fn field(&mut self) -> Parsed<Option<Field>> {
        let follows = self.tokens.get(self.next + 1).map(|token| &token.kind);
        let (Some(Kind::Word(word)), Some(Kind::Colon | Kind::Compare { .. })) =
            (self.peek(), follows)
        else {
            return Ok(None);
        };
        let name: String = word.iter().map(|letter| letter.char()).collect();
        let field = Field::named(&name).ok_or_else(|| self.wrong(Wrong::NoField(name)))?;
        self.next += 1;
        self.took(|kind| *kind == Kind::Colon);
        Ok(Some(field))
    }

    fn value(&mut self, field: Option<&Field>) -> Parsed {
        let kind = self.peek().cloned();
        let test = match kind {
            Some(Kind::Open) if field.is_some() => {
                self.next += 1;
                return self.group(field);
            }
            Some(Kind::Quoted(text)) => {
                self.next += 1;
                Test::Is(Pattern::exactly(&text))
            }
            Some(Kind::Compare { greater, or_equal }) if field.is_some() => {
                self.next += 1;
                self.comparison(greater, or_equal)?
            }
            Some(Kind::From { inclusive }) => {
                if field.is_none() {
                    return Err(self.wrong(Wrong::NoFieldOfRange));
                }
                self.next += 1;
                self.range(inclusive)?
            }
            Some(Kind::Word(word)) if !is_operator(&word) => {
                let pattern = Pattern::of_word(&word);
                let pattern = pattern.ok_or_else(|| self.wrong(Wrong::Wildcard))?;
                self.next += 1;
                Test::Is(pattern)
            }
            _ => return Err(self.expected("a term")),
        };
        self.terms += 1;
        if self.terms > MAX_TERMS {
            self.next -= 1;
            return Err(self.wrong(Wrong::TooManyTerms));
        }
        Ok(Query::Term(Term { field: field.cloned(), test }))
    }

    fn comparison(&mut self, greater: bool, or_equal: bool) -> Parsed<Test> {
        let value = self.literal()?;
        let bound = if or_equal { Bound::Included(value) } else { Bound::Excluded(value) };
        let (from, to) =
            if greater { (bound, Bound::Unbounded) } else { (Bound::Unbounded, bound) };
        Ok(Test::Between(from, to))
    }

    fn range(&mut self, from_inclusive: bool) -> Parsed<Test> {
        let from = self.bound()?;
        if !self.took(|kind| kind.is("TO")) {
            return Err(self.expected("TO"));
        }
        let to = self.bound()?;
        let Some(Kind::To { inclusive: to_inclusive }) = self.peek().cloned() else {
            return Err(self.expected("`]` or `}`"));
        };
        self.next += 1;
        let bound = |value: Option<String>, inclusive| match value {
            None => Bound::Unbounded,
            Some(value) if inclusive => Bound::Included(value),
            Some(value) => Bound::Excluded(value),
        };
        Ok(Test::Between(bound(from, from_inclusive), bound(to, to_inclusive)))
    }

    /// An end of a range; `None` for `*`.
    fn bound(&mut self) -> Parsed<Option<String>> {
        if self.took(|kind| kind.is("*")) { Ok(None) } else { self.literal().map(Some) }
    }

    /// A value without wildcards.
    fn literal(&mut self) -> Parsed<String> {
        let value = match self.peek() {
            Some(Kind::Quoted(text)) => text.clone(),
            Some(Kind::Word(word)) if !is_operator(word) => {
                if word.iter().any(|it| matches!(it, Letter::Plain('*' | '?'))) {
                    return Err(self.wrong(Wrong::Expected("a value without wildcards")));
                }
                word.iter().map(|letter| letter.char()).collect()
            }
            _ => return Err(self.expected("a value")),
        };
        self.next += 1;
        Ok(value)
    }
}

fn is_operator(word: &[Letter]) -> bool {
    let word = Kind::Word(word.to_vec());
    ["AND", "OR", "NOT", "TO"].iter().any(|operator| word.is(operator))
}

/// One of them as it is, several joined.
fn joined(mut all: Vec<Query>, join: impl FnOnce(Vec<Query>) -> Query) -> Query {
    match (all.len(), all.pop()) {
        (1, Some(one)) => one,
        (_, Some(last)) => {
            all.push(last);
            join(all)
        }
        (_, None) => join(all),
    }
}
