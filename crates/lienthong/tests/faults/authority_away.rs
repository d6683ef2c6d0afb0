//! The authority is gone: no OCSP answers, no time-stamps. What is known to be good goes on for as long as was agreed.

use exchange::log::Role;

use super::evidence::{Logged, now};
use super::load::{CALLERS, Load, until_served};
use super::nation::nation;
use super::process::eventually;

/// Seconds that messages may go without time-stamp in this test.
const ACCEPTABLE: u64 = 15;
/// The same everywhere else.
const CUSTOMARY: u64 = 14_400;

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_on_without_time_stamps_for_the_agreed_time_and_are_stamped_afterwards() {
    let mut guard = nation().await;
    let nation = guard.as_mut().unwrap();
    let (since, route, _service) = (now(), nation.route(), nation.provider_service().await);
    nation.consumer.configure(ACCEPTABLE);
    let (provider, consumer) = (nation.provider.start().await, nation.consumer.start().await);
    until_served(route).await;
    nation.hub().kill_authority();
    let load = Load::start(route, CALLERS);
    eventually("the health page says so", || nation.consumer.trouble("time-stamping")).await;
    load.until_more(CALLERS).await;
    load.until("messages are refused", |tally| tally.refused_with("TimestampingFailed") >= CALLERS).await;
    let before = load.answered();
    nation.hub().start_authority();
    load.until_more(100).await;
    let tally = load.finish().await;
    nation.consumer.configure(CUSTOMARY);
    consumer.stop().await;
    provider.stop().await;
    let other: Vec<&String> = tally.refused.keys().filter(|code| !code.contains("TimestampingFailed")).collect();
    assert!(other.is_empty(), "another reason than time-stamping was given: {other:?}");
    let log = Logged::read(&nation.consumer, since).await;
    log.holds(Role::Consumer, &tally.answered);
    // What the gateway refused to add to had to be stamped before it took anything again.
    log.are_stamped(&before);
    Logged::read(&nation.provider, since).await.holds(Role::Producer, &tally.answered);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_cannot_prove_its_certificate_refuses_until_it_can() {
    let mut guard = nation().await;
    let nation = guard.as_mut().unwrap();
    let (route, _service) = (nation.route(), nation.provider_service().await);
    nation.hub().kill_authority();
    let (provider, consumer) = (nation.provider.start().await, nation.consumer.start().await);
    let load = Load::start(route, 2);
    load.until("messages are refused", |tally| tally.refused_with("SslAuthenticationFailed") > 0).await;
    assert!(nation.consumer.trouble("authentication-certificate").await.is_some());
    nation.hub().start_authority();
    load.until_more(20).await;
    load.finish().await;
    consumer.stop().await;
    provider.stop().await;
}
