//! Two gateway processes of one member on one PostgreSQL behind one address, one of them killed.

use exchange::log::Role;

use super::balancer::Balancer;
use super::evidence::{Logged, now};
use super::load::{CALLERS, Load, Route, until_served};
use super::nation::{Nation, nation};

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_processes_killed_loses_no_answered_message() {
    let guard = nation().await;
    let nation = guard.as_ref().unwrap();
    let since = now();
    let _services = (nation.provider_service().await, nation.pair_service().await);
    let [one, other] = &nation.pair;
    let peers = Balancer::start(nation.pair_peers(), &[one.peers(), other.peers()]).await;
    let _door = Balancer::start(nation.pair_door(), &[one.systems(), other.systems()]).await;
    let (mut first, second) = (one.start().await, other.start().await);
    let (provider, consumer) = (nation.provider.start().await, nation.consumer.start().await);
    let (out, into) = (nation.route_from_pair(), nation.route_to_pair());
    for process in &nation.pair {
        until_served(Route { door: process.systems(), ..out }).await;
    }
    an_act_is_in_force_in_both(nation, &peers).await;
    until_served(into).await;
    let asking = Load::start(out, CALLERS / 2);
    let asked = Load::start(into, CALLERS / 2);
    asking.until_more(60).await;
    asked.until_more(60).await;
    first.kill();
    // The other one carries on alone.
    asking.until_more(60).await;
    asked.until_more(60).await;
    let first = one.start().await;
    until_served(Route { door: one.systems(), ..out }).await;
    // Calls from outside reach the one that came back too.
    peers.set(&[one.peers()]);
    second.stop().await;
    asked.until_more(40).await;
    let (asking, asked) = (asking.finish().await, asked.finish().await);
    for program in [first, provider, consumer] {
        program.stop().await;
    }
    let pair = Logged::read(one, since).await;
    pair.holds(Role::Consumer, &asking.answered);
    pair.holds(Role::Producer, &asked.answered);
    Logged::read(&nation.provider, since).await.holds(Role::Producer, &asking.answered);
    Logged::read(&nation.consumer, since).await.holds(Role::Consumer, &asked.answered);
}

/// A service added and granted by a command is known to both processes, which share one configuration. Asked for by each at itself.
async fn an_act_is_in_force_in_both(nation: &Nation, peers: &Balancer) {
    let [one, other] = &nation.pair;
    let (late, url) = ("VN:GOV:G12:dkkd:late", nation.pair_service_url());
    one.run(&["gateway", "service", "add", late, "--base-url", &url]);
    other.run(&["gateway", "grant", "--service", late, "--subject", "VN:GOV:G12:dkkd"]);
    for process in &nation.pair {
        peers.set(&[process.peers()]);
        let service = "VN/GOV/G12/dkkd/late";
        until_served(Route { door: process.systems(), client: "VN/GOV/G12/dkkd", service }).await;
    }
    peers.set(&[one.peers(), other.peers()]);
}
