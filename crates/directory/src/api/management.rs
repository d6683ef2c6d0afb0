//! Where gateways send their management requests. No API key: the signatures prove who asks, and a rate limit keeps strangers from
//! making the central verify signatures all day.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{ConnectInfo, State};
use http::{Extensions, StatusCode};
use jiff::Timestamp;
use kit::Problem;
use kit::problem::TOO_MANY;

use super::extract::Body;
use crate::acts::Central;
use crate::acts::submit_request::SignedRequest;
use crate::model::request::Status;
use crate::store::requests::RequestRow;

/// Requests of one address within a minute (§2.13).
const PER_MINUTE: u32 = 10;
/// Addresses remembered at once; beyond that the oldest minute is forgotten.
const MAX_ADDRESSES: usize = 10_000;

/// Counts requests by address and minute.
#[derive(Debug, Default)]
pub(super) struct RateLimit(Mutex<HashMap<IpAddr, (i64, u32)>>);

impl RateLimit {
    /// Counts one request. When the address has sent its share for this minute: the seconds until the next.
    fn count(&self, address: IpAddr, now: Timestamp) -> Result<(), u32> {
        let minute = now.as_second().div_euclid(60);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_ADDRESSES {
            counts.retain(|_, (at, _)| *at == minute);
        }
        let (at, count) = counts.entry(address).or_insert((minute, 0));
        if *at != minute {
            (*at, *count) = (minute, 0);
        }
        if *count >= PER_MINUTE {
            return Err(u32::try_from(60 - now.as_second().rem_euclid(60)).unwrap_or(60));
        }
        *count += 1;
        Ok(())
    }
}

/// Takes in a signed request: 201 when it waits for a decision, 200 when it is carried out.
#[utoipa::path(post, path = "/management/requests", tag = "management", request_body = SignedRequest, security(()),
    responses((status = 200, body = RequestRow), (status = 201, body = RequestRow), (status = 403), (status = 429)))]
pub(super) async fn submit(
    State(central): State<Central>,
    State(limit): State<Arc<RateLimit>>,
    extensions: Extensions,
    Body(signed): Body<SignedRequest>,
) -> Result<(StatusCode, Json<RequestRow>), Problem> {
    // Behind a listener that does not tell addresses everybody shares one count: strict, but safe.
    let address =
        extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |known| known.0.ip());
    limit.count(address, central.clock.now()).map_err(|seconds| Problem::new(TOO_MANY).retry_after(seconds))?;
    let proven = central.prove_request(&signed).await?;
    let row = central.submit_request(proven).await?;
    let status = if row.status == Status::Submitted { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn an_address_gets_its_share_each_minute_and_others_are_not_touched() {
        let limit = RateLimit::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..PER_MINUTE {
            assert!(limit.count(one, start()).is_ok());
        }
        assert_eq!(limit.count(one, start()), Err(57));
        assert!(limit.count(other, start()).is_ok());
        assert!(limit.count(one, start() + jiff::SignedDuration::from_secs(57)).is_ok());
    }
}
