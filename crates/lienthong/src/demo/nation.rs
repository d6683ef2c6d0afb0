//! The parts of the small nation, started and stopped together.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use directory::ClientId;
use kit::Clock;
use serde::{Deserialize, Serialize};
use trust::pki::Server;

use super::service::RunningService;
use super::{firms, people};
use crate::config::{Config, Role};
use crate::out::trouble;
use crate::roles::central::RunningCentral;
use crate::roles::gateway::RunningGateway;
use crate::roles::pki::{self, RunningPki};

/// Where the data is when nobody says otherwise.
const DEFAULT_DATA: &str = "var/demo";
/// The first port when nobody says otherwise.
const DEFAULT_PORT: u16 = 17_000;
/// Ports the whole nation takes.
const PORTS: u16 = 50;
/// What is remembered between two starts.
const NOTE: &str = "demo.json";

/// A gateway of the nation: who owns it and which subsystem speaks through it.
#[derive(Clone, Copy, Debug)]
pub struct Agency {
    /// Member code.
    pub code: &'static str,
    /// Name of the member.
    pub name: &'static str,
    /// Its subsystem.
    pub subsystem: &'static str,
    /// Name of the subsystem.
    pub subsystem_name: &'static str,
}

/// The three gateways.
pub const AGENCIES: [Agency; 3] = [
    Agency {
        code: "G01", name: "Bộ Công an", subsystem: "dancu", subsystem_name: "Cơ sở dữ liệu quốc gia về dân cư"
    },
    Agency { code: "G12", name: "Bộ Tài chính", subsystem: "dkkd", subsystem_name: "Đăng ký doanh nghiệp" },
    Agency {
        code: "H26", name: "UBND thành phố Hà Nội", subsystem: "motcua", subsystem_name: "Một cửa điện tử"
    },
];

impl Agency {
    /// The member.
    #[must_use]
    pub fn member(&self) -> ClientId {
        ClientId::member("VN", "GOV", self.code)
    }

    /// The subsystem.
    #[must_use]
    pub fn client(&self) -> ClientId {
        ClientId::subsystem("VN", "GOV", self.code, self.subsystem)
    }
}

/// Where the nation lives.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Folder of everything.
    pub data: PathBuf,
    /// The first port.
    pub base: u16,
    /// Whether the nation was founded by an earlier start.
    pub founded: bool,
    /// What time it is.
    pub clock: Clock,
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    base_port: u16,
}

impl Plan {
    /// Folder and ports: those of an earlier start, else fresh ones.
    ///
    /// # Errors
    /// When `once` is asked for in a folder that is not empty, or the earlier start used other ports.
    pub fn of(data: Option<PathBuf>, once: bool, port: Option<u16>, clock: Clock) -> anyhow::Result<Self> {
        let data = match (data, once) {
            (Some(data), _) => data,
            (None, false) => PathBuf::from(DEFAULT_DATA),
            (None, true) => std::env::temp_dir().join(format!("lienthong-demo-{}", uuid::Uuid::new_v4().simple())),
        };
        let name = data.display().to_string();
        let note = std::fs::read(data.join(NOTE)).ok();
        if once && data.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(trouble!(
                "Thư mục {name} không trống: --once cần thư mục mới",
                "The folder {name} is not empty: --once needs a fresh one"
            )
            .into());
        }
        if let Some(note) = note {
            let note: Note = serde_json::from_slice(&note)?;
            if port.is_some_and(|port| port != note.base_port) {
                let base = note.base_port;
                return Err(trouble!(
                    "Đất nước trong {name} dùng cổng mạng từ {base}: bỏ --base-port, hoặc chọn --data khác",
                    "The nation in {name} uses ports from {base}: leave --base-port out, or choose another --data"
                )
                .into());
            }
            return Ok(Self { data, base: note.base_port, founded: true, clock });
        }
        let base = port.unwrap_or_else(|| free_ports(DEFAULT_PORT));
        Ok(Self { data, base, founded: false, clock })
    }

    /// Remembers that the nation is founded.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn remember(&mut self) -> anyhow::Result<()> {
        std::fs::write(self.data.join(NOTE), serde_json::to_vec(&Note { base_port: self.base })?)?;
        self.founded = true;
        Ok(())
    }

    /// Configuration of the authority and the central.
    #[must_use]
    pub fn hub(&self) -> Config {
        Config::compact(vec![Role::Pki, Role::Central], self.data.clone(), self.base)
    }

    /// Configuration of a gateway.
    #[must_use]
    pub fn gateway(&self, index: usize) -> Config {
        let offset = 10 * (1 + u16::try_from(index).unwrap_or(0));
        let code = AGENCIES.get(index).map_or("", |agency| agency.code).to_lowercase();
        let mut config = Config::compact(vec![Role::Gateway], self.data.join(code), self.base.saturating_add(offset));
        config.gateway.fetch_interval = 1;
        config
    }

    /// Address of a listener of the nation's own: time-stamps 9, services 40 and 41.
    #[must_use]
    pub fn address(&self, offset: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.base.saturating_add(offset)))
    }

    /// Where the time-stamping authority listens: apart from the rest, so that it can be away alone.
    #[must_use]
    pub fn tsa(&self) -> SocketAddr {
        self.address(9)
    }

    /// A folder of the nation.
    #[must_use]
    pub fn folder(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }
}

/// The first of `start`, `start + 100`, … from which all ports are free; `start` when none is.
fn free_ports(start: u16) -> u16 {
    let is_free = |base: u16| (base..base + PORTS).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    (start..60_000).step_by(100).find(|base| is_free(*base)).unwrap_or(start)
}

/// What runs.
pub struct Nation {
    /// Where it lives.
    pub plan: Plan,
    /// The authority.
    pub pki: Option<RunningPki>,
    /// Its time-stamps.
    pub tsa: Option<Server>,
    /// The central.
    pub central: Option<RunningCentral>,
    /// The gateways, in the order of [`AGENCIES`].
    pub gateways: Vec<Option<RunningGateway>>,
    /// The services.
    pub services: Vec<RunningService>,
}

impl Nation {
    /// Nothing runs yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self { plan, pki: None, tsa: None, central: None, gateways: Vec::new(), services: Vec::new() }
    }

    /// The central.
    ///
    /// # Errors
    /// When it does not run.
    pub fn central(&self) -> anyhow::Result<&RunningCentral> {
        self.central.as_ref().ok_or_else(|| trouble!("Trung tâm không chạy", "The central does not run").into())
    }

    /// A gateway.
    ///
    /// # Errors
    /// When it does not run.
    pub fn gateway(&self, index: usize) -> anyhow::Result<&RunningGateway> {
        let running = self.gateways.get(index).and_then(Option::as_ref);
        running.ok_or_else(|| trouble!("Cổng không chạy", "The gateway does not run").into())
    }

    /// Where information systems of a gateway call it.
    #[must_use]
    pub fn door(&self, index: usize) -> String {
        let address = self.plan.gateway(index).gateway.exchange.http;
        address.map_or_else(String::new, |address| format!("http://{address}"))
    }

    /// Starts the time-stamping authority.
    ///
    /// # Errors
    /// When its address is taken.
    pub async fn start_tsa(&mut self) -> anyhow::Result<()> {
        let authority = pki::open(&self.plan.hub(), self.plan.clock.clone())?;
        self.tsa = Some(Server::start(self.plan.tsa(), authority.tsa_router()).await?);
        Ok(())
    }

    /// Starts the databases of the ministries with their services.
    ///
    /// # Errors
    /// When a database or an address cannot be used.
    pub async fn start_services(&mut self) -> anyhow::Result<()> {
        let folder = |name: &str| -> anyhow::Result<PathBuf> {
            let folder = self.plan.folder(name);
            std::fs::create_dir_all(&folder)?;
            Ok(folder)
        };
        let population = people::start(&file(&folder("population")?), self.plan.address(40)).await?;
        let business = firms::start(&file(&folder("business")?), self.plan.address(41)).await?;
        self.services = vec![population, business];
        Ok(())
    }

    /// Stops everything, gateways first.
    pub async fn stop(self) {
        for gateway in self.gateways.into_iter().flatten() {
            gateway.stop().await;
        }
        for service in self.services {
            service.stop().await;
        }
        if let Some(central) = self.central {
            central.stop().await;
        }
        if let Some(tsa) = self.tsa {
            tsa.stop().await;
        }
        if let Some(pki) = self.pki {
            pki.stop().await;
        }
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("service.db")
}
