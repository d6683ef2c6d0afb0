//! SIGTERM under load: what was begun is finished.

use super::load::{CALLERS, Load, until_served};
use super::nation::{Nation, nation};
use super::place::Place;

/// Stops the gateway at `place` in the middle of load. Whatever reached the service must have been answered to the caller.
async fn stopped_under_load(nation: &Nation, place: &Place) {
    let service = nation.provider_service().await;
    let others = [&nation.provider, &nation.consumer].into_iter().filter(|other| other.config != place.config);
    let mut running = Vec::new();
    for other in others {
        running.push(other.start().await);
    }
    let stopping = place.start().await;
    until_served(nation.route()).await;
    let before = service.asked();
    let load = Load::start(nation.route(), CALLERS);
    load.until_more(100).await;
    // Its exit code says that nothing was cut off.
    stopping.stop().await;
    let tally = load.finish().await;
    let lost: Vec<String> =
        service.asked().into_iter().filter(|id| !before.contains(id) && !tally.answered_ids.contains(id)).collect();
    assert!(lost.is_empty(), "{} of {} exchanges that had begun were not answered: {lost:?}", lost.len(), tally.good());
    for program in running {
        program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_consumer_finishes_what_was_begun() {
    let guard = nation().await;
    let nation = guard.as_ref().unwrap();
    stopped_under_load(nation, &nation.consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_provider_finishes_what_was_begun() {
    let guard = nation().await;
    let nation = guard.as_ref().unwrap();
    stopped_under_load(nation, &nation.provider).await;
}
