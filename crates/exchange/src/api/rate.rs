//! How often one address may call: so many times in a second and so many in a minute, each counted from the first call in it
//! (exchange-protocol §2.19).

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
/// A second and a minute, in microseconds.
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

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

/// The calls since `start`, microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    start: i64,
    calls: u32,
}

impl Window {
    /// Begins anew when the window of this length is over, or lies in the future because the clock jumped back.
    fn turn(&mut self, now: i64, length: i64) {
        if !(0..length).contains(&now.saturating_sub(self.start)) {
            *self = Self { start: now, calls: 0 };
        }
    }
}

/// What one address did in its present second and minute.
#[derive(Clone, Copy, Debug, Default)]
struct Calls {
    second: Window,
    minute: Window,
}

/// Counts the calls of each address.
#[derive(Debug)]
pub struct RateLimiter {
    limits: Limits,
    addresses: Mutex<AHashMap<IpAddr, Calls>>,
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
        let mut addresses = self.addresses.lock();
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&address) {
            forget_quiet(&mut addresses, now);
        }
        let calls = addresses.entry(address).or_default();
        let mut wait = 0;
        for (window, length, limit) in
            [(&mut calls.second, SECOND, self.limits.per_second), (&mut calls.minute, MINUTE, self.limits.per_minute)]
        {
            window.turn(now, length);
            if window.calls >= limit {
                wait = wait.max(window.start + length - now);
            }
        }
        if wait > 0 {
            return Err(u32::try_from((wait + SECOND - 1) / SECOND).unwrap_or(u32::MAX));
        }
        calls.second.calls += 1;
        calls.minute.calls += 1;
        Ok(())
    }
}

/// Drops the addresses whose minute is over; when all are busy, drops them all rather than grow without bound.
fn forget_quiet(addresses: &mut AHashMap<IpAddr, Calls>, now: i64) {
    addresses.retain(|_, calls| now.saturating_sub(calls.minute.start) < MINUTE);
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
        assert_eq!(limiter.call(ONE, 999_999), Err(1));
        assert_eq!(limiter.call(ONE, 1_000_000), Ok(()));
    }

    #[test]
    fn six_hundred_calls_a_minute_and_no_more() {
        let limiter = RateLimiter::new(Limits::default());
        let allowed = (0..60_000).filter(|milli| limiter.call(ONE, milli * 1000).is_ok()).count();
        assert_eq!(allowed, 600);
        assert_eq!(limiter.call(ONE, 59_999_999), Err(1));
        assert_eq!(limiter.call(ONE, 60_000_000), Ok(()));
    }

    #[test]
    fn the_wait_told_is_long_enough() {
        let limiter = RateLimiter::new(Limits { per_second: 100, per_minute: 2 });
        assert!(limiter.call(ONE, 0).is_ok() && limiter.call(ONE, 20_500_000).is_ok());
        let wait = limiter.call(ONE, 20_500_001).unwrap_err();
        assert_eq!(wait, 40);
        assert!(limiter.call(ONE, 20_500_001 + i64::from(wait) * SECOND).is_ok());
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
