//! The configuration file `lienthong.toml`. `src/default.toml` documents every value; a test keeps it equal to the defaults here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use exchange::gateway::settings::GatewaySettings;
use exchange::log::LogSettings;
use kit::Lang;
use serde::{Deserialize, Serialize};

use crate::home::Home;
use crate::out::trouble;

/// The documented defaults, as `lienthong config --print-default` shows them.
pub const DEFAULT_TEXT: &str = include_str!("default.toml");
/// The file read when none is named.
pub const DEFAULT_FILE: &str = "lienthong.toml";

/// What this process may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The test authority.
    Pki,
    /// The central.
    Central,
    /// A gateway.
    Gateway,
}

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Language of messages to the operator.
    pub lang: Lang,
    /// What `serve` starts.
    pub roles: Vec<Role>,
    /// Folder of everything kept.
    pub state: PathBuf,
    /// Where events go.
    pub log: LogConfig,
    /// The test authority.
    pub pki: PkiConfig,
    /// The central.
    pub central: CentralConfig,
    /// The gateway.
    pub gateway: GatewayConfig,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For collectors.
    Json,
}

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Form.
    pub format: LogFormat,
    /// Which events.
    pub filter: String,
}

/// The test authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PkiConfig {
    /// Where it listens.
    pub listen: SocketAddr,
}

/// The central.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CentralConfig {
    /// Configuration and requests.
    pub listen: SocketAddr,
    /// Administration and status.
    pub admin: SocketAddr,
    /// Address of the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// File with the PIN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_file: Option<PathBuf>,
}

/// Where messages are logged first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalKind {
    /// Segment files.
    #[default]
    Files,
    /// A table of the database.
    Table,
}

/// A PKCS#11 device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pkcs11 {
    /// The module.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
}

/// The gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Administration, status, metrics.
    pub admin: SocketAddr,
    /// Health probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<SocketAddr>,
    /// Address of the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// File with the PIN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_file: Option<PathBuf>,
    /// Where messages are logged first.
    pub journal: JournalKind,
    /// Seconds between two downloads of the configuration.
    pub fetch_interval: u64,
    /// Where requests go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub central: Option<String>,
    /// A device instead of the encrypted file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pkcs11: Option<Pkcs11>,
    /// The data path.
    pub exchange: GatewaySettings,
    /// The message log.
    pub message_log: LogSettings,
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lang: Lang::Vi,
            roles: vec![Role::Gateway],
            state: "lienthong-state".into(),
            log: LogConfig::default(),
            pki: PkiConfig::default(),
            central: CentralConfig::default(),
            gateway: GatewayConfig::default(),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

impl Default for PkiConfig {
    fn default() -> Self {
        Self { listen: local(8888) }
    }
}

impl Default for CentralConfig {
    fn default() -> Self {
        let everywhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 4001);
        Self { listen: everywhere, admin: local(4002), database: None, pin_file: None }
    }
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            admin: local(4000),
            health: Some(local(5588)),
            database: None,
            pin_file: None,
            journal: JournalKind::Files,
            fetch_interval: 60,
            central: None,
            pkcs11: None,
            exchange: GatewaySettings::default(),
            message_log: LogSettings::default(),
        }
    }
}

impl Config {
    /// Reads the file, or takes the defaults when none is named and there is no [`DEFAULT_FILE`] here. Relative paths count from its folder.
    ///
    /// # Errors
    /// When the file cannot be read or holds something unknown.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let name = path.display();
        let mut config = match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).context(
                trouble!("Tệp cấu hình {name} có chỗ sai", "The configuration file {name} is wrong").code(2),
            )?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.is_none() => Self::default(),
            Err(error) => {
                let trouble =
                    trouble!("Không đọc được tệp cấu hình {name}", "Cannot read the configuration file {name}");
                return Err(anyhow::Error::new(error).context(trouble.code(2)));
            }
        };
        config.anchor_paths(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Understands the text of a file.
    ///
    /// # Errors
    /// With the line and what is wrong in it.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    fn anchor_paths(&mut self, folder: &Path) {
        let anchor = |path: &mut PathBuf| *path = folder.join(&*path);
        anchor(&mut self.state);
        let pins = [&mut self.central.pin_file, &mut self.gateway.pin_file];
        pins.into_iter().flatten().for_each(anchor);
        self.gateway.message_log.archive_dir.iter_mut().for_each(anchor);
        if self.gateway.exchange.spool_directory == GatewaySettings::default().spool_directory {
            self.gateway.exchange.spool_directory = self.home(Role::Gateway).spool();
        } else {
            anchor(&mut self.gateway.exchange.spool_directory);
        }
    }

    /// Listeners on the loopback interface at `base` and the ports after it; `state` as the folder of state.
    #[must_use]
    pub fn compact(roles: Vec<Role>, state: PathBuf, base: u16) -> Self {
        let port = |offset| local(base.saturating_add(offset));
        let mut config = Self { roles, state, ..Self::default() };
        config.pki.listen = port(0);
        config.central.listen = port(1);
        config.central.admin = port(2);
        let gateway = &mut config.gateway;
        (gateway.exchange.http, gateway.exchange.https) = (Some(port(3)), Some(port(4)));
        (gateway.exchange.peer, gateway.exchange.ocsp) = (port(5), Some(port(6)));
        (gateway.admin, gateway.health) = (port(7), Some(port(8)));
        // On one machine a change is worth seeing at once.
        gateway.fetch_interval = 2;
        config.anchor_paths(Path::new(""));
        config
    }

    /// The folder of one role.
    #[must_use]
    pub fn home(&self, role: Role) -> Home {
        Home::new(self.state.join(match role {
            Role::Pki => "pki",
            Role::Central => "central",
            Role::Gateway => "gateway",
        }))
    }
}

/// The text of a file for these roles with their listeners on the loopback interface from `base` on.
#[must_use]
pub fn compact_text(roles: &[Role], base: u16) -> String {
    let port = |offset: u16| base.saturating_add(offset);
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let mut text =
        format!("# lienthong config --print-default explains every value.\nroles = {names:?}\nstate = \"state\"\n");
    for role in roles {
        text += &match role {
            Role::Pki => format!("\n[pki]\nlisten = \"127.0.0.1:{}\"\n", port(0)),
            Role::Central => {
                format!("\n[central]\nlisten = \"127.0.0.1:{}\"\nadmin = \"127.0.0.1:{}\"\n", port(1), port(2))
            }
            Role::Gateway => format!(
                "\n[gateway]\nadmin = \"127.0.0.1:{}\"\nhealth = \"127.0.0.1:{}\"\nfetch_interval = 2\n\n[gateway.exchange]\n\
                 http = \"127.0.0.1:{}\"\nhttps = \"127.0.0.1:{}\"\npeer = \"127.0.0.1:{}\"\nocsp = \"127.0.0.1:{}\"\n",
                port(7),
                port(8),
                port(3),
                port(4),
                port(5),
                port(6)
            ),
        };
    }
    text
}

impl Role {
    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pki => "pki",
            Self::Central => "central",
            Self::Gateway => "gateway",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_defaults_are_the_defaults() {
        assert_eq!(Config::parse(DEFAULT_TEXT).unwrap(), Config::default());
    }

    #[test]
    fn a_misspelt_key_is_refused_by_name() {
        let error = Config::parse("[gateway]\nadmim = \"127.0.0.1:1\"\n").unwrap_err();
        assert!(error.to_string().contains("admim"), "{error}");
    }

    #[test]
    fn a_written_file_says_what_the_demo_uses() {
        let roles = vec![Role::Pki, Role::Central, Role::Gateway];
        let mut read = Config::parse(&compact_text(&roles, 20_000)).unwrap();
        read.anchor_paths(Path::new(""));
        assert_eq!(read, Config::compact(roles, "state".into(), 20_000));
    }
}
