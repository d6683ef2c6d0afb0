//! How long a gateway of a large nation takes to start from the configuration it keeps, and to take in a new one.
//!
//! `cargo run --release -p directory --example large_nation` prints one `name value` per line; times in milliseconds, each the middle of
//! three. The client is the gateway's own: it fetches (here from memory), verifies, keeps a copy and builds its indexes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers")]

use std::hint::black_box;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use directory::client::{ClientOptions, Reply, Transport, TransportError, Updater};
use directory::model::anchor::{Anchor, AnchorSource};
use directory::model::cert::CertDer;
use directory::model::private_params::{self, PrivateParams};
use directory::model::shared_params::{Member, ServerEntry, SharedParams, Subsystem, write};
use directory::model::signed_directory::{
    Directory, DirectorySignature, FileEntry, HashAlgorithm, PRIVATE_PARAMETERS, SHARED_PARAMETERS,
};
use directory::{ClientId, ServerId};
use jiff::SignedDuration;
use kit::Clock;
use trust::cert::{CertificateTemplate, CertificateUsage, DistinguishedName, self_signed};
use trust::{KeyKind, SigningKey, SoftwareKey};

/// Subsystems of a large nation.
const SUBSYSTEMS: usize = 100_000;

/// A centre in memory.
#[derive(Debug)]
struct Centre {
    key: SoftwareKey,
    cert: CertDer,
    clock: Clock,
    /// Signed directory, shared parameters, private parameters.
    served: Mutex<[Bytes; 3]>,
}

impl Centre {
    fn new(clock: Clock) -> Self {
        let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
        let template = CertificateTemplate {
            subject: DistinguishedName::new().with("CN", "centre"),
            usage: CertificateUsage::Signing,
            serial: vec![1],
            not_before: clock.now() - SignedDuration::from_hours(1),
            not_after: clock.now() + SignedDuration::from_hours(1),
            dns_names: Vec::new(),
            ocsp_url: None,
        };
        let cert = CertDer::new(self_signed(&template, &key).unwrap().der());
        Self { key, cert, clock, served: Mutex::default() }
    }

    fn publish(&self, generation: usize) {
        let shared = write(&nation(generation), 6);
        let private = private_params::write(&PrivateParams { instance: "VN".into(), ..PrivateParams::default() });
        let file = |content: &str, name: &str, bytes: &[u8]| FileEntry {
            content: content.into(),
            instance: "VN".into(),
            location: format!("/V6/{generation}/{name}"),
            file_name: None,
            hash_algorithm: HashAlgorithm::Sha512,
            hash: HashAlgorithm::Sha512.digest(bytes),
        };
        let expires_at = (self.clock.now() + SignedDuration::from_mins(10)).round(jiff::Unit::Second).unwrap();
        let files = vec![
            file(SHARED_PARAMETERS, "shared-params.xml", &shared),
            file(PRIVATE_PARAMETERS, "private-params.xml", &private),
        ];
        let directory = Directory { expires_at, version: 6, files };
        let algorithm = KeyKind::EcP256.message_algorithm();
        let signed = directory.signed_bytes();
        let value = self.key.sign(algorithm, &signed).unwrap();
        let envelope = directory.envelope(&signed, &DirectorySignature::new(algorithm, value, &self.cert));
        *self.served.lock().unwrap() = [envelope.into(), shared.into(), private.into()];
    }
}

impl Transport for Centre {
    fn get<'a>(
        &'a self,
        url: &'a str,
        _limit: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Reply, TransportError>> + Send + 'a>> {
        let [directory, shared, private] = self.served.lock().unwrap().clone();
        let body = match url.rsplit('/').next() {
            Some("shared-params.xml") => shared,
            Some("private-params.xml") => private,
            _ => directory,
        };
        Box::pin(async move { Ok(Reply { status: 200, content_type: None, body }) })
    }
}

/// A nation of that size.
fn nation(generation: usize) -> SharedParams {
    let name: Arc<str> = format!("Hệ thống, bản {generation}").into();
    let mut params = SharedParams { instance: "VN".into(), ocsp_freshness_seconds: 3600, ..SharedParams::default() };
    for number in 0..SUBSYSTEMS / 10 {
        let owner = ClientId::member("VN", "GOV", &format!("G{number:05}"));
        let subsystem = |part: usize| ClientId { subsystem: Some(format!("he-thong-{part}").into()), ..owner.clone() };
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        params.servers.push(ServerEntry {
            id: ServerId::new(owner.clone(), "gw"),
            address: Some("gw.example.vn".into()),
            auth_cert_hashes: vec![hash],
            clients: (0..10).map(subsystem).collect(),
            maintenance: None,
        });
        let subsystems = (0..10).map(|part| Subsystem { id: subsystem(part), name: Some(name.clone()) }).collect();
        params.members.push(Member { id: owner, name: "Cơ quan".into(), class_description: "".into(), subsystems });
    }
    params
}

#[tokio::main]
async fn main() {
    let clock = Clock::system();
    let centre = Arc::new(Centre::new(clock.clone()));
    let anchor = Anchor {
        generated_at: None,
        instance: "VN".into(),
        sources: vec![AnchorSource {
            download_url: "http://centre/internalconf".into(),
            verification_certs: vec![centre.cert.clone()],
        }],
    };
    let folder = testkit::tempdir();
    let client = || {
        let options = ClientOptions::new(anchor.clone(), folder.path().to_owned(), clock.clone());
        Updater::new(ClientOptions { transport: centre.clone(), ..options })
    };
    let mut running = client();
    let mut taken = Vec::new();
    for generation in 1..=3 {
        centre.publish(generation);
        let begin = Instant::now();
        assert!(running.round().await, "the configuration was refused: {:?}", running.handle().health());
        taken.push(begin.elapsed());
        let conf = running.handle().current();
        let last = ClientId::subsystem("VN", "GOV", "G09999", "he-thong-9");
        assert_eq!(conf.subsystem_name(&last), Some(format!("Hệ thống, bản {generation}").as_str()));
    }
    println!("configuration_reload_100000_ms {}", middle(taken).as_millis());
    let start = |_| {
        let begin = Instant::now();
        let started = black_box(client());
        let taken = begin.elapsed();
        assert!(started.handle().current().servers_of(&ClientId::member("VN", "GOV", "G00001")).len() == 1);
        taken
    };
    println!("configuration_start_100000_ms {}", middle((0..3).map(start).collect()).as_millis());
}

fn middle(mut taken: Vec<Duration>) -> Duration {
    taken.sort();
    taken[taken.len() / 2]
}
