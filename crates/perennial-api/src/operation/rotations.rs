//! Rotations: starting one, showing, listing, their history, calling one off.

use std::time::Duration;

use http::Method;
use perennial_core::{
    access::Need,
    ids::{CertificateId, RotationId, ThingName},
    rotation::State,
};
use perennial_orchestrator::port::{HistoryEntry, Stored};
use perennial_store::{Order, RequestedRotation, RotationFilter, RotationPlace, RotationRequest};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::shown_rotation::{Line, Shown};
use crate::{
    ApiError, Code,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Paged, Parts},
    wire,
};

/// How long a start waits for its rotation to be open; that takes two commits.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("StartRotation", (Method::POST, PATH), Need::Operate, start),
        Operation::iot("ListRotations", (Method::GET, PATH), Need::Read, list),
        Operation::iot("DescribeRotation", (Method::GET, ONE), Need::Read, describe),
        Operation::iot(
            "ListRotationHistory",
            (Method::GET, "/api/v1/rotations/{rotationId}/history"),
            Need::Read,
            history,
        ),
        Operation::iot(
            "CancelRotation",
            (Method::PUT, "/api/v1/rotations/{rotationId}/cancel"),
            Need::Operate,
            cancel,
        ),
    ]
}

const PATH: &str = "/api/v1/rotations";
const ONE: &str = "/api/v1/rotations/{rotationId}";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    thing_name: ThingName,
    #[serde(default, deserialize_with = "wire::some_certificate_id")]
    certificate_id: Option<CertificateId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    already_open: bool,
    /// Whether it was open, waited to begin, and begins now.
    turn_advanced: bool,
    #[serde(flatten)]
    rotation: Shown,
}

/// The rotation is open when this answers: the one asked for, or the one that was open already,
/// which begins now if it has not begun.
async fn start(call: Call, input: Input<Nothing, Nothing, Wanted>) -> Result<Started, ApiError> {
    let Wanted { thing_name: thing, certificate_id } = input.body;
    let rotation_id = RotationId::from_bytes(Call::drawn()?);
    let opening = call.intake().awaiting(rotation_id);
    let rekey = call.rekey();
    let request = RotationRequest { rotation_id, thing: thing.clone(), certificate_id, rekey };
    match call.store().request_rotation(request, call.now()).await? {
        RequestedRotation::Open(open) => already(call.store().rotation(open).await?, false),
        RequestedRotation::Waiting(open) => {
            call.intake().nudge();
            already(call.store().rotation(open).await?, true)
        }
        RequestedRotation::Accepted(_) => {
            call.intake().nudge();
            if tokio::time::timeout(PATIENCE, opening.dealt_with()).await.is_err() {
                return Err(late(&rotation_id));
            }
            match call.store().latest_rotation(thing.clone()).await? {
                Some(it) if it.rotation.id == rotation_id => {
                    Ok(Started { already_open: false, turn_advanced: false, rotation: it.into() })
                }
                // Somebody else's came first.
                Some(it) if it.state.is_open() => already(it, false),
                Some(_) | None => {
                    let text = format!("thing {thing} lost the certificate meanwhile: ask again");
                    Err(ApiError::new(Code::ConflictException, text))
                }
            }
        }
    }
}

fn already(stored: Stored, turn_advanced: bool) -> Result<Started, ApiError> {
    Ok(Started { already_open: true, turn_advanced, rotation: stored.into() })
}

fn late(id: &RotationId) -> ApiError {
    let text = format!(
        "The request is recorded and rotation {id} will be opened, but the server is slow: look \
         for it"
    );
    ApiError::new(Code::ServiceUnavailableException, text)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RotationPath {
    rotation_id: RotationId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    /// While the rotation is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_connected: Option<bool>,
    #[serde(flatten)]
    rotation: Shown,
}

async fn describe(call: Call, input: Input<RotationPath>) -> Result<Described, ApiError> {
    let stored = call.store().rotation(input.path.rotation_id).await?;
    let is_connected = || call.data_plane().is_connected(&stored.rotation.client_id);
    let device_connected = stored.state.is_open().then(is_connected);
    Ok(Described { device_connected, rotation: stored.into() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    thing_name: Option<ThingName>,
    #[serde(default)]
    open: bool,
    state: Option<StateName>,
    #[serde(default)]
    is_ascending_order: bool,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// The name of a state.
struct StateName(&'static str);

impl<'de> Deserialize<'de> for StateName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let found = State::NAMES.into_iter().find(|name| *name == text);
        found.map(Self).ok_or_else(|| {
            let names = State::NAMES.join(", ");
            de::Error::custom(format!("{text:?} is no state of a rotation: use {names}"))
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    rotations: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    let Query { thing_name, open, state, is_ascending_order, .. } = input.query;
    let order = if is_ascending_order { Order::Ascending } else { Order::Descending };
    let state = state.map(|StateName(name)| name);
    let filter = RotationFilter { thing: thing_name, open, state };
    let list = format!("ListRotations/{filter:?}/{order:?}");
    let limit = page::limit(input.query.max_results, "maxResults")?;
    let after: Option<Parts<RotationPlace>> =
        page::place(&list, input.query.next_token.as_deref())?;
    let after = after.map(|Parts(place)| place);
    let found = call.store().list_rotations(filter, order, after, limit).await?;
    Ok(Listed {
        rotations: found.items.into_iter().map(Shown::from).collect(),
        next_token: found.next.map(|place| page::token(&list, &Parts(place))),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct History {
    history: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn history(call: Call, input: Input<RotationPath, Paged>) -> Result<History, ApiError> {
    let id = input.path.rotation_id;
    let list = format!("ListRotationHistory/{id}");
    let limit = page::limit(input.query.max_results, "maxResults")?;
    let after = page::place(&list, input.query.next_token.as_deref())?;
    call.store().rotation(id).await?;
    let found = call.store().history_after(id, after, limit).await?;
    Ok(History {
        history: found.items.into_iter().map(|it: HistoryEntry| it.into()).collect(),
        next_token: found.next.map(|place| page::token(&list, &place)),
    })
}

/// The request is durable when this answers; what it comes to is in the rotation's history.
async fn cancel(call: Call, input: Input<RotationPath>) -> Result<Nothing, ApiError> {
    call.store().request_cancellation(input.path.rotation_id, call.now()).await?;
    call.intake().nudge();
    Ok(Nothing {})
}
