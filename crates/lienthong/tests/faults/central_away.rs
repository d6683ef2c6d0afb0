//! The central is gone: gateways live by the configuration they have, as long as it counts.

use directory::client::{ClientOptions, Updater};
use directory::model::anchor;
use jiff::{SignedDuration, Timestamp};
use kit::Clock;
use store::{Store, Tx};

use super::caller::{Connection, Said};
use super::load::until_served;
use super::nation::{Hub, nation};
use super::place::Place;
use super::process::eventually;

/// Seconds for which a short-lived configuration counts.
const SHORT: i64 = 8;
/// Seconds for which it counts otherwise.
const CUSTOMARY: i64 = 600;

/// Changes, while the central is down, how long what it signs will count.
async fn let_configuration_count(hub: &Hub, seconds: i64) {
    let store = Store::open(&hub.central_database()).await.unwrap();
    let sql = "UPDATE directory_instance SET expire_seconds = $1";
    store.write(move |tx: &mut Tx<'_>| tx.exec(sql, &[seconds.into()])).await.unwrap();
    store.close().await;
}

/// When the copy that a gateway keeps ceases to count.
fn kept_until(place: &Place) -> Timestamp {
    let anchor = anchor::read(&std::fs::read(place.home.join("anchor.xml")).unwrap()).unwrap();
    let options = ClientOptions::new(anchor, place.home.join("configuration"), Clock::system());
    Updater::new(options).handle().current().expires_at()
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_go_on_until_the_configuration_expires_and_again_when_the_central_is_back() {
    let mut guard = nation().await;
    let nation = guard.as_mut().unwrap();
    let route = nation.route();
    let _service = nation.provider_service().await;
    let (provider, consumer) = (nation.provider.start().await, nation.consumer.start().await);
    until_served(route).await;
    nation.hub().kill_central();
    provider.stop().await;
    consumer.stop().await;
    // Both start without a central, from what they keep.
    let (provider, consumer) = (nation.provider.start().await, nation.consumer.start().await);
    until_served(route).await;
    assert_eq!(nation.consumer.trouble("global-configuration").await, None);
    let_configuration_count(nation.hub(), SHORT).await;
    nation.hub().start_central();
    let soon = |place: &Place| kept_until(place) < Timestamp::now() + SignedDuration::from_secs(2 * SHORT);
    eventually("a short-lived configuration", || {
        let has = soon(&nation.provider) && soon(&nation.consumer);
        async move { has.then_some(()) }
    })
    .await;
    nation.hub().kill_central();
    eventually("messages are refused", || async {
        let mut connection = Connection::open(route.door).await.unwrap();
        let path = format!("/r1/{}/quick/x", route.service);
        let Said::Answer(answer) = connection.message(route.client, &path, "x", None).await else {
            panic!("no answer")
        };
        answer.error.filter(|code| code.contains("OutdatedGlobalConf"))
    })
    .await;
    for place in [&nation.consumer, &nation.provider] {
        eventually("the health page says so", || place.trouble("global-configuration")).await;
    }
    let_configuration_count(nation.hub(), CUSTOMARY).await;
    nation.hub().start_central();
    until_served(route).await;
    provider.stop().await;
    consumer.stop().await;
}
