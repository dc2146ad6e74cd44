//! Enrolling a device: its CSR becomes the certificate of its thing, with thing and policies
//! attached. AWS has no verb that does it at once, and none that may be repeated.

use std::time::Duration;

use http::Method;
use perennial_core::{
    access::Need,
    ids::{CertificateId, PolicyName, ThingName},
    time::days,
};
use perennial_pki::Profile;
use perennial_store::OtherCertificates;
use serde::{Deserialize, Serialize};

use super::things::ThingPath;
use crate::{
    ApiError, Candidate, Enrolment, arn,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
};

/// The longest life that may be asked for; the authority ends before, and cuts it short.
const MAX_LIFE: Duration = days(36_500);
/// The most policies: as many as may be attached to one certificate at AWS.
const MAX_POLICIES: usize = 10;

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation::iot(
        "EnrollDevice",
        (Method::POST, "/api/v1/things/{thingName}/enrolments"),
        Need::Operate,
        enroll,
    )]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewEnrolment {
    certificate_signing_request: String,
    validity_seconds: Option<u64>,
    policy_names: Option<Vec<PolicyName>>,
    #[serde(default)]
    other_certificates: Others,
}

/// What becomes of ACTIVE certificates of other keys.
#[derive(Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Others {
    #[default]
    Refuse,
    Keep,
    Deactivate,
}

impl From<Others> for OtherCertificates {
    fn from(others: Others) -> Self {
        match others {
            Others::Refuse => Self::Refuse,
            Others::Keep => Self::Keep,
            Others::Deactivate => Self::Deactivate,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Enrolled {
    thing_name: ThingName,
    thing_arn: String,
    certificate_id: CertificateId,
    certificate_arn: String,
    certificate_pem: String,
    chain_pem: String,
    ca_pem: String,
    created: bool,
    deactivated_certificate_ids: Vec<CertificateId>,
}

/// The same key of the same thing again is answered with the same certificate.
async fn enroll(
    call: Call,
    input: Input<ThingPath, Nothing, NewEnrolment>,
) -> Result<Enrolled, ApiError> {
    let (thing, body) = (input.path.thing_name, input.body);
    let enrolment = Enrolment {
        profile: profile(&call, body.validity_seconds)?,
        policies: policies(&call, body.policy_names)?,
        others: body.other_certificates.into(),
    };
    let csr_pem = body.certificate_signing_request;
    let candidates = vec![Candidate { thing: thing.clone(), csr_pem }];
    let held = (call.store(), call.authority());
    let enrolled = enrolment.enroll(candidates, held, call.now()).await?;
    let nobody = || ApiError::internal(&"an enrolment without an answer");
    let enrolled = enrolled.into_iter().next().ok_or_else(nobody)?;
    // Told even of what is not new: the try that made it may have got no further than the store.
    call.changed(enrolled.certificate_id);
    call.all_changed(&enrolled.deactivated);
    call.intake().nudge();
    Ok(Enrolled {
        thing_arn: call.scope().arn("thing", thing.as_str()),
        thing_name: thing,
        certificate_arn: arn::certificate(&enrolled.certificate_id, call.scope()),
        certificate_id: enrolled.certificate_id,
        certificate_pem: enrolled.certificate_pem,
        chain_pem: call.authority().chain_pem(),
        ca_pem: call.authority().root_pem(),
        created: enrolled.created,
        deactivated_certificate_ids: enrolled.deactivated,
    })
}

fn profile(call: &Call, validity_seconds: Option<u64>) -> Result<Profile, ApiError> {
    let Some(secs) = validity_seconds else { return Ok(*call.profile()) };
    let max = MAX_LIFE.as_secs();
    if !(1..=max).contains(&secs) {
        let text = format!("validitySeconds: {secs} is not between 1 and {max}");
        return Err(ApiError::invalid(text));
    }
    Ok(Profile { validity_for: Duration::from_secs(secs), ..*call.profile() })
}

fn policies(call: &Call, named: Option<Vec<PolicyName>>) -> Result<Vec<PolicyName>, ApiError> {
    let policies = named.unwrap_or_else(|| vec![call.device_policy().clone()]);
    if policies.len() > MAX_POLICIES {
        let text = format!("policyNames: at most {MAX_POLICIES} are attached to a certificate");
        return Err(ApiError::invalid(text));
    }
    Ok(policies)
}
