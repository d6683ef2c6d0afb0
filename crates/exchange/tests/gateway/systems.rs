//! How information systems prove who they are, by the client's connection type. Source: exchange-protocol §2.9.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use exchange::conf::{Client, ClientStatus, ConnectionType};
use exchange::gateway::listen::{self, Stop, Stopper};
use exchange::gateway::tls;
use jiff::SignedDuration;
use kit::Clock;
use rustls::sign::CertifiedKey;
use trust::key::KeyKind;
use trust::pki::{Authority, Profile};

use crate::forge::{Raw, talk, talk_tls, tls_as};
use crate::nation::{CONSUMER, Nation, Options, certified, client, server_conf};
use crate::peers::anonymous;

struct Systems {
    nation: Nation,
    https: SocketAddr,
    internal: CertifiedKey,
    _stopper: Stopper,
}

async fn systems(options: Options) -> Systems {
    let nation = Nation::start(options).await;
    let folder = nation.folder.path().join("internal");
    let authority = Authority::create(&folder, "Nội bộ", KeyKind::EcP256, nation.clock.clone()).unwrap();
    let (pair, internal) = certified(&authority, KeyKind::EcP256, Profile::Auth, CONSUMER.0);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let https = listener.local_addr().unwrap();
    let config = Arc::new(tls::system_listener(Arc::new(ArcSwap::from_pointee(internal.clone()))).unwrap());
    let (stopper, stop) = Stop::new();
    let own = *pair.certificate.sha256();
    tokio::spawn(listen::systems_tls(nation.consumer.gateway.clone(), listener, config, own, stop));
    Systems { nation, https, internal, _stopper: stopper }
}

impl Systems {
    fn set(&self, connection_type: ConnectionType, certificates: &[[u8; 32]]) {
        let conf = server_conf(CONSUMER, Vec::new());
        let client = Client {
            id: client(CONSUMER),
            status: ClientStatus::Registered,
            connection_type,
            certificate_hashes: certificates.to_vec(),
        };
        let conf = exchange::conf::ServerConf::new(conf.server.clone(), 1, vec![client], Vec::new());
        self.nation.consumer.conf.replace(conf);
    }

    fn request(&self) -> Vec<u8> {
        let path = Nation::path("tracuu", "/x");
        let id = client(CONSUMER).encoded();
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-road-client: {id}\r\n\r\n").into_bytes()
    }

    async fn plain(&self) -> Raw {
        let stream = tokio::net::TcpStream::connect(self.nation.consumer.http).await.unwrap();
        talk(stream, &self.request()).await.unwrap()
    }

    async fn without(&self) -> Raw {
        talk_tls(self.https, anonymous(), &self.request()).await.unwrap()
    }

    async fn with(&self, key: &CertifiedKey) -> Raw {
        talk_tls(self.https, tls_as(key), &self.request()).await.unwrap()
    }
}

fn refused(answer: &Raw, words: &str) {
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.head.contains("x-road-error: Server.ClientProxy.SslAuthenticationFailed"), "{}", answer.head);
    let body = String::from_utf8_lossy(&answer.body);
    assert!(body.contains(words), "{body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_connection_type_takes_exactly_its_own() {
    let systems = systems(Options { synced: false, ..Options::default() }).await;
    let folder = systems.nation.folder.path().join("systems");
    let authority = Authority::create(&folder, "CA của đơn vị", KeyKind::EcP256, systems.nation.clock.clone()).unwrap();
    let (right, right_tls) = certified(&authority, KeyKind::EcP256, Profile::Auth, "is");
    let (_, wrong_tls) = certified(&authority, KeyKind::EcP256, Profile::Auth, "is");
    let uploaded = [*right.certificate.sha256()];
    let nation = &systems.nation;

    systems.set(ConnectionType::Http, &[]);
    assert_eq!(systems.plain().await.status, 200);
    assert_eq!(systems.without().await.status, 200);
    assert_eq!(systems.with(&wrong_tls).await.status, 200, "no certificate is looked at");
    assert_eq!(nation.calls(), 3);

    systems.set(ConnectionType::HttpsNoAuth, &uploaded);
    refused(&systems.plain().await, "plaintext connection");
    assert_eq!(systems.without().await.status, 200);
    assert_eq!(systems.with(&wrong_tls).await.status, 200);
    assert_eq!(nation.calls(), 5);

    systems.set(ConnectionType::HttpsAuth, &uploaded);
    refused(&systems.plain().await, "plaintext connection");
    refused(&systems.without().await, "did not supply TLS certificate");
    refused(&systems.with(&wrong_tls).await, "does not match any certificates");
    // Another key behind the right certificate is found out by TLS itself.
    let mut stolen = right_tls.clone();
    stolen.key = wrong_tls.key.clone();
    assert!(talk_tls(systems.https, tls_as(&stolen), &systems.request()).await.is_none());
    assert_eq!(nation.calls(), 5);
    assert_eq!(systems.with(&right_tls).await.status, 200);
    assert_eq!(systems.with(&systems.internal).await.status, 200, "the gateway's own internal certificate");
    assert_eq!(nation.calls(), 7);

    systems.set(ConnectionType::HttpsAuth, &[]);
    refused(&systems.with(&right_tls).await, "does not match any certificates");
    assert_eq!(nation.calls(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_is_given_only_to_the_system_it_belongs_to() {
    let systems = systems(Options { synced: false, ..Options::default() }).await;
    systems.set(ConnectionType::HttpsAuth, &[]);
    let path = "/asic?queryId=1&xRoadInstance=VN&memberClass=GOV&memberCode=H26&subsystemCode=motcua";
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let stream = tokio::net::TcpStream::connect(systems.nation.consumer.http).await.unwrap();
    assert_eq!(talk(stream, request.as_bytes()).await.unwrap().status, 401);
    assert_eq!(talk_tls(systems.https, anonymous(), request.as_bytes()).await.unwrap().status, 401);
    let own = talk_tls(systems.https, tls_as(&systems.internal), request.as_bytes()).await.unwrap();
    assert_eq!(own.status, 404, "let in, but there is no such message");
    let other = request.replace("motcua", "khac");
    assert_eq!(talk_tls(systems.https, tls_as(&systems.internal), other.as_bytes()).await.unwrap().status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_certificates_are_refused_only_when_that_is_wanted() {
    let start: jiff::Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
    for wanted in [false, true] {
        let clock = Clock::manual(start);
        let mut options = Options { synced: false, clock: clock.clone(), ..Options::default() };
        options.settings.check_client_validity = wanted;
        let systems = systems(options).await;
        clock.set(start - SignedDuration::from_hours(24 * 760));
        let folder = systems.nation.folder.path().join("systems");
        let authority = Authority::create(&folder, "CA của đơn vị", KeyKind::EcP256, clock.clone()).unwrap();
        let (expired, expired_tls) = certified(&authority, KeyKind::EcP256, Profile::Auth, "is");
        clock.set(start);
        systems.set(ConnectionType::HttpsAuth, &[*expired.certificate.sha256()]);
        let answer = systems.with(&expired_tls).await;
        if wanted {
            refused(&answer, "not valid at this time");
            assert_eq!(systems.nation.calls(), 0);
        } else {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_not_registered_yet_may_not_exchange() {
    let systems = systems(Options { synced: false, ..Options::default() }).await;
    let conf = server_conf(CONSUMER, Vec::new());
    for status in [ClientStatus::Saved, ClientStatus::RegistrationInProgress, ClientStatus::DeletionInProgress] {
        let id = client(CONSUMER);
        let client = Client { id, status, connection_type: ConnectionType::Http, certificate_hashes: Vec::new() };
        systems.nation.consumer.conf.replace(exchange::conf::ServerConf::new(
            conf.server.clone(),
            2,
            vec![client],
            Vec::new(),
        ));
        let answer = systems.plain().await;
        assert!(answer.head.contains("Server.ClientProxy.UnknownMember"), "{status:?}: {}", answer.head);
    }
    assert_eq!(systems.nation.calls(), 0);
}
