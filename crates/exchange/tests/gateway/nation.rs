//! A small nation on loopback: an authority with OCSP and time-stamping, two gateways, a service. Real listeners, real TLS, real log.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use directory::model::cert::CertDer;
use directory::model::global_conf::{GlobalConf, InstanceParts};
use directory::model::shared_params::{
    ApprovedCa, ApprovedTsa, CaInfo, CostType, CsrFormat, Member, OcspResponder, ServerEntry, SharedParams, Subsystem,
};
use directory::{ClientId, ServerId, ServiceId};
use exchange::conf::{Client, ClientStatus, ConfHandle, ConnectionType, ServerConf, Service, ServiceKind};
use exchange::gateway::identity::{Identity, KeyPair};
use exchange::gateway::listen::{self, Stop, Stopper};
use exchange::gateway::settings::GatewaySettings;
use exchange::gateway::world::World;
use exchange::gateway::{Gateway, Parts, tls};
use exchange::log::{LogSettings, MessageLog, StampError, StampFuture, Timestamper};
use exchange::model::access::{ANY_METHOD, ANY_PATH, Endpoint, LocalGroups, Rights, Subject};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kit::Clock;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use store::Store;
use store::journal::{FileOptions, Journal, JournalDurability};
use tempfile::TempDir;
use tokio::net::TcpListener;
use trust::cert::{Certificate, CertificateRequest};
use trust::key::{KeyKind, SoftwareKey};
use trust::ocsp::FetchLimits;
use trust::pki::{Authority, Enrolment, Holder, Profile, Server as PkiServer};
use trust::tsp;

pub const CONSUMER: (&str, &str) = ("H26", "motcua");
pub const PROVIDER: (&str, &str) = ("G01", "dancu");

/// Everything one test needs.
pub struct Nation {
    pub authority: Authority,
    pub pki: Option<PkiServer>,
    pub consumer: Node,
    pub provider: Node,
    pub service: SocketAddr,
    pub calls: Arc<AtomicU64>,
    pub shared: SharedParams,
    pub clock: Clock,
    pub options: Options,
    pub folder: TempDir,
}

/// One gateway with its listeners.
pub struct Node {
    pub gateway: Arc<Gateway>,
    pub http: SocketAddr,
    pub peer: SocketAddr,
    pub world: World,
    pub conf: ConfHandle,
    pub stopper: Stopper,
    pub auth: KeyPair,
    pub sign: KeyPair,
    pub auth_tls: CertifiedKey,
}

/// What may differ from the usual nation.
#[derive(Clone)]
pub struct Options {
    pub settings: GatewaySettings,
    pub log: LogSettings,
    pub clock: Clock,
    pub kind: KeyKind,
    pub granted: bool,
    pub synced: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            settings: GatewaySettings { idle_timeout: 5, ..GatewaySettings::default() },
            log: LogSettings::default(),
            clock: Clock::system(),
            kind: KeyKind::EcP256,
            granted: true,
            synced: true,
        }
    }
}

pub fn client(side: (&str, &str)) -> ClientId {
    ClientId::subsystem("VN", "GOV", side.0, side.1)
}

/// Key, certificate and TLS form of one of a gateway's two keys.
pub fn certified(authority: &Authority, kind: KeyKind, profile: Profile, member: &str) -> (KeyPair, CertifiedKey) {
    let key = SoftwareKey::generate(kind).unwrap();
    let pkcs8 = key.to_pkcs8().unwrap();
    let holder = Holder {
        common_name: format!("gw.{member}.example.vn"),
        organization: member.to_owned(),
        member_class: "GOV".to_owned(),
        member_code: member.to_owned(),
        country: "VN".to_owned(),
    };
    let request = CertificateRequest::create(&key, &profile.subject(&holder), &[]).unwrap();
    let certificate = authority.sign_csr(&request, profile, profile.subject(&holder)).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let der = PrivateKeyDer::try_from(pkcs8.to_vec()).unwrap();
    let signing = provider.key_provider.load_private_key(der).unwrap();
    let tls = CertifiedKey::new(vec![CertificateDer::from(certificate.der().to_vec())], signing);
    (KeyPair { key: Arc::new(key), certificate }, tls)
}

fn shared_params(authority: &Authority, pki_url: &str, servers: Vec<ServerEntry>) -> SharedParams {
    let responder = OcspResponder {
        url: format!("{pki_url}/ocsp"),
        cert: Some(CertDer::new(authority.ocsp_certificate().der())),
        cost: CostType::Free,
    };
    let member = |side: (&str, &str)| Member {
        id: client(side).owner(),
        name: side.0.into(),
        class_description: "Cơ quan nhà nước".into(),
        subsystems: vec![Subsystem { id: client(side), name: None }],
    };
    SharedParams {
        instance: "VN".into(),
        approved_cas: vec![ApprovedCa {
            name: "CA thử nghiệm".into(),
            authentication_only: false,
            top: CaInfo { cert: CertDer::new(authority.root().der()), ocsp: vec![responder] },
            intermediates: Vec::new(),
            profile: "ee.ria.xroad.common.certificateprofile.impl.BasicCertificateProfileInfoProvider".into(),
            csr_format: CsrFormat::Der,
            acme: None,
        }],
        approved_tsas: vec![ApprovedTsa {
            name: "TSA thử nghiệm".into(),
            url: format!("{pki_url}/tsa"),
            cert: CertDer::new(authority.tsa_certificate().der()),
            cost: CostType::Free,
        }],
        members: vec![member(CONSUMER), member(PROVIDER)],
        servers,
        ocsp_freshness_seconds: 3600,
        ..SharedParams::default()
    }
}

pub fn global_conf(shared: SharedParams, expires_in: i64, now: jiff::Timestamp) -> Arc<GlobalConf> {
    let expires_at = now + jiff::SignedDuration::from_secs(expires_in);
    Arc::new(GlobalConf::build(vec![InstanceParts { shared, private: None, expires_at }]).unwrap())
}

/// The usual service: `tracuu` on plain HTTP, granted to the consumer's subsystem.
pub fn services(base: SocketAddr, granted: bool) -> Vec<Service> {
    let make = |code: &str, disabled: Option<&str>, grant: bool, base_url: String| {
        let id = Arc::new(ServiceId::new(client(PROVIDER), code));
        let endpoint = Arc::new(Endpoint::new(1, ANY_METHOD, ANY_PATH, false).unwrap());
        let groups = Arc::new(LocalGroups::new([]));
        let rights = grant.then(|| (Subject::Client(client(CONSUMER)), endpoint.clone()));
        Service {
            id: id.clone(),
            kind: ServiceKind::Rest,
            base_url,
            description_url: None,
            timeout_seconds: 5,
            verify_tls: false,
            is_cert_hashes: Arc::new([]),
            disabled: disabled.map(Into::into),
            endpoints: vec![endpoint],
            rights: Rights::new(id, groups, rights),
        }
    };
    let base_url = format!("http://{base}");
    vec![
        make("tracuu", None, granted, base_url.clone()),
        make("kin", None, false, base_url.clone()),
        make("tamdung", Some("bảo trì đến 17:00"), true, base_url),
        make("chet", None, true, "http://127.0.0.1:1".to_owned()),
    ]
}

pub fn server_conf(member: (&str, &str), services: Vec<Service>) -> ServerConf {
    let client = Client {
        id: client(member),
        status: ClientStatus::Registered,
        connection_type: ConnectionType::Http,
        certificate_hashes: Vec::new(),
    };
    ServerConf::new(ServerId::new(ClientId::member("VN", "GOV", member.0), "gw1"), 1, vec![client], services)
}

/// The authority as the log's time-stamper, over HTTP like any other.
#[derive(Debug)]
struct Tsa {
    url: String,
    certificate: Certificate,
}

impl Timestamper for Tsa {
    fn name(&self) -> &str {
        &self.url
    }

    fn stamp<'a>(&'a self, data: &'a [u8]) -> StampFuture<'a> {
        Box::pin(async move {
            let trusted = std::slice::from_ref(&self.certificate);
            let fetched = tsp::fetch(&self.url, tsp::Imprint::sha512_of(data), trusted, FetchLimits::default()).await;
            fetched.map(|token| token.token).map_err(|error| StampError(error.to_string()))
        })
    }
}

struct Half {
    listener: TcpListener,
    auth: KeyPair,
    auth_tls: CertifiedKey,
    sign: KeyPair,
}

impl Nation {
    pub async fn start(options: Options) -> Self {
        let folder = testkit::tempdir();
        let clock = options.clock.clone();
        let authority =
            Authority::create(&folder.path().join("pki"), "CA thử nghiệm", KeyKind::EcP256, clock.clone()).unwrap();
        let pki = PkiServer::start("127.0.0.1:0".parse().unwrap(), authority.router(Enrolment::Closed)).await.unwrap();
        let pki_url = pki.url("");
        let calls = Arc::new(AtomicU64::new(0));
        let service = start_service(calls.clone()).await;
        let mut halves = Vec::new();
        let mut servers = Vec::new();
        for side in [CONSUMER, PROVIDER] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (auth, auth_tls) = certified(&authority, options.kind, Profile::Auth, side.0);
            let (sign, _) = certified(&authority, options.kind, Profile::Sign, side.0);
            servers.push(ServerEntry {
                id: ServerId::new(client(side).owner(), "gw1"),
                address: Some(listener.local_addr().unwrap().to_string()),
                auth_cert_hashes: vec![*auth.certificate.sha256()],
                clients: vec![client(side).owner(), client(side)],
                maintenance: None,
            });
            halves.push((side, Half { listener, auth, auth_tls, sign }));
        }
        let shared = shared_params(&authority, pki_url.trim_end_matches('/'), servers);
        let mut nodes = Vec::new();
        for (side, half) in halves {
            let conf =
                server_conf(side, if side == PROVIDER { services(service, options.granted) } else { Vec::new() });
            let world = World::new(global_conf(shared.clone(), 86_400, clock.now()));
            nodes.push(node(side, half, conf, world, &options, folder.path().join(side.0), &authority, &shared).await);
        }
        let provider = nodes.pop().unwrap();
        let consumer = nodes.pop().unwrap();
        Self { authority, pki: Some(pki), consumer, provider, service, calls, shared, clock, options, folder }
    }

    /// Puts `self.shared` in force at both gateways.
    pub fn tell(&self) {
        for node in [&self.consumer, &self.provider] {
            node.world.replace(global_conf(self.shared.clone(), 86_400, self.clock.now()));
        }
    }

    /// One more gateway of the provider, named `name`, offering the same services; the caller decides when [`Nation::tell`] it.
    pub async fn second_provider(&mut self, name: &str) -> Node {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (auth, auth_tls) = certified(&self.authority, self.options.kind, Profile::Auth, PROVIDER.0);
        let (sign, _) = certified(&self.authority, self.options.kind, Profile::Sign, PROVIDER.0);
        self.shared.servers.push(ServerEntry {
            id: ServerId::new(client(PROVIDER).owner(), name),
            address: Some(listener.local_addr().unwrap().to_string()),
            auth_cert_hashes: vec![*auth.certificate.sha256()],
            clients: vec![client(PROVIDER).owner(), client(PROVIDER)],
            maintenance: None,
        });
        let mut conf = server_conf(PROVIDER, services(self.service, true));
        conf.server = ServerId::new(client(PROVIDER).owner(), name);
        let world = World::new(global_conf(self.shared.clone(), 86_400, self.clock.now()));
        let half = Half { listener, auth, auth_tls, sign };
        let folder = self.folder.path().join(name);
        node(PROVIDER, half, conf, world, &self.options, folder, &self.authority, &self.shared).await
    }

    /// Offers one more service of the provider, granted to the consumer, at `base_url`.
    pub fn offer(&self, code: &str, base_url: &str, timeout_seconds: u32) {
        let mut all = services(self.service, self.options.granted);
        let mut extra = services(self.service, true).swap_remove(0);
        let id = Arc::new(ServiceId::new(client(PROVIDER), code));
        let endpoint = extra.endpoints[0].clone();
        let rights = [(Subject::Client(client(CONSUMER)), endpoint)];
        extra.rights = Rights::new(id.clone(), Arc::new(LocalGroups::new([])), rights);
        extra.id = id;
        extra.base_url = base_url.to_owned();
        extra.timeout_seconds = timeout_seconds;
        all.push(extra);
        self.provider.conf.replace(server_conf(PROVIDER, all));
    }

    /// The gateways still do their work: an ordinary question is answered, and the service was asked exactly once for it.
    pub async fn alive(&self) {
        let before = self.calls();
        let answer = self.call("GET", &Self::path("tracuu", "/song"), &[], None).await;
        assert_eq!(answer.status, 200, "the gateways are no longer well: {answer:?}");
        assert_eq!(self.calls(), before + 1);
    }

    /// Calls through the consumer's gateway as its information system.
    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Bytes>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("X-Road-Client", client(CONSUMER).encoded());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(self.consumer.http, request.body(Full::new(body.unwrap_or_default())).unwrap()).await
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn path(service: &str, rest: &str) -> String {
        format!("/r1/{}/{service}{rest}", client(PROVIDER).encoded())
    }
}

/// A whole HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
    pub reason: Option<Vec<u8>>,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }

    pub fn error(&self) -> String {
        let json = self.json();
        let kind = json["type"].as_str().unwrap_or_else(|| panic!("no error: {json}")).to_owned();
        assert_eq!(self.header("x-road-error"), kind, "header and body name the same error");
        kind
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("")
    }
}

/// Sends one request on its own connection.
pub async fn send(to: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    let stream = tokio::net::TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = request;
    request.headers_mut().insert("host", "localhost".parse().unwrap());
    let response = sender.send_request(request).await.unwrap();
    let reason = response.extensions().get::<hyper::ext::ReasonPhrase>().map(|r| r.as_bytes().to_vec());
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status.as_u16(), headers: head.headers, body, reason }
}

#[expect(clippy::too_many_arguments, reason = "called once")]
async fn node(
    side: (&str, &str),
    half: Half,
    conf: ServerConf,
    world: World,
    options: &Options,
    folder: PathBuf,
    authority: &Authority,
    shared: &SharedParams,
) -> Node {
    std::fs::create_dir_all(&folder).unwrap();
    let store = Store::open(&format!("sqlite:{}", folder.join("gateway.db").display())).await.unwrap();
    let journal = Journal::open_files(
        folder.join("log"),
        FileOptions { durability: durability(options), ..FileOptions::default() },
    )
    .await
    .unwrap();
    let tsa: Arc<dyn Timestamper> =
        Arc::new(Tsa { url: shared.approved_tsas[0].url.clone(), certificate: authority.tsa_certificate().clone() });
    let stampers = Arc::new(move || vec![tsa.clone()]);
    let log = MessageLog::open(store, journal, options.log.clone(), options.clock.clone(), stampers).await.unwrap();
    let server = conf.server.clone();
    let signing = vec![(client(side).owner(), half.sign.clone())];
    let identity = Arc::new(
        Identity::new(
            server,
            half.auth_tls.clone(),
            half.auth.certificate.clone(),
            signing,
            options.settings.batch_limit,
            &options.clock,
        )
        .unwrap(),
    );
    assert!(identity.refresh(&world.current(), options.clock.now()).await, "{:?}", identity.states());
    let conf = ConfHandle::new(conf);
    let internal = Arc::new(arc_swap::ArcSwap::from_pointee(half.auth_tls.clone()));
    let gateway = Gateway::new(Parts {
        settings: options.settings.clone(),
        clock: options.clock.clone(),
        conf: conf.clone(),
        world: world.clone(),
        identity: identity.clone(),
        internal,
        log: log.clone(),
        max_logged_body: options.log.max_logged_body,
        verification_conf: None,
    });
    let (stopper, stop) = Stop::new();
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (http, peer) = (plain.local_addr().unwrap(), half.listener.local_addr().unwrap());
    let config = Arc::new(tls::peer_listener(identity.auth_tls.clone(), gateway.peer_trust()).unwrap());
    tokio::spawn(listen::systems_plain(gateway.clone(), plain, stop.clone()));
    tokio::spawn(listen::peers(gateway.clone(), half.listener, config, stop));
    Node { gateway, http, peer, world, conf, stopper, auth: half.auth, sign: half.sign, auth_tls: half.auth_tls }
}

fn durability(options: &Options) -> JournalDurability {
    if options.synced { JournalDurability::Fsync } else { JournalDurability::OsCache }
}

/// A service that tells what it was asked; the path chooses how it behaves.
pub async fn start_service(calls: Arc<AtomicU64>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let calls = calls.clone();
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let service = service_fn(move |request| serve(request, calls.clone()));
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn serve(
    request: Request<hyper::body::Incoming>,
    calls: Arc<AtomicU64>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    calls.fetch_add(1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    if path.starts_with("/echo") {
        let body = body.collect().await.unwrap().to_bytes();
        return Ok(Response::new(Full::new(body)));
    }
    if path.starts_with("/die") {
        // Dropping the connection in the middle of an answer: the promised length never comes.
        panic!("the service dies");
    }
    if path.starts_with("/teapot") {
        let mut response = Response::new(Full::new(Bytes::from_static(b"short and stout")));
        *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
        response.extensions_mut().insert(hyper::ext::ReasonPhrase::from_static(b"Am tra"));
        response.headers_mut().insert("x-road-id", "forged".parse().unwrap());
        response.headers_mut().insert("x-kept", "yes".parse().unwrap());
        return Ok(response);
    }
    if let Some(response) = odd_answer(&path) {
        return Ok(response);
    }
    let length = hyper::body::Body::size_hint(&body).exact();
    let headers: Vec<(String, String)> =
        head.headers.iter().map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect();
    let body = body.collect().await.unwrap().to_bytes();
    let told = serde_json::json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
        "length": length,
    });
    let mut response = Response::new(Full::new(told.to_string().into()));
    response.headers_mut().insert("content-type", "application/json".parse().unwrap());
    Ok(response)
}

/// Answers that are correct HTTP and yet easily spoilt on the way.
fn odd_answer(path: &str) -> Option<Response<Full<Bytes>>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    let headers = response.headers_mut();
    match path {
        "/redirect" => {
            headers.insert("location", "http://127.0.0.1:1/elsewhere".parse().unwrap());
            *response.status_mut() = http::StatusCode::FOUND;
        }
        "/204" => *response.status_mut() = http::StatusCode::NO_CONTENT,
        "/304" => {
            headers.insert("etag", "\"a\"".parse().unwrap());
            *response.status_mut() = http::StatusCode::NOT_MODIFIED;
        }
        "/gzip" => {
            headers.insert("content-encoding", "gzip".parse().unwrap());
            *response.body_mut() = Full::new(Bytes::from_static(&[0x1f, 0x8b, 8, 0, 1, 2, 3]));
        }
        "/cookies" => {
            headers.append("set-cookie", "a=1; Path=/".parse().unwrap());
            headers.append("set-cookie", "b=2".parse().unwrap());
        }
        "/100mb" => *response.body_mut() = Full::new(Bytes::from(vec![0x5a; 100 * 1024 * 1024])),
        _ => return None,
    }
    Some(response)
}
