//! What a principal may do, and why: decided by the evaluation that the broker goes by.

use std::sync::Arc;

use http::Method;
use perennial_core::{
    access::Need,
    ids::{CertificateId, PolicyName},
    policy::{CertificateFacts, Decision, Document, Explanation, Request, Subject, ThingFacts},
    registry::PolicyTarget,
};
use perennial_store::StoreError;
use serde::{Deserialize, Serialize};

use super::policies::PolicyNameAndArn;
use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
};

/// The most questions of one request.
const MAX_QUESTIONS: usize = 10;
/// The most policies that a request adds or leaves out.
const MAX_POLICIES: usize = 100;
/// The longest ARN, in characters.
const MAX_ARN: usize = 2048;

pub(super) fn operations() -> Vec<Operation> {
    let place = (Method::POST, "/test-authorization");
    vec![Operation::iot("TestAuthorization", place, Need::Read, test)]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    client_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    principal: Option<String>,
    auth_infos: Vec<AuthInfo>,
    #[serde(default)]
    policy_names_to_add: Vec<PolicyName>,
    #[serde(default)]
    policy_names_to_skip: Vec<PolicyName>,
}

/// One question: whether something may be done to all of some resources.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuthInfo {
    action_type: ActionType,
    resources: Vec<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ActionType {
    Publish,
    Subscribe,
    Receive,
    Connect,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    auth_results: Vec<AuthResult>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthResult {
    auth_info: AuthInfo,
    allowed: Policies,
    denied: Denied,
    auth_decision: &'static str,
    missing_context_values: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Denied {
    implicit_deny: Policies,
    explicit_deny: Policies,
}

#[derive(Serialize)]
struct Policies {
    policies: Vec<PolicyNameAndArn>,
}

/// A connection as it would be, with the policies that it would have.
struct Case {
    subject: Subject,
    names: Vec<PolicyName>,
    documents: Vec<Arc<Document>>,
}

async fn test(call: Call, input: Input<Nothing, Query, Asked>) -> Result<Answered, ApiError> {
    let Asked { principal, auth_infos, policy_names_to_add, policy_names_to_skip } = input.body;
    if !(1..=MAX_QUESTIONS).contains(&auth_infos.len()) {
        let message = format!("authInfos: 1 to {MAX_QUESTIONS} are expected");
        return Err(ApiError::invalid(message));
    }
    if policy_names_to_add.len().max(policy_names_to_skip.len()) > MAX_POLICIES {
        let message = format!("policyNamesToAdd, policyNamesToSkip: {MAX_POLICIES} each at most");
        return Err(ApiError::invalid(message));
    }
    let parse = |arn: String| PolicyTarget::parse(&arn, call.scope());
    let principal = principal.map(parse).transpose()?;
    let mut case = Case::of(&call, principal, input.query.client_id.unwrap_or_default()).await?;
    case.add(&call, policy_names_to_add).await?;
    case.skip(&policy_names_to_skip);
    let answer = |question| case.answer(&call, question);
    Ok(Answered { auth_results: auth_infos.into_iter().map(answer).collect::<Result<_, _>>()? })
}

impl Case {
    async fn of(
        call: &Call,
        principal: Option<PolicyTarget>,
        client_id: String,
    ) -> Result<Self, ApiError> {
        let (thing, certificate) = (None, Arc::new(CertificateFacts::default()));
        let subject = Subject { client_id, source_ip: None, thing, certificate };
        let mut case = Self { subject, names: Vec::new(), documents: Vec::new() };
        match principal {
            None => {}
            Some(PolicyTarget::Certificate(id)) => case.connect(call, id).await?,
            Some(group @ PolicyTarget::ThingGroup(_)) => {
                for policy in call.store().effective_policies(Some(group), None).await? {
                    case.push(policy.name, &policy.document)?;
                }
            }
        }
        Ok(case)
    }

    /// Has what the broker would read of a connection with this certificate.
    async fn connect(&mut self, call: &Call, id: CertificateId) -> Result<(), ApiError> {
        let (store, client_id) = (call.store().clone(), self.subject.client_id.clone());
        // These block for a few indexed reads.
        let read = tokio::task::spawn_blocking(move || -> Result<_, StoreError> {
            let record = store.principal_record(&id, &|_| false)?;
            Ok((record, store.thing_record(&id, &client_id, &|_| false)?))
        });
        let (record, thing) = read.await.map_err(|error| ApiError::internal(&error))??;
        let missing = || ApiError::not_found(format!("there is no certificate {id}"));
        let record = record.ok_or_else(missing)?;
        let facts = perennial_pki::facts(&record.der).map_err(|error| ApiError::internal(&error));
        self.subject.certificate = Arc::new(facts?.into());
        let of_thing = thing.into_iter().flat_map(|record| {
            self.subject.thing =
                Some(ThingFacts::from(record.thing).billed_to(record.billing_group));
            record.policies
        });
        let all: Vec<_> = record.policies.into_iter().chain(of_thing).collect();
        for policy in all {
            self.push(policy.name, &policy.document.unwrap_or_default())?;
        }
        Ok(())
    }

    /// Adds a policy, once.
    fn push(&mut self, name: PolicyName, document: &str) -> Result<(), ApiError> {
        if !self.names.contains(&name) {
            let parsed = Document::parse(document).map_err(|error| ApiError::internal(&error))?;
            self.documents.push(Arc::new(parsed));
            self.names.push(name);
        }
        Ok(())
    }

    async fn add(&mut self, call: &Call, names: Vec<PolicyName>) -> Result<(), ApiError> {
        for name in names {
            let policy = call.store().policy(name).await?;
            self.push(policy.name, &policy.document)?;
        }
        Ok(())
    }

    fn skip(&mut self, names: &[PolicyName]) {
        let mut at = self.names.iter();
        self.documents.retain(|_| at.next().is_some_and(|name| !names.contains(name)));
        self.names.retain(|name| !names.contains(name));
    }

    fn answer(&self, call: &Call, question: AuthInfo) -> Result<AuthResult, ApiError> {
        let requests = question.requests(call)?;
        let why = Explanation::of(&self.documents, &requests, &self.subject, call.scope());
        let saying = |decision: Decision| {
            let said = self.names.iter().zip(&why.by_document);
            let names = said.filter(|(_, said)| **said == decision).map(|(name, _)| name.clone());
            Policies { policies: names.map(|name| PolicyNameAndArn::of(name, call)).collect() }
        };
        Ok(AuthResult {
            allowed: saying(Decision::Allowed),
            denied: Denied {
                implicit_deny: saying(Decision::ImplicitlyDenied),
                explicit_deny: saying(Decision::ExplicitlyDenied),
            },
            auth_decision: match why.decision {
                Decision::Allowed => "ALLOWED",
                Decision::ImplicitlyDenied => "IMPLICIT_DENY",
                Decision::ExplicitlyDenied => "EXPLICIT_DENY",
            },
            missing_context_values: why.unset.into_iter().collect(),
            auth_info: question,
        })
    }
}

impl ActionType {
    /// The kind of resource it is done to, as ARNs write it.
    const fn resource_kind(self) -> &'static str {
        match self {
            Self::Publish | Self::Receive => "topic",
            Self::Subscribe => "topicfilter",
            Self::Connect => "client",
        }
    }

    const fn of(self, name: &str) -> Request<'_> {
        match self {
            Self::Publish => Request::Publish { topic: name },
            Self::Receive => Request::Receive { topic: name },
            Self::Subscribe => Request::Subscribe { filter: name },
            Self::Connect => {
                Request::Connect { client_id: name, persistent: false, last_will_topic: None }
            }
        }
    }
}

impl AuthInfo {
    fn requests(&self, call: &Call) -> Result<Vec<Request<'_>>, ApiError> {
        if self.resources.is_empty() {
            return Err(ApiError::invalid("authInfos: one without resources asks nothing"));
        }
        let begins = call.scope().arn(self.action_type.resource_kind(), "");
        let names = self.resources.iter().map(|arn| named(arn, &begins));
        names.map(|name| Ok(self.action_type.of(name?))).collect()
    }
}

/// What is named by an ARN that begins so.
fn named<'a>(arn: &'a str, begins: &str) -> Result<&'a str, ApiError> {
    let name = arn.strip_prefix(begins).filter(|name| !name.is_empty());
    name.filter(|_| arn.chars().count() <= MAX_ARN).ok_or_else(|| {
        let shown: String = arn.chars().take(200).collect();
        let message = format!("authInfos: {shown:?} is no resource of this action: {begins}NAME");
        ApiError::invalid(message)
    })
}
