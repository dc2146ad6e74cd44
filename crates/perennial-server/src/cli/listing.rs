//! Lists: pages asked for one after the other, printed as they come.

use std::process::ExitCode;

use perennial_server::client::{CallError, Request};
use serde_json::Value;

use super::{
    common::{Page, Session},
    output::Column,
    progress::Progress,
};

/// The most items of one page.
const AT_ONCE: u32 = 250;

/// How a list names its pages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Paging {
    /// `maxResults`, `nextToken`.
    Tokens,
    /// `pageSize`, `marker`: AWS's older lists.
    Markers,
    /// `maxResults`, `nextToken` in the body.
    Body,
}

/// A list to ask for.
pub(crate) struct Listing {
    pub(crate) request: Request,
    /// The member that has the items.
    pub(crate) items: &'static str,
    pub(crate) paging: Paging,
    /// What all items belong to, if they do.
    owner: Option<Owner>,
}

/// What a list is of: asked for when there is nothing to list, since it may not exist.
struct Owner {
    described: Request,
    /// Which command lists what there is.
    listed_by: &'static str,
}

/// A page of a list.
pub(crate) struct Got {
    pub(crate) items: Vec<Value>,
    pub(crate) next: Option<String>,
}

impl Listing {
    pub(crate) const fn new(request: Request, items: &'static str) -> Self {
        Self { request, items, paging: Paging::Tokens, owner: None }
    }

    pub(crate) fn with_markers(request: Request, items: &'static str) -> Self {
        Self { paging: Paging::Markers, ..Self::new(request, items) }
    }

    pub(crate) fn in_body(request: Request, items: &'static str) -> Self {
        Self { paging: Paging::Body, ..Self::new(request, items) }
    }

    /// The list of what belongs to something that `described` asks for, and `listed_by` lists.
    pub(crate) fn of(self, described: Option<Request>, listed_by: &'static str) -> Self {
        Self { owner: described.map(|described| Owner { described, listed_by }), ..self }
    }

    /// Fails if what the list is of does not exist.
    async fn check_owner(&self, session: &mut Session) -> anyhow::Result<()> {
        let Some(Owner { described, listed_by }) = &self.owner else { return Ok(()) };
        match session.client.call(described).await {
            // AWS's answer for a rule that does not exist is the second.
            Err(error)
                if error.is("ResourceNotFoundException") || error.is("UnauthorizedException") =>
            {
                anyhow::bail!("{error}; `{listed_by}` lists those there are")
            }
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }

    fn request(&self, after: Option<&String>, limit: u32) -> Request {
        let (request, size) = (self.request.clone(), limit.min(AT_ONCE));
        match (self.paging, after) {
            (Paging::Tokens, after) => {
                request.with("maxResults", size).with_some("nextToken", after)
            }
            (Paging::Markers, after) => request.with("pageSize", size).with_some("marker", after),
            (Paging::Body, None) => request.member("maxResults", size),
            (Paging::Body, Some(after)) => {
                request.member("maxResults", size).member("nextToken", after.as_str())
            }
        }
    }

    /// Asks for one page of at most `limit` items behind `after`.
    pub(crate) async fn page(
        &self,
        session: &mut Session,
        after: Option<&String>,
        limit: u32,
    ) -> Result<Got, CallError> {
        let mut answer = session.client.call(&self.request(after, limit)).await?;
        let next = match self.paging {
            Paging::Tokens | Paging::Body => "nextToken",
            Paging::Markers => "nextMarker",
        };
        let next = answer[next].as_str().map(str::to_owned);
        let items = answer[self.items].as_array_mut().map(std::mem::take);
        let none = || CallError::Unreadable(format!("it has no {}", self.items));
        let items = items.ok_or_else(none)?;
        Ok(Got { items, next })
    }

    /// The first `limit` items, and whether there are more.
    pub(crate) async fn first(
        &self,
        session: &mut Session,
        limit: u32,
    ) -> Result<(Vec<Value>, bool), CallError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let left = limit - u32::try_from(all.len()).unwrap_or(limit);
            let Got { items, next } = self.page(session, after.as_ref(), left).await?;
            all.extend(items);
            let is_full = all.len() >= limit as usize;
            if next.is_none() || is_full {
                return Ok((all, next.is_some()));
            }
            after = next;
        }
    }

    /// Prints the list, as much of it as `page` asks for.
    pub(crate) async fn print(
        &self,
        session: &mut Session,
        page: Page,
        columns: &[Column],
    ) -> anyhow::Result<ExitCode> {
        let (mut left, mut after, mut count) = (page.limit, page.after, 0);
        let progress = Progress::counting("listed", session.out);
        loop {
            let Got { items, next } = self.page(session, after.as_ref(), left).await?;
            if count == 0 && !items.is_empty() {
                session.out.head(columns)?;
            }
            progress.suspend(|| session.out.rows(columns, &items))?;
            let got = u32::try_from(items.len()).unwrap_or(u32::MAX);
            (left, count) = (left.saturating_sub(got), count + u64::from(got));
            progress.set(count);
            after = next;
            if left == 0 || after.is_none() {
                break;
            }
        }
        drop(progress);
        match after {
            Some(token) => session.out.more(&token)?,
            None if count == 0 => {
                self.check_owner(session).await?;
                session.out.say("nothing to list")?;
            }
            None => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}
