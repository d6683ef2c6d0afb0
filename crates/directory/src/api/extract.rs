//! What handlers are given: a permit or nothing, a body that was read or a problem.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use kit::Problem;
use kit::problem::{FORBIDDEN, INVALID, TOO_LARGE, UNAUTHENTICATED};
use serde::de::DeserializeOwned;

use crate::acts::ActError;
use crate::acts::permit::{Operation, Permit, Principal, authorize};

/// A permit for the principal of the request: 401 without a principal, 403 without a fitting role.
pub(super) struct Allowed<O>(pub(super) Permit<O>);

impl<O: Operation, S: Send + Sync> FromRequestParts<S> for Allowed<O> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let principal = parts.extensions.get::<Principal>().ok_or_else(|| Problem::new(UNAUTHENTICATED))?;
        authorize(principal).map(Self).map_err(|denied| Problem::new(FORBIDDEN).detail(denied.to_string()))
    }
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::BytesRejection(rejection)) => Err(too_large_or_invalid(&rejection)),
            Err(rejection) => Err(Problem::new(INVALID).detail(rejection.body_text())),
        }
    }
}

/// A body as bytes.
pub(super) struct Raw(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await;
        bytes.map(Self).map_err(|rejection| too_large_or_invalid(&rejection))
    }
}

fn too_large_or_invalid(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(TOO_LARGE)
    } else {
        Problem::new(INVALID).detail(rejection.body_text())
    }
}

/// Parts of the path.
pub(super) struct At<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value)).map_err(|rejection| Problem::new(INVALID).detail(rejection.body_text()))
    }
}

/// The query.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(value)| Self(value)).map_err(|rejection| Problem::new(INVALID).detail(rejection.body_text()))
    }
}

/// A key of the paging that is a number.
pub(super) fn page_key(after: Option<&str>, first: i64) -> Result<i64, ActError> {
    after.map_or(Ok(first), |text| text.parse().map_err(|_| ActError::invalid("after", "is not a key of this list")))
}
