//! Which gateway this is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::acts::permit::{Permit, ReadConfiguration};

/// This gateway.
#[derive(Serialize, ToSchema)]
pub(super) struct ServerView {
    /// `INST:CLASS:CODE:SERVER`.
    id: String,
    /// Version of the configuration that messages are decided on now.
    configuration_version: i64,
}

/// This gateway and the version of the configuration in force.
#[utoipa::path(get, path = "/api/exchange/v1/server", tag = "server", responses((status = 200, body = ServerView)))]
pub(super) async fn show(_: Permit<ReadConfiguration>, State(api): State<Api>) -> Json<ServerView> {
    let conf = api.admin.conf().current();
    Json(ServerView { id: conf.server.colon(), configuration_version: conf.version })
}
