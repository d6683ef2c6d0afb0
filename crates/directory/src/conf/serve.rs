//! The addresses gateways and scraping clients download from. Everything is public: what protects it is the signature.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kit::Problem;
use kit::problem::NOT_FOUND;
use serde::Deserialize;

use super::publish::etag;
use super::{Published, Publisher};
use crate::store::keys::Audience;

/// `/internalconf`, `/externalconf` and the files they name.
pub fn router(publisher: Arc<Publisher>) -> Router {
    Router::new()
        .route("/internalconf", get(internal))
        .route("/externalconf", get(external))
        .route("/{version}/{stamp}/{file}", get(file))
        .with_state(publisher)
}

#[derive(Debug, Deserialize)]
struct Wanted {
    version: Option<String>,
}

async fn internal(publisher: State<Arc<Publisher>>, wanted: Query<Wanted>, headers: HeaderMap) -> Response {
    directory(&publisher.published(), Audience::Internal, &wanted, &headers)
}

async fn external(publisher: State<Arc<Publisher>>, wanted: Query<Wanted>, headers: HeaderMap) -> Response {
    directory(&publisher.published(), Audience::External, &wanted, &headers)
}

fn directory(published: &Published, audience: Audience, wanted: &Wanted, headers: &HeaderMap) -> Response {
    let version = match wanted.version.as_deref().map(str::parse::<u32>) {
        None => None,
        Some(Ok(version)) => Some(version),
        Some(Err(_)) => return absent("the version must be a number"),
    };
    // 404 is the protocol's answer: a client tries the next lower version then.
    let Some(document) = published.directory(audience, version) else {
        return absent("this version of the configuration is not published");
    };
    send(headers, document.bytes.clone(), &document.content_type, &document.etag, "no-cache")
}

async fn file(
    State(publisher): State<Arc<Publisher>>,
    Path((version, stamp, name)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let published = publisher.published();
    let version = version.strip_prefix('V').and_then(|digits| digits.parse().ok());
    let Some(bytes) = version.and_then(|version| published.file(version, &stamp, &name)) else {
        return absent("there is no such file, or it is too old");
    };
    let tag = etag(bytes);
    send(&headers, bytes.clone(), "text/xml; charset=UTF-8", &tag, "public, max-age=86400, immutable")
}

fn send(headers: &HeaderMap, bytes: Bytes, content_type: &str, etag: &str, caching: &'static str) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh =
        known.is_some_and(|tags| tags.split(',').any(|tag| matches!(tag.trim(), tag if tag == etag || tag == "*")));
    let mut response =
        if fresh { StatusCode::NOT_MODIFIED.into_response() } else { (StatusCode::OK, bytes).into_response() };
    let set = response.headers_mut();
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    for (name, value) in [(header::CONTENT_TYPE, content_type), (header::ETAG, etag)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            set.insert(name, value);
        }
    }
    response
}

fn absent(detail: &str) -> Response {
    Problem::new(NOT_FOUND).detail(detail).into_response()
}
