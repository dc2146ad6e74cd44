//! Why a decision falls as it does: which documents allow and deny, and which facts were missing.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    document::Document,
    evaluate::Permissions,
    request::{Decision, Request},
    scope::Scope,
    subject::Subject,
};

/// A decision on several requests, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What all documents together say: allowed only if each request is.
    pub decision: Decision,
    /// What each document says by itself, in their order: a denial of any request comes before an
    /// allowance of any.
    pub by_document: Vec<Decision>,
    /// The variables and condition keys without a value, of every statement on these actions.
    pub unset: BTreeSet<String>,
}

impl Explanation {
    /// Decides as [`Permissions`] do, and says why.
    pub fn of(
        documents: &[Arc<Document>],
        requests: &[Request<'_>],
        subject: &Subject,
        scope: &Scope,
    ) -> Self {
        let decisions = |documents: &[Arc<Document>]| -> Vec<Decision> {
            let permissions = Permissions::compile(documents, subject, scope);
            requests.iter().map(|request| permissions.decide(request)).collect()
        };
        let by_itself = |document: &Arc<Document>| any(&decisions(&[Arc::clone(document)]));
        Self {
            decision: all(&decisions(documents)),
            by_document: documents.iter().map(by_itself).collect(),
            unset: unset(documents, requests, subject),
        }
    }
}

fn any(decisions: &[Decision]) -> Decision {
    let strongest = [Decision::ExplicitlyDenied, Decision::Allowed];
    let found = strongest.into_iter().find(|decision| decisions.contains(decision));
    found.unwrap_or(Decision::ImplicitlyDenied)
}

fn all(decisions: &[Decision]) -> Decision {
    let weakest = [Decision::ExplicitlyDenied, Decision::ImplicitlyDenied];
    let found = weakest.into_iter().find(|decision| decisions.contains(decision));
    found.unwrap_or_else(|| any(decisions))
}

fn unset(
    documents: &[Arc<Document>],
    requests: &[Request<'_>],
    subject: &Subject,
) -> BTreeSet<String> {
    let asked = |action| requests.iter().any(|request| request.action() == action);
    let statements = documents.iter().flat_map(|document| document.statements());
    statements
        .filter(|statement| statement.actions.iter().any(|action| asked(*action)))
        .flat_map(|statement| statement.variables())
        .filter(|variable| variable.values(subject).is_empty())
        .map(ToString::to_string)
        .collect()
}
