//! A gateway: made from an anchor, opened for work, its configuration fetched.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use directory::GlobalConf;
use directory::RequestBody;
use directory::anchor::{self, Anchor};
use directory::client::{ClientOptions, GlobalConfHandle, Updater};
use directory::{CertDer, ClientId, ServerId};
use exchange::acts::Admin;
use jiff::SignedDuration;
use kit::Clock;
use store::{Migration, Store, Tx};
use trust::cert::{CertificateTemplate, CertificateUsage, DistinguishedName, self_signed};
use trust::key::{KeyKind, SoftwareKey};
use trust::token::{KeyInfo, KeyPurpose, Token};
use trust::{Certificate, SigningKey};

use super::central::open_store;
use super::keys;
use super::link::{CentralLink, Signers};
use crate::config::{Config, Role};
use crate::home::{Home, write_secret};
use crate::out::trouble;

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "setting",
    sql: "CREATE TABLE lienthong_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
}];
/// How long the gateway's own certificate towards information systems is valid.
const INTERNAL_VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 365 * 20);

/// Attempts at the first download, and the pause between two.
const MAX_ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(500);

/// An opened gateway that is not carrying messages yet.
pub struct GatewayNode {
    /// Its settings.
    pub config: Config,
    /// Its folder.
    pub home: Home,
    /// Its database.
    pub store: Store,
    /// Its administration.
    pub admin: Admin,
    /// Its keys.
    pub token: Arc<dyn Token>,
    /// Which gateway it is.
    pub server: ServerId,
    /// The way to the central.
    pub link: CentralLink,
    /// What time it is.
    pub clock: Clock,
    /// Keeps the configuration up to date.
    pub updater: Updater,
    /// The configuration.
    pub conf: GlobalConfHandle,
}

/// What a new gateway shall be.
#[derive(Clone, Debug)]
pub struct NewGateway {
    /// Bytes of the anchor.
    pub anchor: Vec<u8>,
    /// The member that owns it.
    pub owner: ClientId,
    /// Its code within the owner.
    pub code: String,
    /// Where other gateways reach it.
    pub address: String,
}

impl GatewayNode {
    /// Makes a gateway: anchor, configuration, keys' file, database, certificate towards information systems. Whether a PIN was made up.
    ///
    /// # Errors
    /// When there is one already, the anchor is none, or the configuration behind it cannot be fetched and verified.
    pub async fn create(config: &Config, new: &NewGateway, clock: Clock) -> anyhow::Result<(Self, bool)> {
        let home = config.home(Role::Gateway);
        if home.anchor().exists() {
            let name = home.path().display();
            return Err(trouble!("Đã có một cổng trong {name}", "There is a gateway in {name} already").into());
        }
        let anchor = read_anchor(&new.anchor)?;
        let (wanted, given) = (&new.owner.instance, &anchor.instance);
        if **wanted != **given {
            return Err(trouble!(
                "Mỏ neo là của {given}, không phải {wanted}",
                "The anchor is of {given}, not of {wanted}"
            )
            .into());
        }
        home.create()?;
        let mut updater = updater(config, &home, anchor, &clock);
        if !first_round(&mut updater).await {
            let reason = updater.handle().health().last_error.clone().unwrap_or_default();
            return Err(trouble!(
                "Không lấy được cấu hình toàn hệ thống: {reason}",
                "The global configuration could not be fetched: {reason}"
            )
            .into());
        }
        let (pin, pin_made) = home.pin_or_new(config.gateway.pin_file.as_deref())?;
        keys::open_or_create(&home, config.gateway.pkcs11.as_ref(), &pin)?;
        let server = ServerId::new(new.owner.clone(), &new.code);
        make_internal_certificate(&home, &server, &clock)?;
        let store = open_store(&home.database(config.gateway.database.as_deref())).await?;
        store.migrate("lienthong", MIGRATIONS).await?;
        put_setting(&store, "server", &server.colon()).await?;
        put_setting(&store, "address", &new.address).await?;
        // Last: a folder with an anchor holds a whole gateway.
        std::fs::write(home.anchor(), &new.anchor)?;
        Ok((Self::over(config, home, store, updater, clock).await?, pin_made))
    }

    /// Opens the gateway of `config`, which was made before.
    ///
    /// # Errors
    /// When it was not, or its keys or database cannot be opened.
    pub async fn open(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let home = config.home(Role::Gateway);
        let anchor = std::fs::read(home.anchor()).with_context(|| {
            trouble!(
                "Chưa có cổng ở đây: chạy `lienthong gateway init` trước",
                "There is no gateway here: run `lienthong gateway init` first"
            )
        })?;
        let updater = updater(config, &home, read_anchor(&anchor)?, &clock);
        let store = open_store(&home.database(config.gateway.database.as_deref())).await?;
        Self::over(config, home, store, updater, clock).await
    }

    async fn over(config: &Config, home: Home, store: Store, updater: Updater, clock: Clock) -> anyhow::Result<Self> {
        store.migrate("lienthong", MIGRATIONS).await?;
        let pin = home.pin(config.gateway.pin_file.as_deref())?;
        let token = keys::open(&home, config.gateway.pkcs11.as_ref(), &pin)?;
        let server = setting(&store, "server").await?;
        let server = ServerId::from_colon(&server.context("the database names no gateway")?)?;
        let link = CentralLink::new(clock.clone());
        let admin = Admin::open(store.clone(), clock.clone(), &server, Arc::new(link.clone())).await?;
        let conf = updater.handle();
        let config = config.clone();
        let node = Self { config, home, store, admin, token, server, link, clock, updater, conf };
        node.refresh_link()?;
        Ok(node)
    }

    /// Where other gateways reach this one, as it was made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn address(&self) -> anyhow::Result<String> {
        Ok(setting(&self.store, "address").await?.unwrap_or_default())
    }

    /// Fetches the configuration now.
    ///
    /// # Errors
    /// When it cannot be fetched and the copy has expired.
    pub async fn fetch(&mut self) -> anyhow::Result<Arc<GlobalConf>> {
        let good = self.updater.round().await;
        let conf = self.conf.current();
        if !good && conf.is_expired(self.clock.now()) {
            let reason = self.conf.health().last_error.clone().unwrap_or_default();
            return Err(trouble!(
                "Không lấy được cấu hình toàn hệ thống: {reason}",
                "The global configuration could not be fetched: {reason}"
            )
            .into());
        }
        self.refresh_link()?;
        Ok(conf)
    }

    /// Tells the way to the central what the configuration and the token say now.
    ///
    /// # Errors
    /// When the token fails.
    pub fn refresh_link(&self) -> anyhow::Result<()> {
        self.link.set(self.requests_url(), self.signers()?);
        Ok(())
    }

    fn requests_url(&self) -> Option<String> {
        let path = super::central::REQUESTS_PATH;
        if let Some(url) = &self.config.gateway.central {
            return Some(format!("{}{path}", url.trim_end_matches('/')));
        }
        let conf = self.conf.current();
        Some(conf.private().management.registration_address.clone()).filter(|url| url.starts_with("http://"))
    }

    /// The signing keys whose certificates the configuration accepts now, one for each member.
    ///
    /// # Errors
    /// When the token fails.
    pub fn signers(&self) -> anyhow::Result<Signers> {
        let (conf, now) = (self.conf.current(), self.clock.now());
        let mut signers = Signers::new();
        for key in self.keys(KeyPurpose::Sign)? {
            for certificate in newest_first(&key) {
                let Ok(member) = conf.trust().signing_member(certificate, &[], conf.instance(), now) else { continue };
                if !signers.iter().any(|(known, ..)| *known == member) {
                    signers.push((member, self.token.signing_key(&key.id)?, certificate.clone()));
                }
            }
        }
        Ok(signers)
    }

    /// The authentication key and certificate: the registered one first, else the newest that is valid.
    ///
    /// # Errors
    /// When there is none, or the token fails.
    pub fn auth(&self) -> anyhow::Result<(Arc<dyn SigningKey>, Certificate)> {
        let (conf, now) = (self.conf.current(), self.clock.now());
        let keys = self.keys(KeyPurpose::Auth)?;
        let all = keys.iter().flat_map(|key| newest_first(key).into_iter().map(move |certificate| (key, certificate)));
        let mut valid: Vec<_> = all.filter(|(_, certificate)| certificate.is_valid_at(now)).collect();
        valid.sort_by_key(|(_, certificate)| {
            (conf.server_by_auth_cert(certificate.sha256()).is_none(), std::cmp::Reverse(certificate.not_before()))
        });
        let (key, certificate) = valid.first().ok_or_else(|| {
            trouble!(
                "Cổng chưa có chứng thư xác thực còn hiệu lực: chạy `lienthong gateway key enrol` hoặc `key import`",
                "The gateway has no valid authentication certificate: run `lienthong gateway key enrol` or `key import`"
            )
        })?;
        Ok((self.token.signing_key(&key.id)?, (*certificate).clone()))
    }

    /// The keys for a purpose. Keys on a device whose purpose is unknown are told by their certificates.
    ///
    /// # Errors
    /// When the token fails.
    pub fn keys(&self, purpose: KeyPurpose) -> anyhow::Result<Vec<KeyInfo>> {
        let fits = |key: &KeyInfo| match key.purpose {
            Some(known) => known == purpose,
            None => key.certificates.iter().any(|certificate| match purpose {
                KeyPurpose::Auth => certificate.is_for_authentication(),
                KeyPurpose::Sign => certificate.is_for_signing(),
            }),
        };
        Ok(self.token.keys()?.into_iter().filter(fits).collect())
    }

    /// Asks the central to register this gateway with its authentication certificate; the number and state of the request.
    ///
    /// # Errors
    /// When a certificate is missing, or the central cannot be reached or refuses.
    pub async fn register(&self) -> anyhow::Result<(String, String)> {
        let (key, certificate) = self.auth()?;
        let request = RequestBody::AuthCertRegistration {
            server: self.server.clone(),
            address: Some(self.address().await?),
            auth_cert: CertDer::new(certificate.der()),
        };
        Ok(self.link.send(&self.server.owner, request, Some(&*key)).await?)
    }

    /// Raw shared parameters of each instance, the own first, as the package for verifiers holds them.
    ///
    /// # Errors
    /// When the copy cannot be read.
    pub fn verification_conf(folder: &Path, conf: &GlobalConf) -> Result<Vec<u8>, String> {
        let mut files = Vec::new();
        for instance in conf.instances() {
            let path = folder.join(&*instance.id).join("shared-params.xml");
            files.push((instance.id.to_string(), std::fs::read(path).map_err(|error| error.to_string())?));
        }
        let files: Vec<(&str, &[u8])> = files.iter().map(|(id, bytes)| (id.as_str(), bytes.as_slice())).collect();
        directory::client::write_verification_conf(conf.instance(), &files).map_err(|error| error.to_string())
    }
}

/// The certificates of a key, the newest first.
fn newest_first(key: &KeyInfo) -> Vec<&Certificate> {
    let mut certificates: Vec<&Certificate> = key.certificates.iter().collect();
    certificates.sort_by_key(|certificate| std::cmp::Reverse(certificate.not_before()));
    certificates
}

/// Reads an anchor.
///
/// # Errors
/// When the bytes are none.
pub fn read_anchor(bytes: &[u8]) -> anyhow::Result<Anchor> {
    anchor::read(bytes).context(trouble!("Đây không phải là tệp mỏ neo", "This is not an anchor file"))
}

fn updater(config: &Config, home: &Home, anchor: Anchor, clock: &Clock) -> Updater {
    let interval = Duration::from_secs(config.gateway.fetch_interval.max(1));
    Updater::new(ClientOptions { interval, ..ClientOptions::new(anchor, home.configuration(), clock.clone()) })
}

/// The first download; tried again for a moment, because the central may just be starting.
async fn first_round(updater: &mut Updater) -> bool {
    for _ in 0..MAX_ATTEMPTS {
        if updater.round().await {
            return true;
        }
        tokio::time::sleep(PAUSE).await;
    }
    false
}

fn make_internal_certificate(home: &Home, server: &ServerId, clock: &Clock) -> anyhow::Result<()> {
    let key = SoftwareKey::generate(KeyKind::EcP256)?;
    let now = clock.now();
    let template = CertificateTemplate {
        subject: DistinguishedName::new().with("O", &server.owner.member).with("CN", &server.colon()),
        usage: CertificateUsage::Authentication,
        serial: vec![1],
        not_before: now - SignedDuration::from_hours(1),
        not_after: now.saturating_add(INTERNAL_VALIDITY).unwrap_or(now),
        dns_names: vec!["localhost".to_owned()],
        ocsp_url: None,
    };
    let certificate = self_signed(&template, &key)?;
    write_secret(&home.internal_key(), &key.to_pkcs8()?)?;
    std::fs::write(home.internal_certificate(), certificate.to_pem())?;
    Ok(())
}

async fn put_setting(store: &Store, name: &'static str, value: &str) -> anyhow::Result<()> {
    let value = value.to_owned();
    let sql = "INSERT INTO lienthong_setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    store.write(move |tx: &mut Tx<'_>| tx.exec(sql, &[name.into(), value.as_str().into()])).await?;
    Ok(())
}

async fn setting(store: &Store, name: &'static str) -> anyhow::Result<Option<String>> {
    let sql = "SELECT value FROM lienthong_setting WHERE name = $1";
    let row = store.read(move |tx: &mut Tx<'_>| tx.query_one(sql, &[name.into()])).await?;
    Ok(row.map(|row| row.text(0)).transpose()?)
}
