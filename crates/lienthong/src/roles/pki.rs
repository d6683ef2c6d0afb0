//! The test authority as a role: certificates, OCSP and time-stamps on one address.

use std::sync::Arc;

use anyhow::Context as _;
use kit::Clock;
use trust::key::KeyKind;
use trust::pki::{Authority, AuthorityOptions, Enrolment, Server};

use crate::config::{Config, Role};
use crate::home::{random_secret, read_secret, write_secret};
use crate::out::trouble;

/// File with the token that lets a gateway enrol.
const TOKEN_FILE: &str = "enrolment-token";

/// A running authority.
#[derive(Debug)]
pub struct RunningPki {
    /// Where it listens.
    pub url: String,
    server: Server,
}

/// Founds an authority and makes up its enrolment token.
///
/// # Errors
/// When there is one already, or the folder cannot be written.
pub fn create(config: &Config, name: &str, kind: KeyKind, clock: Clock) -> anyhow::Result<Authority> {
    let home = config.home(Role::Pki);
    let folder = home.path().display().to_string();
    let options = AuthorityOptions {
        ocsp_url: Some(format!("http://{}/ocsp", config.pki.listen)),
        ..AuthorityOptions::new(name, kind)
    };
    home.create()?;
    let made = Authority::create_with(home.path(), &options, clock);
    let authority =
        made.with_context(|| trouble!("Không lập được CA trong {folder}", "Cannot found an authority in {folder}"))?;
    write_secret(&home.path().join(TOKEN_FILE), random_secret()?.as_bytes())?;
    Ok(authority)
}

/// Opens the authority of `config`.
///
/// # Errors
/// When it was not founded, or its files are damaged.
pub fn open(config: &Config, clock: Clock) -> anyhow::Result<Authority> {
    let opened = Authority::open(config.home(Role::Pki).path(), clock);
    opened.with_context(|| {
        trouble!(
            "Chưa có CA ở đây: chạy `lienthong pki init` trước",
            "There is no authority here: run `lienthong pki init` first"
        )
    })
}

/// The token that lets a gateway enrol.
///
/// # Errors
/// When its file cannot be read, or others can read it.
pub fn enrolment_token(config: &Config) -> anyhow::Result<String> {
    Ok(read_secret(&config.home(Role::Pki).path().join(TOKEN_FILE))?.trim().to_owned())
}

impl RunningPki {
    /// Starts serving.
    ///
    /// # Errors
    /// When the authority cannot be opened or the address is taken.
    pub async fn start(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let authority = open(config, clock)?;
        let enrolment = Enrolment::Token(Arc::from(enrolment_token(config)?));
        let address = config.pki.listen;
        let started = Server::start(address, authority.router(enrolment)).await;
        let server = started
            .with_context(|| trouble!("Không mở được cổng mạng {address} (CA)", "Cannot listen on {address} (pki)"))?;
        Ok(Self { url: server.url(""), server })
    }

    /// Stops serving.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
