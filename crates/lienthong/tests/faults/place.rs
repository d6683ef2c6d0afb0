//! One gateway process: its configuration file, its addresses, what it tells operators.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tokio::net::TcpStream;

use super::caller::{Connection, Said};
use super::process::{Program, eventually, run};

/// Where a gateway lives.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its configuration file.
    pub config: PathBuf,
    /// Its folder.
    pub home: PathBuf,
    /// The database, when it is not a file in the folder.
    pub database: Option<String>,
    base: u16,
}

impl Place {
    /// Writes the configuration of a gateway named `name` that listens at `base` and the ports after it.
    pub fn new(folder: &Path, name: &str, base: u16, database: Option<String>) -> Self {
        let (config, state) = (folder.join(format!("{name}.toml")), folder.join(name));
        let place = Self { config, home: state.join("gateway"), database, base };
        place.configure(14_400);
        place
    }

    /// Writes the configuration: evidence is time-stamped every second, and may go without for `acceptable` seconds.
    pub fn configure(&self, acceptable: u64) {
        let state = self.home.parent().unwrap();
        let at = |offset| format!("{:?}", self.address(offset).to_string());
        let kept = self.database.as_ref().map(|url| format!("database = {url:?}\njournal = \"table\"\n"));
        let text = format!(
            "lang = \"en\"\nroles = [\"gateway\"]\nstate = {state:?}\n[log]\nfilter = \"warn\"\n[gateway]\nadmin = {}\nhealth = {}\n\
             fetch_interval = 1\n{}[gateway.exchange]\nhttp = {}\nhttps = {}\npeer = {}\nocsp = {}\n\
             [gateway.message_log]\ntimestamp_interval = 1\ntimestamp_retry_delay = 1\nacceptable_timestamp_failure = {acceptable}\n",
            at(7),
            at(8),
            kept.unwrap_or_default(),
            at(3),
            at(4),
            at(5),
            at(6),
        );
        std::fs::write(&self.config, text).unwrap();
    }

    fn address(&self, offset: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.base + offset))
    }

    /// Where information systems call it.
    pub fn systems(&self) -> SocketAddr {
        self.address(3)
    }

    /// Where other gateways call it.
    pub fn peers(&self) -> SocketAddr {
        self.address(5)
    }

    /// Runs a command about it.
    pub fn run(&self, words: &[&str]) -> String {
        run(&self.config, words)
    }

    /// Starts it and waits until it listens.
    pub async fn start(&self) -> Program {
        let mut program = Program::serve(&self.config, "gateway");
        self.listening(&mut program).await;
        program
    }

    /// Waits until all its listeners are there: the one for operators comes last.
    pub async fn listening(&self, program: &mut Program) {
        eventually("the gateway listens", || {
            assert!(program.is_running(), "the gateway ended: {}", program.said());
            async { TcpStream::connect(self.address(7)).await.ok() }
        })
        .await;
    }

    /// How a check of its health page stands: `None` when it is good, else what is wrong.
    pub async fn trouble(&self, check: &str) -> Option<String> {
        let mut connection = Connection::open(self.address(7)).await.unwrap();
        let Said::Answer(answer) = connection.get("/health.json").await else { panic!("no health page") };
        let page: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let checks = page["checks"].as_array().unwrap();
        let found = checks.iter().find(|known| known["name"] == check);
        found.unwrap_or_else(|| panic!("no check {check} in {page}"))["reason"].as_str().map(str::to_owned)
    }
}
