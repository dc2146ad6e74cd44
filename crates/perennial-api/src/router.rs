//! Which way a request goes, by its path: through the gate, or by one of the few that need no
//! signature.

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};

use crate::{Api, acknowledging, confirming, devices, gate, links, openapi, sns::visit};

impl Api {
    /// What a [`Listener`](crate::Listener) serves: every path that needs no path of its own goes
    /// through the gate.
    pub fn router(&self) -> Router {
        let signed =
            |State(api): State<Self>, request| async move { gate::answer(api, request).await };
        let message = |State(api): State<Self>, request| async move {
            match devices::holder(&request) {
                Some(holder) => devices::publish(&api, holder, request).await,
                None => gate::answer(api, request).await,
            }
        };
        let visited = |State(api): State<Self>, request| async move {
            if visit::is_visit(&request) {
                return visit::answer(api, request, gate::request_id()).await;
            }
            gate::answer(api, request).await
        };
        let certificate = |State(api): State<Self>, Path(name): Path<String>| async move {
            visit::certificate(&api, &name)
        };
        let confirmation = |State(api): State<Self>, request| async move {
            if confirming::is_signed(&request) {
                return gate::answer(api, request).await;
            }
            confirming::answer(api, request).await
        };
        Router::new()
            .route("/", get(visited).fallback(signed))
            .route(visit::CERTIFICATES, get(certificate).fallback(signed))
            .route(openapi::PATH, get(openapi::show))
            .route(confirming::PATH, get(confirmation).fallback(signed))
            .route(links::ROUTE, get(acknowledging::show).post(acknowledging::post))
            .route("/topics/{*topic}", post(message).fallback(signed))
            .fallback(signed)
            .with_state(self.clone())
    }
}
