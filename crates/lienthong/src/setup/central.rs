//! The central: made from nothing, its trust services, members and decisions.

use std::sync::Arc;

use anyhow::Context as _;
use directory::CertDer;
use directory::InstanceSettings;
use directory::RequestRow;
use directory::acts::Central;
use directory::acts::permit::{Administer, ManageTrust, Register, View};
use directory::anchor;
use directory::shared_params::{ApprovedCa, ApprovedTsa, CaInfo, CostType, CsrFormat, OcspResponder};
use directory::{Audience, SigningKeyRow};
use kit::Clock;
use store::Store;
use trust::Certificate;
use trust::key::KeyKind;

use super::central_permit;
use super::keys::Vault;
use crate::config::{Config, Role};
use crate::home::Home;
use crate::http::fetch;
use crate::out::trouble;

/// Certificate profile of the members' certificates (exchange-protocol §2.8).
pub const BASIC_PROFILE: &str = "ee.ria.xroad.common.certificateprofile.impl.BasicCertificateProfileInfoProvider";
/// Where gateways send their requests, on the public listener.
pub const REQUESTS_PATH: &str = "/management/requests";

/// An opened central.
#[derive(Clone, Debug)]
pub struct CentralNode {
    /// Its acts.
    pub central: Central,
    /// Its database.
    pub store: Store,
    /// Its folder.
    pub home: Home,
}

/// What a new central shall be.
#[derive(Clone, Debug)]
pub struct NewCentral {
    /// Instance identifier.
    pub instance: String,
    /// Host, with a port when it is not 80, at which gateways reach it.
    pub address: String,
    /// Member classes with their descriptions.
    pub classes: Vec<(String, String)>,
    /// Kind of the signing keys.
    pub key_kind: KeyKind,
}

/// What making a central left behind.
#[derive(Clone, Debug)]
pub struct MadeCentral {
    /// The central.
    pub node: CentralNode,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Whether a PIN was made up.
    pub pin_made: bool,
}

impl CentralNode {
    /// Opens the central of `config`, which was made before.
    ///
    /// # Errors
    /// When it was not, or its keys or database cannot be opened.
    pub async fn open(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let home = config.home(Role::Central);
        if config.central.database.is_none() && !home.path().join("lienthong.db").exists() {
            return Err(trouble!(
                "Chưa có trung tâm ở đây: chạy `lienthong central init` trước",
                "There is no central here: run `lienthong central init` first"
            )
            .into());
        }
        let pin = home.pin(config.central.pin_file.as_deref())?;
        let vault = Vault::open(&home, &pin, KeyKind::Rsa3072, false)?;
        Self::over(config, home, vault, clock).await
    }

    async fn over(config: &Config, home: Home, vault: Vault, clock: Clock) -> anyhow::Result<Self> {
        let store = open_store(&home.database(config.central.database.as_deref())).await?;
        directory::migrate(&store).await?;
        crate::roles::central_keys::migrate(&store).await?;
        let central = Central::new(store.clone(), clock, Arc::new(vault));
        Ok(Self { central, store, home })
    }

    /// Makes a central: keys, instance, member classes, anchor.
    ///
    /// # Errors
    /// When there is one already, or a value is not acceptable.
    pub async fn create(config: &Config, new: &NewCentral, clock: Clock) -> anyhow::Result<MadeCentral> {
        let home = config.home(Role::Central);
        home.create()?;
        let (pin, pin_made) = home.pin_or_new(config.central.pin_file.as_deref())?;
        let vault = Vault::open(&home, &pin, new.key_kind, true)?;
        let node = Self::over(config, home, vault, clock).await?;
        let mut settings = InstanceSettings::new(&new.instance, &new.address);
        settings.registration_address = format!("http://{}{REQUESTS_PATH}", new.address);
        node.central.initialise(&central_permit()?, settings).await?;
        for (code, description) in &new.classes {
            let permit = central_permit::<Administer>()?;
            node.central.put_member_class(&permit, code.clone(), description.clone()).await?;
        }
        for audience in Audience::ALL {
            node.central.generate_signing_key(&central_permit::<ManageTrust>()?, audience).await?;
        }
        let anchor = node.write_anchor().await?;
        Ok(MadeCentral { fingerprint: anchor::fingerprint(&anchor), node, pin_made })
    }

    /// Writes the anchor file of the internal configuration and returns its bytes.
    ///
    /// # Errors
    /// When there is no key yet or the file cannot be written.
    pub async fn write_anchor(&self) -> anyhow::Result<Vec<u8>> {
        let anchor = self.central.anchor_file(&central_permit::<View>()?, Audience::Internal).await?;
        let path = self.home.anchor();
        let name = path.display();
        std::fs::write(&path, &anchor).context(trouble!("Không ghi được {name}", "Cannot write {name}"))?;
        Ok(anchor)
    }

    /// Approves the authority and the time-stamping service of a test authority, as its own addresses describe them; the latter at `tsa_url`
    /// when it is served elsewhere.
    ///
    /// # Errors
    /// When they cannot be read or are approved already.
    pub async fn trust_pki(&self, name: &str, url: &str, tsa_url: Option<&str>) -> anyhow::Result<()> {
        let url = url.trim_end_matches('/');
        let certificate = |file: &'static str| async move {
            let source = format!("{url}/{file}");
            read_certificate(&fetch(&source).await?, &source)
        };
        let root = certificate("ca.pem").await?;
        let intermediate = certificate("intermediate.pem").await.ok();
        let ocsp = OcspResponder {
            url: format!("{url}/ocsp"),
            cert: Some(CertDer::new(certificate("ocsp.pem").await?.der())),
            cost: CostType::Free,
        };
        let info =
            |certificate: &Certificate| CaInfo { cert: CertDer::new(certificate.der()), ocsp: vec![ocsp.clone()] };
        self.trust_ca(name, info(&root), intermediate.iter().map(info).collect()).await?;
        let tsa = certificate("tsa.pem").await?;
        let own = format!("{url}/tsa");
        self.trust_tsa(name, tsa_url.unwrap_or(&own), &tsa).await
    }

    /// Approves a certification authority.
    ///
    /// # Errors
    /// When a certificate is no authority's, or it is approved already.
    pub async fn trust_ca(&self, name: &str, top: CaInfo, intermediates: Vec<CaInfo>) -> anyhow::Result<()> {
        let ca = ApprovedCa {
            name: name.to_owned(),
            authentication_only: false,
            top,
            intermediates,
            profile: BASIC_PROFILE.to_owned(),
            csr_format: CsrFormat::Pem,
            acme: None,
        };
        self.central.add_ca(&central_permit()?, ca).await?;
        Ok(())
    }

    /// Approves a time-stamping service.
    ///
    /// # Errors
    /// When the address is malformed, or it is approved already.
    pub async fn trust_tsa(&self, name: &str, url: &str, certificate: &Certificate) -> anyhow::Result<()> {
        let cert = CertDer::new(certificate.der());
        let tsa = ApprovedTsa { name: name.to_owned(), url: url.to_owned(), cert, cost: CostType::Free };
        self.central.add_tsa(&central_permit()?, tsa).await?;
        Ok(())
    }

    /// Approves a request.
    ///
    /// # Errors
    /// When it is unknown, decided, or cannot be carried out.
    pub async fn approve(&self, id: i64) -> anyhow::Result<RequestRow> {
        Ok(self.central.approve_request(&central_permit::<Register>()?, id).await?)
    }

    /// Puts a new key in place of the signing key of an audience, without a gap: published first, then used, then the old one removed.
    ///
    /// # Errors
    /// When the token refuses.
    pub async fn new_signing_key(&self, audience: Audience) -> anyhow::Result<SigningKeyRow> {
        Ok(self.central.generate_signing_key(&central_permit()?, audience).await?)
    }
}

/// Opens a database.
///
/// # Errors
/// When it cannot be opened. The address is not told: it may hold a password.
pub async fn open_store(url: &str) -> anyhow::Result<Store> {
    let opened = Store::open(url).await;
    opened.with_context(|| trouble!("Không mở được cơ sở dữ liệu", "Cannot open the database"))
}

/// Reads a certificate, PEM or DER.
///
/// # Errors
/// With where it came from.
pub fn read_certificate(bytes: &[u8], source: &str) -> anyhow::Result<Certificate> {
    let read = Certificate::from_pem_or_der(bytes);
    read.with_context(|| trouble!("{source} không phải là chứng thư", "{source} is not a certificate"))
}
