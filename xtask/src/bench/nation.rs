//! The gateways that are measured: an authority, a centre and pairs of gateways, each a process of its own, set up as an operator would.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::large::{self, Call};
use super::load::Contender;
use super::process::{Process, output};

/// How a pair of gateways keeps its messages.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Name in the report.
    pub name: &'static str,
    /// `durability` of the message log.
    pub durability: &'static str,
    /// `mode` of the message log.
    pub mode: &'static str,
}

/// A gateway with its process.
pub struct Gateway {
    config: PathBuf,
    /// Where information systems call.
    pub http: SocketAddr,
    /// Its process.
    pub process: Process,
}

/// Consumer and provider.
pub struct Pair {
    /// What it is.
    pub variant: Variant,
    /// Member code of the consumer.
    consumer_code: String,
    /// Member code of the provider.
    provider_code: String,
    /// The gateway that information systems call.
    pub consumer: Gateway,
    /// The gateway in front of the service.
    pub provider: Gateway,
}

/// Everything that runs.
pub struct Nation {
    folder: PathBuf,
    program: PathBuf,
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// Stopped last: gateways need them to the end.
    _hub: Vec<Process>,
}

/// An address of this machine that only it can reach.
pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Nation {
    /// Sets everything up in `folder`, on ports from `base` on, with the service at `service`.
    pub fn start(
        program: &Path,
        folder: &Path,
        base: u16,
        service: SocketAddr,
        variants: &[Variant],
    ) -> anyhow::Result<Self> {
        let setup = Setup { program: program.to_owned(), folder: folder.to_owned(), base, service };
        let mut hub = vec![setup.authority()?];
        let codes: Vec<[String; 2]> = (0..variants.len()).map(|at| [format!("H{at}"), format!("G{at}")]).collect();
        let members: Vec<&str> = codes.iter().flatten().map(String::as_str).collect();
        hub.push(setup.centre(&members)?);
        let mut pairs = Vec::new();
        for (at, (variant, [consumer, provider])) in variants.iter().zip(codes).enumerate() {
            let port = base + 20 * u16::try_from(at + 1)?;
            let consumer_config = setup.gateway(&consumer, "motcua", port, *variant)?;
            let provider_config = setup.gateway(&provider, "dancu", port + 10, *variant)?;
            setup.offer(&provider_config, &provider, &consumer)?;
            pairs.push(Pair {
                variant: *variant,
                consumer: setup.run(consumer_config, port)?,
                provider: setup.run(provider_config, port + 10)?,
                consumer_code: consumer,
                provider_code: provider,
            });
        }
        for pair in &mut pairs {
            pair.wait_message()?;
        }
        Ok(Self { folder: folder.to_owned(), program: program.to_owned(), pairs, _hub: hub })
    }

    /// Stops a consumer's gateway and starts it again: how long until it has carried a message.
    pub fn restart_consumer(&mut self, at: usize) -> anyhow::Result<Duration> {
        let pair = self.pairs.get_mut(at).context("no such pair")?;
        let gateway = &mut pair.consumer;
        gateway.process.stop();
        let begin = Instant::now();
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(&gateway.config).args(["--lang", "en", "gateway", "serve"]);
        let label = gateway.process.label.clone();
        gateway.process = Process::start(&label, command, &self.folder)?;
        pair.wait_message()?;
        Ok(begin.elapsed())
    }
}

impl Pair {
    /// The address of a path of the service, called through the pair.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{}", self.consumer.http, self.path(path))
    }

    /// The path of a call.
    pub fn path(&self, path: &str) -> String {
        format!("/r1/VN/GOV/{}/dancu/bench{path}", self.provider_code)
    }

    /// Waits until a message is answered: both gateways have OCSP answers and know each other. The health probe is left alone, because it
    /// keeps a bad answer for half a minute.
    fn wait_message(&mut self) -> anyhow::Result<Duration> {
        let call = Call { to: self.consumer.http, target: self.path("/echo"), caller: self.caller() };
        self.consumer.process.wait_for(|| large::send(&call, 1).map(drop))
    }

    /// Who calls.
    pub fn caller(&self) -> String {
        format!("VN/GOV/{}/motcua", self.consumer_code)
    }

    /// The pair as something to be measured, with the service behind it.
    pub fn contender(&self, service: &Process) -> Contender {
        Contender {
            name: self.variant.name,
            url: self.url("/echo"),
            processes: vec![
                ("consumer gateway".to_owned(), self.consumer.process.pid()),
                ("provider gateway".to_owned(), self.provider.process.pid()),
                ("service".to_owned(), service.pid()),
            ],
            caller: self.caller(),
        }
    }
}

/// The steps of an operator, carried out through the command line.
struct Setup {
    program: PathBuf,
    folder: PathBuf,
    base: u16,
    service: SocketAddr,
}

impl Setup {
    fn run_command(&self, config: &Path, words: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(config).args(["--lang", "en"]).args(words);
        output(&mut command)
    }

    /// Sends a request to the centre; it lets only so many in a while, and a whole nation is more.
    fn ask_centre(&self, config: &Path, words: &[&str]) -> anyhow::Result<String> {
        let mut left = 30;
        loop {
            match self.run_command(config, words) {
                Err(_) if left > 0 => left -= 1,
                done => return done,
            }
            std::thread::sleep(Duration::from_secs(2));
        }
    }

    fn serve(&self, label: &str, config: &Path, role: &str) -> anyhow::Result<Process> {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(config).args(["--lang", "en", role, "serve"]);
        Process::start(label, command, &self.folder)
    }

    fn hub(&self) -> PathBuf {
        self.folder.join("hub").join("lienthong.toml")
    }

    fn pki_url(&self) -> String {
        format!("http://{}", local(self.base))
    }

    fn authority(&self) -> anyhow::Result<Process> {
        let hub = self.hub();
        fs::create_dir_all(self.folder.join("hub"))?;
        let (pki, listen, admin) = (local(self.base), local(self.base + 1), local(self.base + 2));
        let text = format!(
            "roles = [\"pki\", \"central\"]\nstate = \"state\"\n[pki]\nlisten = \"{pki}\"\n\
             [central]\nlisten = \"{listen}\"\nadmin = \"{admin}\"\n"
        );
        fs::write(&hub, text)?;
        self.run_command(&hub, &["pki", "init"])?;
        let mut process = self.serve("pki", &hub, "pki")?;
        process.wait_listening(pki)?;
        let token = self.run_command(&hub, &["pki", "token"])?;
        fs::write(self.token(), token.trim())?;
        fs::set_permissions(self.token(), fs::Permissions::from_mode(0o600))?;
        Ok(process)
    }

    fn token(&self) -> PathBuf {
        self.folder.join("enrolment-token")
    }

    fn centre(&self, members: &[&str]) -> anyhow::Result<Process> {
        let (hub, listen) = (self.hub(), local(self.base + 1));
        self.run_command(&hub, &["central", "init", "--address", &listen.to_string(), "--pki", &self.pki_url()])?;
        for member in members {
            self.run_command(&hub, &["central", "member", "add", &format!("VN:GOV:{member}"), "--name", member])?;
        }
        let mut process = self.serve("central", &hub, "central")?;
        process.wait_listening(listen)?;
        Ok(process)
    }

    /// Makes a gateway with one subsystem, both registered and approved; the path of its configuration.
    fn gateway(&self, code: &str, subsystem: &str, port: u16, variant: Variant) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(code);
        let config = folder.join("lienthong.toml");
        self.run_command(
            &self.hub(),
            &[
                "config",
                "--write",
                &config.display().to_string(),
                "--roles",
                "gateway",
                "--base-port",
                &port.to_string(),
            ],
        )?;
        let Variant { durability, mode, .. } = variant;
        let more = format!("\n[gateway.message_log]\ndurability = \"{durability}\"\nmode = \"{mode}\"\n");
        fs::write(&config, fs::read_to_string(&config)? + &more)?;
        let anchor = self.anchor()?;
        let owner = format!("VN:GOV:{code}");
        let peer = local(port + 5).to_string();
        let client = format!("{owner}:{subsystem}");
        let token = self.token().display().to_string();
        self.run_command(
            &config,
            &["gateway", "init", "--anchor", &anchor, "--owner", &owner, "--code", "gw1", "--address", &peer, "--yes"],
        )?;
        self.run_command(&config, &["gateway", "key", "enrol", "--pki", &self.pki_url(), "--token-file", &token])?;
        self.ask_centre(&config, &["gateway", "register"])?;
        self.approve_all()?;
        self.run_command(&config, &["gateway", "client", "add", &client, "--connection", "http"])?;
        self.ask_centre(&config, &["gateway", "client", "register", &client, "--name", subsystem])?;
        self.approve_all()?;
        Ok(config)
    }

    fn anchor(&self) -> anyhow::Result<String> {
        let path = self.folder.join("hub/state/central/anchor.xml");
        anyhow::ensure!(path.exists(), "the centre left no anchor at {}", path.display());
        Ok(path.display().to_string())
    }

    /// Approves what waits: the lines of `central requests` that begin with a number.
    fn approve_all(&self) -> anyhow::Result<()> {
        let waiting = self.run_command(&self.hub(), &["central", "requests"])?;
        let numbers = waiting.lines().filter_map(|line| line.split_whitespace().next());
        for number in numbers.filter(|word| word.parse::<u64>().is_ok()) {
            self.run_command(&self.hub(), &["central", "approve", number])?;
        }
        Ok(())
    }

    /// Adds the service at the provider and lets the consumer call it.
    fn offer(&self, config: &Path, provider: &str, consumer: &str) -> anyhow::Result<()> {
        let service = format!("VN:GOV:{provider}:dancu:bench");
        let address = format!("http://{}", self.service);
        self.run_command(config, &["gateway", "service", "add", &service, "--base-url", &address])?;
        let subject = format!("VN:GOV:{consumer}:motcua");
        self.run_command(config, &["gateway", "grant", "--service", &service, "--subject", &subject])?;
        Ok(())
    }

    fn run(&self, config: PathBuf, port: u16) -> anyhow::Result<Gateway> {
        let label = format!("gateway-{port}");
        let process = self.serve(&label, &config, "gateway")?;
        Ok(Gateway { config, http: local(port + 3), process })
    }
}
