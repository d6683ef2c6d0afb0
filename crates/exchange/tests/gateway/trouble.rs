//! What the gateways lean on goes away: OCSP, time-stamping, the central, the disk, the clock. Documented behaviour, then recovery.

use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use exchange::log::MessageQuery;
use jiff::{SignedDuration, Timestamp};
use kit::Clock;
use trust::pki::{Enrolment, Server};

use crate::nation::{Answer, Nation, Node, Options, global_conf};

fn start() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn manual() -> Options {
    Options { synced: false, clock: Clock::manual(start()), ..Options::default() }
}

async fn ask(nation: &Nation) -> Answer {
    nation.call("GET", &Nation::path("tracuu", "/x"), &[], None).await
}

async fn refresh(node: &Node, nation: &Nation) -> bool {
    node.gateway.identity.refresh(&node.world.current(), nation.clock.now()).await
}

/// The authority's HTTP service goes away; gives back where it was.
async fn pki_away(nation: &mut Nation) -> std::net::SocketAddr {
    let pki = nation.pki.take().unwrap();
    let address = pki.address();
    pki.stop().await;
    address
}

async fn pki_back(nation: &mut Nation, at: std::net::SocketAddr) {
    nation.pki = Some(Server::start(at, nation.authority.router(Enrolment::Closed)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_ocsp_messages_flow_until_the_last_answer_is_stale() {
    let mut nation = Nation::start(manual()).await;
    let address = pki_away(&mut nation).await;
    nation.clock.advance(SignedDuration::from_mins(40));
    for node in [&nation.consumer, &nation.provider] {
        assert!(!refresh(node, &nation).await, "nobody answers");
        assert!(node.gateway.identity.states().iter().all(|state| state.error.is_some()), "the health page can tell");
    }
    nation.alive().await;
    nation.clock.advance(SignedDuration::from_mins(40));
    let before = nation.calls();
    let answer = ask(&nation).await;
    assert_eq!(answer.error(), "Server.ClientProxy.SslAuthenticationFailed");
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("no valid authentication certificate"), "{message}");
    assert!(!refresh(&nation.consumer, &nation).await);
    assert_eq!(ask(&nation).await.error(), "Server.ClientProxy.SslAuthenticationFailed");
    assert_eq!(nation.calls(), before);
    pki_back(&mut nation, address).await;
    assert!(refresh(&nation.consumer, &nation).await);
    let answer = ask(&nation).await;
    assert_eq!(
        answer.error(),
        "Server.ServerProxy.SslAuthenticationFailed",
        "the provider still stands without an answer"
    );
    assert!(refresh(&nation.provider, &nation).await);
    nation.alive().await;
}

/// A responder that answers about one certificate only: the signing key's answer grows stale alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_answer_about_the_signing_certificate_stops_signing_with_a_clear_word() {
    let nation = Nation::start(manual()).await;
    let signing = nation.consumer.sign.certificate.serial_hex();
    nation.clock.advance(SignedDuration::from_mins(30));
    nation.authority.set_status(&signing, trust::pki::CertificateStatus::Unknown).unwrap();
    assert!(!refresh(&nation.consumer, &nation).await);
    let answer = ask(&nation).await;
    assert_eq!(answer.error(), "Server.ClientProxy.CannotCreateSignature", "{:?}", answer.json());
    assert!(answer.json()["message"].as_str().unwrap().contains("OCSP"));
    assert_eq!(nation.calls(), 0);
    nation.authority.set_status(&signing, trust::pki::CertificateStatus::Good).unwrap();
    assert!(refresh(&nation.consumer, &nation).await);
    nation.alive().await;
}

/// Source: exchange-protocol §1.3: without the TSA messages flow for the acceptable period, then all are refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_time_stamps_messages_flow_for_the_acceptable_period_only() {
    let mut options = manual();
    options.log.acceptable_timestamp_failure = 600;
    let mut nation = Nation::start(options).await;
    nation.alive().await;
    let log = nation.consumer.gateway.log.clone();
    assert_eq!(log.stamp_now().await.unwrap().signatures, 2);
    let address = pki_away(&mut nation).await;
    nation.alive().await;
    let error = log.stamp_now().await.unwrap_err().to_string();
    assert!(error.contains(&address.to_string()), "{error}");
    let health = log.health().await.unwrap();
    assert_eq!((health.unstamped, health.refusal.clone()), (2, None));
    assert!(health.stamping_failing_since.is_some(), "{health:?}");
    nation.clock.advance(SignedDuration::from_secs(590));
    nation.alive().await;
    nation.clock.advance(SignedDuration::from_secs(20));
    let before = nation.calls();
    assert_eq!(ask(&nation).await.error(), "Server.ClientProxy.TimestampingFailed");
    assert!(log.health().await.unwrap().refusal.is_some());
    assert_eq!(nation.calls(), before);
    pki_back(&mut nation, address).await;
    assert_eq!(log.stamp_now().await.unwrap().signatures, 4, "catches up");
    nation.alive().await;
    let health = log.health().await.unwrap();
    assert_eq!((health.refusal, health.stamping_failing_since), (None, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_without_time_stamps_refuses_in_its_own_name() {
    let mut options = manual();
    options.log.acceptable_timestamp_failure = 600;
    let mut nation = Nation::start(options).await;
    nation.alive().await;
    assert!(nation.consumer.gateway.log.stamp_now().await.is_ok());
    let _ = pki_away(&mut nation).await;
    assert!(nation.provider.gateway.log.stamp_now().await.is_err());
    nation.clock.advance(SignedDuration::from_secs(610));
    let before = nation.calls();
    assert_eq!(ask(&nation).await.error(), "Server.ServerProxy.TimestampingFailed");
    assert_eq!(nation.calls(), before);
}

/// Source: exchange-protocol §1.3: without the central, exchange goes on until the configuration expires.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_configuration_stops_each_side_in_its_own_name() {
    let nation = Nation::start(manual()).await;
    let conf = |seconds| global_conf(nation.shared.clone(), seconds, nation.clock.now());
    nation.provider.world.replace(conf(600));
    nation.alive().await;
    nation.clock.advance(SignedDuration::from_secs(601));
    let before = nation.calls();
    assert_eq!(ask(&nation).await.error(), "Server.ServerProxy.OutdatedGlobalConf");
    nation.consumer.world.replace(conf(-1));
    assert_eq!(ask(&nation).await.error(), "Server.ClientProxy.OutdatedGlobalConf");
    let listed = nation.call("GET", "/listClients", &[], None).await;
    assert!(listed.header("x-road-error").contains("OutdatedGlobalConf"), "{listed:?}");
    assert_eq!(nation.calls(), before);
    nation.tell();
    nation.alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_stops_nothing_for_good() {
    let nation = Nation::start(manual()).await;
    nation.alive().await;
    for hours in [3, -2, 5, -6, 48] {
        nation.clock.advance(SignedDuration::from_hours(hours));
        nation.tell();
        let before = nation.calls();
        let answer = ask(&nation).await;
        // Whatever is refused until the status of the certificates was asked again is refused in the protocol's words.
        if answer.status != 200 {
            assert!(answer.error().ends_with("SslAuthenticationFailed"), "{hours} h: {:?}", answer.json());
            assert_eq!(nation.calls(), before);
        }
        for node in [&nation.consumer, &nation.provider] {
            refresh(node, &nation).await;
        }
        nation.alive().await;
        assert!(nation.consumer.gateway.log.stamp_now().await.is_ok(), "{hours} h");
    }
}

const CHILD: &str = "trouble::child_on_a_full_disk";

/// A process whose files may not grow beyond 3 MiB, as on a full disk: refused in the protocol's words, and well again when there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_messages_and_recovers() {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("bash");
    command.args(["-c", "trap '' XFSZ; ulimit -S -f 3072; exec \"$0\" \"$@\""]).arg(program);
    command.args(["--exact", CHILD, "--ignored", "--nocapture", "--test-threads=1"]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as a child process of another test"]
async fn child_on_a_full_disk() {
    let nation = Nation::start(Options::default()).await;
    for node in [&nation.consumer, &nation.provider] {
        let log = node.gateway.log.clone();
        tokio::spawn(async move { log.run(std::future::pending()).await });
    }
    let path = Nation::path("tracuu", "/echo");
    let small = Nation::path("tracuu", "/204");
    let body = Bytes::from(vec![b'x'; 200_000]);
    let mut answered = Vec::new();
    let refused = loop {
        let id = format!("day-{}", answered.len());
        // A large answer to every second question: where a large record no longer fits, a small one still may.
        let rest = if answered.len() % 2 == 0 { &path } else { &small };
        let answer = nation.call("POST", rest, &[("x-road-id", &id)], Some(body.clone())).await;
        if answer.status >= 400 {
            break answer;
        }
        assert!(answered.len() < 100, "the limit was never met");
        answered.push(id);
    };
    assert!(refused.error().ends_with(".LoggingFailed"), "{:?}", refused.json());
    assert!(!answered.is_empty());
    let room = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &std::process::id().to_string()]).status();
    assert!(room.unwrap().success());
    let patience = Instant::now();
    for attempt in 0.. {
        let id = format!("sau-{attempt}");
        let answer = nation.call("POST", &path, &[("x-road-id", &id)], Some(body.clone())).await;
        if answer.status == 200 {
            answered.push(id);
            break;
        }
        assert!(answer.error().ends_with(".LoggingFailed"), "{:?}", answer.json());
        assert!(patience.elapsed() < Duration::from_secs(30), "the log does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for node in [&nation.consumer, &nation.provider] {
        for id in &answered {
            let query = MessageQuery { message_id: Some(id.clone()), ..MessageQuery::default() };
            let found = node.gateway.log.search(&query).await.unwrap().items.len();
            assert_eq!(found, 2, "{id}: an answered exchange has its request and its response in both logs");
        }
    }
}
