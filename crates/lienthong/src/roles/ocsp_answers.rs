//! The port where other gateways fetch OCSP answers about our certificates before they call (exchange-protocol §2.4):
//! `GET /?cert=<hex SHA-1>&cert=…` gives them as `multipart/related`, `HEAD` tells that the gateway lives.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use exchange::gateway::identity::Identity;
use http::{StatusCode, header};

/// Most certificates asked about at once.
const MAX_CERTIFICATES: usize = 50;
const BOUNDARY: &str = "lienthong-ocsp";

/// The routes; every path is the same.
pub fn router(identity: Arc<Identity>) -> Router {
    Router::new().route("/", get(answers)).fallback(get(answers)).with_state(identity)
}

async fn answers(State(identity): State<Arc<Identity>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let asked: Vec<&str> = query.split('&').filter_map(|pair| pair.strip_prefix("cert=")).collect();
    if asked.len() > MAX_CERTIFICATES {
        return (StatusCode::BAD_REQUEST, "too many certificates").into_response();
    }
    let states = identity.states();
    let mut body = Vec::new();
    for digest in asked {
        let known = states.iter().find(|state| hex::encode(state.certificate.sha1()).eq_ignore_ascii_case(digest));
        let Some(answer) = known.and_then(|state| state.answer.as_ref()) else {
            return (StatusCode::NOT_FOUND, "there is no OCSP answer for one of the certificates").into_response();
        };
        body.extend_from_slice(format!("--{BOUNDARY}\r\ncontent-type:application/ocsp-response\r\n\r\n").as_bytes());
        body.extend_from_slice(&answer.der);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let kind = format!("multipart/related; boundary=\"{BOUNDARY}\"");
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}
