//! `kill -9` of a gateway under load.

use exchange::log::Role;

use super::evidence::{Logged, now};
use super::load::{CALLERS, Load, until_served};
use super::nation::{Nation, nation};
use super::place::Place;

/// Kills the gateway at `place` in the middle of load from consumer to provider, starts it again, and reads both logs.
async fn killed_under_load(nation: &Nation, victim: &Place) {
    let (since, _service) = (now(), nation.provider_service().await);
    let others = [&nation.provider, &nation.consumer].into_iter().filter(|place| place.config != victim.config);
    let mut running = Vec::new();
    for place in others {
        running.push(place.start().await);
    }
    let mut killed = victim.start().await;
    until_served(nation.route()).await;
    let load = Load::start(nation.route(), CALLERS);
    load.until_more(150).await;
    killed.kill();
    load.until("the fault is noticed", |tally| tally.unanswered > 0 || !tally.refused.is_empty()).await;
    // Started again while the callers go on asking: nothing else needs a hand.
    let again = victim.start().await;
    load.until_more(100).await;
    let tally = load.finish().await;
    for program in running.into_iter().chain([again]) {
        program.stop().await;
    }
    Logged::read(&nation.consumer, since).await.holds(Role::Consumer, &tally.answered);
    Logged::read(&nation.provider, since).await.holds(Role::Producer, &tally.answered);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_consumer_loses_no_answered_message() {
    let guard = nation().await;
    let nation = guard.as_ref().unwrap();
    killed_under_load(nation, &nation.consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_provider_loses_no_answered_message() {
    let guard = nation().await;
    let nation = guard.as_ref().unwrap();
    killed_under_load(nation, &nation.provider).await;
}
