//! Who is calling: an API key in `Authorization`, as `Bearer <key>` or in the form X-Road tools send, `X-Road-ApiKey token=<key>`.
//!
//! A handler that takes a [`Permit`] as argument cannot run before the caller was recognised and found to hold a role for the duty.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use kit::problem::UNAUTHENTICATED;
use serde_json::json;

use super::Api;
use super::fault::Fault;
use crate::acts::permit::{Actor, Duty, Permit};
use crate::acts::{ActError, api_keys};
use crate::monitor::audit::{Entry, Event};

/// The longest key that is looked up; longer ones are nobody's.
const MAX_KEY_BYTES: usize = 200;

impl<D: Duty> FromRequestParts<Api> for Permit<D> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Fault> {
        // The path alone: a query may name persons or hold what should not be kept.
        let url = super::extract::original_path(parts);
        let actor = authenticate(api, &parts.headers, &url).await?;
        match actor.permit() {
            Ok(permit) => Ok(permit),
            Err(forbidden) => {
                let data = json!({ "method": parts.method.as_str() });
                let entry = entry(api, Event::AccessCheck, &actor.user, &url, data);
                let error = ActError::from(forbidden);
                api.admin.record_failure(entry, &error).await;
                Err(error.into())
            }
        }
    }
}

async fn authenticate(api: &Api, headers: &HeaderMap, url: &str) -> Result<Actor, Fault> {
    let key = shown_key(headers).ok_or(UNAUTHENTICATED)?;
    match api_keys::recognise(&api.admin, key).await? {
        Some(row) => Ok(Actor::api_key(format!("{} ({})", row.name, row.id), row.roles, url.to_owned())),
        None => {
            let entry = entry(api, Event::ApiKeyAuthentication, "", url, json!({}));
            api.admin.record_failure(entry, &ActError::Refused("the API key does not work")).await;
            Err(UNAUTHENTICATED.into())
        }
    }
}

fn entry(api: &Api, event: Event, user: &str, url: &str, data: serde_json::Value) -> Entry {
    Entry::done(api.admin.clock().now_micros(), event, user, "ApiKey", url, data)
}

/// The key in the `Authorization` header, in either form. Scheme names are case-insensitive.
fn shown_key(headers: &HeaderMap) -> Option<&str> {
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let key = if scheme.eq_ignore_ascii_case("bearer") {
        rest
    } else if scheme.eq_ignore_ascii_case("x-road-apikey") {
        rest.trim().strip_prefix("token=")?
    } else {
        return None;
    };
    Some(key.trim()).filter(|key| !key.is_empty() && key.len() <= MAX_KEY_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_showing_a_key_are_read() {
        for (header, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("X-Road-ApiKey token=abc", Some("abc")),
            ("x-road-apikey token=abc", Some("abc")),
            ("X-Road-ApiKey abc", None),
            ("Basic abc", None),
            ("Bearer ", None),
            ("abc", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, header.parse().unwrap());
            assert_eq!(shown_key(&headers), expected, "{header}");
        }
        assert_eq!(shown_key(&HeaderMap::new()), None);
    }
}
