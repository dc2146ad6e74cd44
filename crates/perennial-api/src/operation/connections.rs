//! Connections of MQTT clients: ending one.

use http::Method;
use perennial_core::{access::Need, ids::ClientId};
use serde::Deserialize;

use crate::{
    ApiError, Disconnection,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "DeleteConnection",
            (Method::DELETE, "/connections/{clientId}"),
            Need::Operate,
            delete,
        )
        .of_the_data_plane(),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClientPath {
    client_id: ClientId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct How {
    #[serde(default)]
    clean_session: bool,
    #[serde(default)]
    prevent_will_message: bool,
}

async fn delete(call: Call, input: Input<ClientPath, How>) -> Result<Nothing, ApiError> {
    let How { clean_session, prevent_will_message: prevent_will } = input.query;
    let client_id = input.path.client_id;
    let how = Disconnection { clean_session, prevent_will };
    if !call.data_plane().is_connected(&client_id) {
        return Err(ApiError::not_found(format!("No client is connected as {client_id}")));
    }
    let recorded = client_id.clone();
    call.store()
        .record_deleted_connection(recorded, clean_session, prevent_will, call.now())
        .await?;
    call.data_plane().disconnect(&client_id, how).await;
    Ok(Nothing {})
}
