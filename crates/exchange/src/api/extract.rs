//! What handlers read from a request: identifiers in the path, bounded bodies, versions, pages.

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, OriginalUri, Query, Request};
use bytes::Bytes;
use directory::ClientId;
use http::header::{ACCEPT_LANGUAGE, CONTENT_LENGTH, IF_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use kit::problem::{INVALID, NOT_FOUND, TOO_LARGE};
use kit::{Lang, PageRequest, Problem};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::Api;
use super::fault::{Fault, PRECONDITION_REQUIRED};
use crate::acts::Expected;
use crate::model::access::Subject;

/// The longest JSON body (exchange-protocol §2.19), in bytes.
pub(super) const MAX_BODY_BYTES: usize = 50 * 1024;
/// The longest upload, in bytes.
pub(super) const MAX_UPLOAD_BYTES: usize = 10 * 1024 * 1024;

/// The language the caller prefers.
pub(super) fn language(headers: &HeaderMap) -> Lang {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    accepted.map_or(Lang::Vi, Lang::from_accept_language)
}

/// The path as the caller wrote it, without the query.
pub(super) fn original_path(parts: &Parts) -> String {
    parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.0.path()).to_owned()
}

/// The variable parts of the path, still percent-encoded: identifiers are percent-encoded part by part themselves, so that decoding the
/// segment first would confuse a `:` inside a part with one between parts.
pub(super) struct PathParts {
    template: MatchedPath,
    path: String,
}

impl FromRequestParts<Api> for PathParts {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Fault> {
        let template = MatchedPath::from_request_parts(parts, api).await.map_err(|_| NOT_FOUND)?;
        Ok(Self { template, path: original_path(parts) })
    }
}

impl PathParts {
    fn raw(&self, name: &str) -> Option<&str> {
        let wanted = |part: &str| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) == Some(name);
        let at = self.template.as_str().split('/').position(wanted)?;
        self.path.split('/').nth(at)
    }

    /// A plain text part.
    pub(super) fn text(&self, name: &str) -> Result<String, Fault> {
        let raw = self.raw(name).ok_or(NOT_FOUND)?;
        let text = percent_decode_str(raw).decode_utf8().map_err(|_| malformed(name, "not percent-encoded UTF-8"))?;
        Ok(text.into_owned())
    }

    /// A row number.
    pub(super) fn number(&self, name: &str) -> Result<i64, Fault> {
        self.text(name)?.parse().map_err(|_| malformed(name, "not a number"))
    }

    /// A client identifier.
    pub(super) fn client(&self, name: &str) -> Result<ClientId, Fault> {
        self.parsed(name)
    }

    /// A subject of rights.
    pub(super) fn subject(&self, name: &str) -> Result<Subject, Fault> {
        self.parsed(name)
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, Fault> {
        let raw = self.raw(name).ok_or(NOT_FOUND)?;
        // Many tools encode a whole segment, colons included: then it is encoded once more around the identifier.
        let result = if raw.contains(':') { raw.parse() } else { self.text(name)?.parse() };
        result.map_err(|error: T::Err| malformed(name, error))
    }
}

pub(super) fn malformed(field: &str, reason: impl ToString) -> Fault {
    Fault::new(Problem::new(INVALID).fault(field, reason.to_string()))
}

async fn bounded(request: Request, limit: usize) -> Result<Bytes, Fault> {
    let too_large = || Fault::new(Problem::new(TOO_LARGE).detail(format!("at most {limit} bytes")));
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    // A body that breaks off is answered the same way: nobody is left to read the answer.
    to_bytes(request.into_body(), limit).await.map_err(|_| too_large())
}

/// A JSON body of at most [`MAX_BODY_BYTES`].
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Fault> {
        let bytes = bounded(request, MAX_BODY_BYTES).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| malformed("", error))
    }
}

/// Any body of at most [`MAX_UPLOAD_BYTES`].
pub(super) struct Upload(pub Bytes);

impl FromRequest<Api> for Upload {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Fault> {
        Ok(Self(bounded(request, MAX_UPLOAD_BYTES).await?))
    }
}

/// The query.
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Fault> {
        let query = Query::from_request_parts(parts, api).await;
        query.map(|Query(value)| Self(value)).map_err(|rejection| malformed("query", rejection.body_text()))
    }
}

/// The key after which a page starts, when it is a number.
pub(super) fn after_number(page: &PageRequest) -> Result<Option<i64>, Fault> {
    page.after
        .as_deref()
        .map(|after| after.parse().map_err(|_| malformed("after", "not the `next` of a page")))
        .transpose()
}

/// The version in `If-Match`: the change is made only when the thing still has it. `*` accepts any.
pub(super) struct IfMatch(pub Expected);

impl FromRequestParts<Api> for IfMatch {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Fault> {
        let header = parts.headers.get(IF_MATCH).ok_or(PRECONDITION_REQUIRED)?;
        match header.to_str().map(str::trim) {
            Ok("*") => Ok(Self(None)),
            // A tag that is none of ours matches no version, just as an old one does.
            Ok(tag) => Ok(Self(Some(tag.trim_matches('"').parse().unwrap_or(-1)))),
            Err(_) => Err(malformed("If-Match", "not an entity tag")),
        }
    }
}

/// The entity tag of a version.
pub(super) fn etag(version: i64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}
