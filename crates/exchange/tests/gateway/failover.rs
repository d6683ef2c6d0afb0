//! Several gateways of one provider: who is asked, who takes over, and that a request that may have arrived is never sent again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use exchange::gateway::listen::{self, Stop, Stopper};
use exchange::gateway::tls;
use exchange::log::MessageQuery;
use tokio::net::{TcpListener, TcpStream};

use crate::answers::{Reply, false_provider};
use crate::nation::{Answer, Nation, Node, Options};

async fn pair() -> (Nation, Node) {
    let mut nation = Nation::start(Options { synced: false, ..Options::default() }).await;
    let second = nation.second_provider("gw2").await;
    nation.tell();
    (nation, second)
}

async fn ask(nation: &Nation, headers: &[(&str, &str)]) -> Answer {
    nation.call("GET", &Nation::path("tracuu", "/x"), headers, None).await
}

/// How many messages a gateway has logged.
async fn logged(node: &Node) -> usize {
    node.gateway.log.search(&MessageQuery::default()).await.unwrap().items.len()
}

/// Stops a gateway's listeners and waits until nobody is let in.
async fn down(node: &Node) {
    close(node, &node.stopper).await;
}

/// Gives the signal and waits until the listener and its connections are gone, kept ones too: a request written onto a connection that is
/// just being closed may or may not have arrived, and is rightly not sent again.
async fn close(node: &Node, stopper: &Stopper) {
    stopper.stop();
    stopper.finished().await;
    while TcpStream::connect(node.peer).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

/// Opens the listener for other gateways again, at the same address.
async fn up(node: &Node) -> Stopper {
    let listener = loop {
        match TcpListener::bind(node.peer).await {
            Ok(listener) => break listener,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let config = tls::peer_listener(node.gateway.identity.auth_tls.clone(), node.gateway.peer_trust()).unwrap();
    let (stopper, stop) = Stop::new();
    tokio::spawn(listen::peers(node.gateway.clone(), listener, Arc::new(config), stop));
    stopper
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_gateway_answers_when_the_first_is_down_and_is_kept() {
    let (nation, second) = pair().await;
    assert_eq!(ask(&nation, &[]).await.status, 200);
    let (working, other) =
        if logged(&nation.provider).await > 0 { (&nation.provider, &second) } else { (&second, &nation.provider) };
    for _ in 0..3 {
        assert_eq!(ask(&nation, &[]).await.status, 200);
    }
    assert_eq!((logged(working).await, logged(other).await), (8, 0), "the one that answered is asked again");
    down(working).await;
    for _ in 0..3 {
        assert_eq!(ask(&nation, &[]).await.status, 200);
    }
    assert_eq!((logged(working).await, logged(other).await), (8, 6), "the other one took over");
    let _back = up(working).await;
    assert_eq!(ask(&nation, &[]).await.status, 200);
    assert_eq!((logged(working).await, logged(other).await), (8, 8), "the one that answered last is kept");
    down(other).await;
    assert_eq!(ask(&nation, &[]).await.status, 200);
    assert_eq!(logged(working).await, 10, "the first one is back");
    assert_eq!(nation.calls(), 9, "every question was asked once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_are_down_the_caller_is_told_so_and_all_is_well_later() {
    let (nation, second) = pair().await;
    down(&nation.provider).await;
    down(&second).await;
    assert_eq!(ask(&nation, &[]).await.error(), "Server.ClientProxy.NetworkError");
    let _back = up(&second).await;
    assert_eq!(ask(&nation, &[]).await.status, 200);
    assert_eq!(nation.calls(), 1);
}

/// Source: exchange-protocol §2.17, §2.4: gateways in maintenance are skipped; §2.1.2: the caller may insist on one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maintenance_is_skipped_and_a_wanted_gateway_is_the_only_one_asked() {
    let (mut nation, second) = pair().await;
    for (server, node, other) in [("gw2", &second, &nation.provider), ("gw1", &nation.provider, &second)] {
        let before = (logged(node).await, logged(other).await);
        let wanted = format!("VN/GOV/G01/{server}");
        assert_eq!(ask(&nation, &[("x-road-security-server", &wanted)]).await.status, 200);
        assert_eq!((logged(node).await, logged(other).await), (before.0 + 2, before.1), "{server}");
    }
    nation.shared.servers[1].maintenance = Some("thay máy".into());
    nation.tell();
    let before = logged(&nation.provider).await;
    for _ in 0..2 {
        assert_eq!(ask(&nation, &[]).await.status, 200);
    }
    assert_eq!(logged(&nation.provider).await, before, "in maintenance");
    let wanted = ask(&nation, &[("x-road-security-server", "VN/GOV/G01/gw1")]).await;
    assert_eq!(wanted.error(), "Server.ClientProxy.MaintenanceMode");
    assert!(wanted.json()["message"].as_str().unwrap().contains("thay máy"));
    nation.shared.servers[2].maintenance = Some(String::new());
    nation.tell();
    assert_eq!(ask(&nation, &[]).await.error(), "Server.ClientProxy.MaintenanceMode");
    nation.shared.servers[1].maintenance = None;
    nation.tell();
    down(&nation.provider).await;
    let calls = nation.calls();
    let answer = ask(&nation, &[("x-road-security-server", "VN/GOV/G01/gw1")]).await;
    assert_eq!(answer.error(), "Server.ClientProxy.NetworkError", "nobody else is asked in its place");
    assert_eq!(nation.calls(), calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_other_gateway_closed_while_idle_are_replaced() {
    let mut options = Options { synced: false, ..Options::default() };
    options.settings.header_timeout = 1;
    let nation = Nation::start(options).await;
    for round in 0..3 {
        let many = (0..8).map(|_| ask(&nation, &[]));
        for answer in futures_util::future::join_all(many).await {
            assert_eq!(answer.status, 200, "round {round}: {answer:?}");
        }
        // Longer than the other gateway keeps an idle connection: waiting is the subject of the test.
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    assert_eq!(nation.calls(), 24);
}

/// A gateway restarts between two messages: the connection kept to it is dead, and the message is sent once, on a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_restarted_is_reached_again() {
    let nation = Nation::start(Options { synced: false, ..Options::default() }).await;
    nation.alive().await;
    down(&nation.provider).await;
    let mut back = up(&nation.provider).await;
    for _ in 0..3 {
        nation.alive().await;
        close(&nation.provider, &back).await;
        back = up(&nation.provider).await;
    }
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_surely_sent_is_never_sent_twice() {
    let mut options = Options { synced: false, ..Options::default() };
    options.settings.answer_timeout = 1;
    let mut provider = false_provider(Nation::start(options).await).await;
    let _second = provider.nation.second_provider("gw2").await;
    for hang in [false, true] {
        provider.answer_with(move |_| if hang { Reply::Hang } else { Reply::Bytes(Vec::new()) });
        provider.nation.tell();
        let (asked, calls) = (provider.asked.load(Ordering::SeqCst), provider.nation.calls());
        let wanted = [("x-road-id", "mot-lan")];
        let answer = provider.nation.call("POST", &Nation::path("tracuu", "/x"), &wanted, Some("một lần".into())).await;
        let reached = (provider.asked.load(Ordering::SeqCst) - asked, provider.nation.calls() - calls);
        match answer.status {
            200 => assert_eq!(reached, (0, 1)),
            _ => {
                assert_eq!(answer.error(), "Server.ClientProxy.NetworkError");
                assert_eq!(reached, (1, 0), "read by one gateway, it must not be given to the other");
            }
        }
    }
}

/// A certificate struck off the configuration counts no more, even on a connection made when it was good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_struck_off_is_not_asked_on_a_kept_connection() {
    let mut nation = Nation::start(Options { synced: false, ..Options::default() }).await;
    nation.alive().await;
    let before = nation.calls();
    nation.shared.servers[1].auth_cert_hashes = vec![[7; 32]];
    let conf = crate::nation::global_conf(nation.shared.clone(), 86_400, nation.clock.now());
    nation.consumer.world.replace(conf);
    assert_eq!(ask(&nation, &[]).await.error(), "Server.ClientProxy.SslAuthenticationFailed");
    assert_eq!(nation.calls(), before, "the question was not sent");
}
