//! How often one address may call: a short and a long allowance, both refilled steadily (exchange-protocol §2.19).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ahash::AHashMap;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kit::Problem;
use kit::problem::TOO_MANY;
use parking_lot::Mutex;

use super::Api;
use super::fault::Fault;

/// Addresses remembered at most; beyond it those that have been quiet are forgotten first.
const MAX_ADDRESSES: usize = 20_000;
/// One call, in the unit allowances are counted in.
const CALL: i64 = 60_000_000;

/// What one address may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls in one second.
    pub per_second: u32,
    /// Calls in one minute.
    pub per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_second: 20, per_minute: 600 }
    }
}

/// What is left of the two allowances, in parts of a call, and when that was reckoned.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    at: i64,
    second: i64,
    minute: i64,
}

/// Counts the calls of each address.
#[derive(Debug)]
pub struct RateLimiter {
    limits: Limits,
    addresses: Mutex<AHashMap<IpAddr, Allowance>>,
}

impl RateLimiter {
    /// A limiter that has seen nobody yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, addresses: Mutex::new(AHashMap::new()) }
    }

    /// Counts a call of `address` at `now` (microseconds since the Unix epoch).
    ///
    /// # Errors
    /// The seconds after which the next call is allowed, when this one is not.
    pub fn call(&self, address: IpAddr, now: i64) -> Result<(), u32> {
        let (second, minute) = (i64::from(self.limits.per_second), i64::from(self.limits.per_minute));
        let mut addresses = self.addresses.lock();
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&address) {
            forget_quiet(&mut addresses, now);
        }
        let full = Allowance { at: now, second: second * CALL, minute: minute * CALL };
        let allowance = addresses.entry(address).or_insert(full);
        // A clock that jumps back gives nothing; one that jumps ahead gives no more than a full allowance.
        let passed = now.saturating_sub(allowance.at).clamp(0, CALL);
        allowance.second = (allowance.second + passed * second * 60).min(full.second);
        allowance.minute = (allowance.minute + passed * minute).min(full.minute);
        allowance.at = now;
        if allowance.second >= CALL && allowance.minute >= CALL {
            allowance.second -= CALL;
            allowance.minute -= CALL;
            return Ok(());
        }
        let wait = |left: i64, per_micro: i64| (CALL - left).max(0) / per_micro.max(1);
        let micros = wait(allowance.second, second * 60).max(wait(allowance.minute, minute));
        Err(u32::try_from(micros / 1_000_000 + 1).unwrap_or(u32::MAX))
    }
}

/// Drops the addresses whose allowances are full again; when all are busy, drops them all rather than grow without bound.
fn forget_quiet(addresses: &mut AHashMap<IpAddr, Allowance>, now: i64) {
    addresses.retain(|_, allowance| now.saturating_sub(allowance.at) < CALL);
    if addresses.len() >= MAX_ADDRESSES {
        addresses.clear();
    }
}

/// Turns away calls beyond the allowance of their address, before anything else is looked at.
pub(super) async fn limit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical());
    match api.limiter.call(address, api.admin.clock().now_micros()) {
        Ok(()) => next.run(request).await,
        Err(seconds) => Fault::new(Problem::new(TOO_MANY).retry_after(seconds)).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const TWO: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn twenty_calls_a_second_and_no_more() {
        let limiter = RateLimiter::new(Limits::default());
        for _ in 0..20 {
            assert_eq!(limiter.call(ONE, 0), Ok(()));
        }
        assert_eq!(limiter.call(ONE, 0), Err(1));
        assert_eq!(limiter.call(TWO, 0), Ok(()), "another address is not affected");
        assert_eq!(limiter.call(ONE, 50_000), Ok(()), "a twentieth of a second later one more");
        assert_eq!(limiter.call(ONE, 50_000), Err(1));
    }

    #[test]
    fn six_hundred_calls_a_minute_and_no_more() {
        let limiter = RateLimiter::new(Limits::default());
        let allowed = (0..60_000).filter(|milli| limiter.call(ONE, milli * 1000).is_ok()).count();
        // The full allowance at the start, and what is refilled in that minute.
        assert!((1190..=1200).contains(&allowed), "{allowed}");
        assert!(limiter.call(ONE, 60_000_000).is_err());
    }

    #[test]
    fn the_wait_told_is_long_enough() {
        let limiter = RateLimiter::new(Limits { per_second: 100, per_minute: 2 });
        assert!(limiter.call(ONE, 0).is_ok() && limiter.call(ONE, 0).is_ok());
        let wait = limiter.call(ONE, 0).unwrap_err();
        assert!((30..=31).contains(&wait), "{wait}");
        assert!(limiter.call(ONE, i64::from(wait) * 1_000_000).is_ok());
    }

    #[test]
    fn memory_is_bounded_and_a_clock_that_jumps_back_does_no_harm() {
        let limiter = RateLimiter::new(Limits::default());
        for number in 0..50_000_u32 {
            assert!(limiter.call(IpAddr::V4(number.into()), 1_000_000).is_ok());
        }
        assert!(limiter.addresses.lock().len() <= MAX_ADDRESSES);
        assert!(limiter.call(ONE, -5).is_ok());
    }
}
