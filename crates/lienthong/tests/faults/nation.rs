//! The small nation of these tests, founded once with the commands an operator types: an authority, a central, a consumer (H26), a provider
//! (G01), and a member with two gateway processes on one PostgreSQL (G12).

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use testkit::Cluster;
use tokio::sync::{Mutex, MutexGuard};

use super::echo::Echo;
use super::load::Route;
use super::place::Place;
use super::process::{Program, run};

/// Ports the nation takes.
const PORTS: u16 = 64;

/// The nation. Tests use it one after the other: each gateway has one registered address.
pub struct Nation {
    /// The consumer, on files.
    pub consumer: Place,
    /// The provider, on files.
    pub provider: Place,
    /// Two processes of one gateway, on one database.
    pub pair: [Place; 2],
    /// The server of that database.
    pub cluster: Cluster,
    hub: Hub,
    base: u16,
    _folder: TempDir,
}

/// Authority and central.
pub struct Hub {
    config: PathBuf,
    folder: PathBuf,
    authority_url: String,
    authority: Option<Program>,
    central: Option<Program>,
}

/// Takes the nation, founding it for the first one who asks.
pub async fn nation() -> MutexGuard<'static, Option<Nation>> {
    static NATION: Mutex<Option<Nation>> = Mutex::const_new(None);
    let mut nation = NATION.lock().await;
    match nation.as_mut() {
        Some(founded) => {
            founded.hub.start_authority();
            founded.hub.start_central();
        }
        None => *nation = Some(found()),
    }
    nation
}

impl Nation {
    /// The authority and the central.
    pub fn hub(&mut self) -> &mut Hub {
        &mut self.hub
    }

    /// Where other gateways reach the pair.
    pub fn pair_peers(&self) -> SocketAddr {
        at(self.base + 50)
    }

    /// Where the pair's information systems call.
    pub fn pair_door(&self) -> SocketAddr {
        at(self.base + 51)
    }

    /// From the consumer to the provider.
    pub fn route(&self) -> Route {
        Route { door: self.consumer.systems(), client: "VN/GOV/H26/motcua", service: "VN/GOV/G01/dancu/echo" }
    }

    /// From the consumer to the pair.
    pub fn route_to_pair(&self) -> Route {
        Route { service: "VN/GOV/G12/dkkd/echo", ..self.route() }
    }

    /// From a system of the pair to the provider.
    pub fn route_from_pair(&self) -> Route {
        Route { door: self.pair_door(), client: "VN/GOV/G12/dkkd", service: "VN/GOV/G01/dancu/echo" }
    }

    /// Starts the provider's service.
    pub async fn provider_service(&self) -> Echo {
        Echo::start(at(self.base + 60)).await
    }

    /// Where the pair's service is.
    pub fn pair_service_url(&self) -> String {
        format!("http://{}", at(self.base + 61))
    }

    /// Starts the pair's service.
    pub async fn pair_service(&self) -> Echo {
        Echo::start(at(self.base + 61)).await
    }
}

impl Hub {
    /// Starts the central when it does not run.
    pub fn start_central(&mut self) {
        if self.central.is_none() {
            self.central = Some(Program::serve(&self.config, "central"));
        }
    }

    /// Starts the authority when it does not run.
    pub fn start_authority(&mut self) {
        if self.authority.is_none() {
            self.authority = Some(Program::serve(&self.config, "pki"));
        }
    }

    /// Kills the authority: no OCSP answers and no time-stamps any more.
    pub fn kill_authority(&mut self) {
        self.authority = None;
    }

    /// Kills the central.
    pub fn kill_central(&mut self) {
        // Dropping a program kills it.
        self.central = None;
    }

    /// The database of the central.
    pub fn central_database(&self) -> String {
        format!("sqlite:{}", self.folder.join("hub/central/lienthong.db").display())
    }

    fn run(&self, words: &[&str]) -> String {
        run(&self.config, words)
    }

    /// Approves every request that waits.
    fn approve_all(&self) {
        let listed = self.run(&["central", "requests"]);
        let numbers: Vec<&str> = listed
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .filter(|word| word.parse::<i64>().is_ok())
            .collect();
        assert!(!numbers.is_empty(), "no request waits: {listed}");
        self.run(&[&["central", "approve"], numbers.as_slice()].concat());
    }
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The first port of a range that is free and below the ports the system gives to callers.
fn free_range() -> u16 {
    let free = |base: u16| (base..base + PORTS).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    let first = u16::try_from(std::process::id() % 100).unwrap();
    let bases = (0..100).map(|step| 22_000 + PORTS * ((first + step) % 100));
    bases.into_iter().find(|base| free(*base)).unwrap_or_else(|| panic!("no {PORTS} free ports in a row"))
}

fn found() -> Nation {
    let folder = testkit::tempdir();
    let base = free_range();
    let cluster = Cluster::start(false).unwrap_or_else(|error| panic!("{error}"));
    let hub = found_hub(folder.path(), base);
    let database = cluster.create_database().unwrap();
    let consumer = Place::new(folder.path(), "h26", base + 10, None);
    let provider = Place::new(folder.path(), "g01", base + 20, None);
    let one = Place::new(folder.path(), "g12a", base + 30, Some(database.clone()));
    join(
        &hub,
        &[
            Joining {
                place: &consumer,
                owner: "VN:GOV:H26",
                client: "VN:GOV:H26:motcua",
                reached_at: consumer.peers(),
            },
            Joining { place: &provider, owner: "VN:GOV:G01", client: "VN:GOV:G01:dancu", reached_at: provider.peers() },
            Joining { place: &one, owner: "VN:GOV:G12", client: "VN:GOV:G12:dkkd", reached_at: at(base + 50) },
        ],
    );
    let grant = |place: &Place, service: &str, port: u16, subjects: &[&str]| {
        place.run(&["gateway", "service", "add", service, "--base-url", &format!("http://{}", at(port))]);
        for subject in subjects {
            place.run(&["gateway", "grant", "--service", service, "--subject", subject]);
        }
    };
    grant(&provider, "VN:GOV:G01:dancu:echo", base + 60, &["VN:GOV:H26:motcua", "VN:GOV:G12:dkkd"]);
    grant(&one, "VN:GOV:G12:dkkd:echo", base + 61, &["VN:GOV:H26:motcua"]);
    let other = Place::new(folder.path(), "g12b", base + 40, Some(database));
    // The keys of the gateway, as an operator carries them to its second machine.
    let copied = Command::new("cp").arg("-a").arg(folder.path().join("g12a")).arg(folder.path().join("g12b")).status();
    assert!(copied.unwrap().success());
    Nation { consumer, provider, pair: [one, other], cluster, hub, base, _folder: folder }
}

fn found_hub(folder: &Path, base: u16) -> Hub {
    let config = folder.join("hub.toml");
    let text = format!(
        "lang = \"en\"\nroles = [\"pki\", \"central\"]\nstate = {:?}\n[log]\nfilter = \"warn\"\n[pki]\nlisten = \"{}\"\n[central]\n\
         listen = \"{}\"\nadmin = \"{}\"\n",
        folder.join("hub"),
        at(base),
        at(base + 1),
        at(base + 2),
    );
    std::fs::write(&config, text).unwrap();
    run(&config, &["pki", "init"]);
    let authority = Program::serve(&config, "pki");
    let (address, pki) = (at(base + 1).to_string(), format!("http://{}", at(base)));
    run(&config, &["central", "init", "--address", &address, "--pki", &pki]);
    for (member, name) in [("VN:GOV:H26", "Hà Nội"), ("VN:GOV:G01", "Bộ Công an"), ("VN:GOV:G12", "Bộ Tài chính")]
    {
        run(&config, &["central", "member", "add", member, "--name", name]);
    }
    let mut hub =
        Hub { config, folder: folder.to_owned(), authority_url: pki, authority: Some(authority), central: None };
    hub.start_central();
    hub
}

/// A gateway to be made.
struct Joining<'a> {
    place: &'a Place,
    owner: &'a str,
    client: &'a str,
    reached_at: SocketAddr,
}

impl Joining<'_> {
    fn make(&self, hub: &Hub) {
        let anchor = hub.folder.join("hub/central/anchor.xml").display().to_string();
        let token = hub.folder.join("hub/pki/enrolment-token").display().to_string();
        let at = self.reached_at.to_string();
        let init =
            ["gateway", "init", "--anchor", &anchor, "--owner", self.owner, "--code", "gw1", "--address", &at, "--yes"];
        self.place.run(&init);
        self.place.run(&["gateway", "key", "enrol", "--pki", &hub.authority_url, "--token-file", &token]);
        self.place.run(&["gateway", "register"]);
    }

    fn make_client(&self) {
        self.place.run(&["gateway", "client", "add", self.client, "--connection", "http"]);
        self.place.run(&["gateway", "client", "register", self.client]);
    }
}

/// Makes gateways, each with one subsystem, and has all registered.
fn join(hub: &Hub, all: &[Joining<'_>]) {
    std::thread::scope(|scope| all.iter().for_each(|one| drop(scope.spawn(|| one.make(hub)))));
    hub.approve_all();
    std::thread::scope(|scope| all.iter().for_each(|one| drop(scope.spawn(|| one.make_client()))));
    hub.approve_all();
}
