//! PostgreSQL goes away and comes back in the middle of load.

use exchange::log::Role;
use testkit::postgres::Stop;

use super::evidence::{Logged, now};
use super::load::{CALLERS, Load, Route, until_served};
use super::nation::nation;

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_refused_while_the_database_is_away_and_carried_again_after() {
    let guard = nation().await;
    let nation = guard.as_ref().unwrap();
    let since = now();
    let _service = nation.provider_service().await;
    let place = &nation.pair[0];
    let (mut gateway, provider) = (place.start().await, nation.provider.start().await);
    let route = Route { door: place.systems(), ..nation.route_from_pair() };
    until_served(route).await;
    let load = Load::start(route, CALLERS);
    load.until_more(80).await;
    tokio::task::block_in_place(|| nation.cluster.stop(Stop::Immediate)).unwrap();
    load.until("messages are refused", |tally| tally.refused_with("LoggingFailed") >= CALLERS).await;
    assert!(place.trouble("message-log").await.is_some(), "the health page must say that nothing can be logged");
    tokio::task::block_in_place(|| nation.cluster.resume()).unwrap();
    // By itself: nobody touches the gateway.
    load.until_more(80).await;
    assert!(gateway.is_running(), "{}", gateway.said());
    let tally = load.finish().await;
    gateway.stop().await;
    provider.stop().await;
    let other: Vec<&String> = tally.refused.keys().filter(|code| !code.contains("LoggingFailed")).collect();
    assert!(other.is_empty(), "another reason than the log was given: {other:?}");
    assert_eq!(tally.unanswered, 0, "every call is answered, if only by an error");
    Logged::read(place, since).await.holds(Role::Consumer, &tally.answered);
    Logged::read(&nation.provider, since).await.holds(Role::Producer, &tally.answered);
}
