//! The instance this central serves, with its settings.

use serde::{Deserialize, Serialize};
use store::{Row, StoreError, Tx, Value};

use crate::model::cert::CertDer;
use crate::model::id::ClientId;

/// Settings of the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct InstanceSettings {
    /// Instance identifier; cannot be changed later.
    pub instance: String,
    /// Host name or address of this central, as gateways reach it.
    pub address: String,
    /// How long an OCSP response counts, seconds.
    pub ocsp_freshness_seconds: u32,
    /// How often gateways stamp their message log, seconds (60 to 86,400).
    pub timestamping_interval_seconds: u32,
    /// How long a signed directory counts, seconds.
    pub expire_seconds: u32,
    /// Where gateways register their authentication certificates.
    pub registration_address: String,
    /// TLS certificate of that address, base64 DER.
    #[schema(value_type = Option<String>)]
    pub registration_cert: Option<CertDer>,
    /// The subsystem that provides the management services.
    #[schema(value_type = Option<String>)]
    pub management_provider: Option<ClientId>,
    /// Approve registrations of authentication certificates without an operator.
    pub auto_approve_auth_cert: bool,
    /// Approve registrations of clients without an operator.
    pub auto_approve_client: bool,
    /// Approve changes of owner without an operator.
    pub auto_approve_owner_change: bool,
}

impl InstanceSettings {
    /// Settings with the customary values (§2.12).
    #[must_use]
    pub fn new(instance: &str, address: &str) -> Self {
        Self {
            instance: instance.to_owned(),
            address: address.to_owned(),
            ocsp_freshness_seconds: 3600,
            timestamping_interval_seconds: 60,
            expire_seconds: 600,
            registration_address: format!("https://{address}:4001/managementservice/"),
            registration_cert: None,
            management_provider: None,
            auto_approve_auth_cert: false,
            auto_approve_client: false,
            auto_approve_owner_change: false,
        }
    }

    fn values(&self) -> Vec<Value> {
        vec![
            self.instance.as_str().into(),
            self.address.as_str().into(),
            self.ocsp_freshness_seconds.into(),
            self.timestamping_interval_seconds.into(),
            self.expire_seconds.into(),
            self.registration_address.as_str().into(),
            self.registration_cert.as_ref().map(CertDer::der).into(),
            self.management_provider.as_ref().map(ClientId::colon).into(),
            self.auto_approve_auth_cert.into(),
            self.auto_approve_client.into(),
            self.auto_approve_owner_change.into(),
        ]
    }

    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let provider = row.opt_text("management_provider")?;
        Ok(Self {
            instance: row.text("instance")?,
            address: row.text("address")?,
            ocsp_freshness_seconds: row.get("ocsp_freshness_seconds")?,
            timestamping_interval_seconds: row.get("timestamping_interval_seconds")?,
            expire_seconds: row.get("expire_seconds")?,
            registration_address: row.text("registration_address")?,
            registration_cert: row.opt_bytes("registration_cert")?.map(|der| CertDer::new(&der)),
            management_provider: provider
                .map(|text| text.parse().map_err(|_| super::damaged("the management provider")))
                .transpose()?,
            auto_approve_auth_cert: row.bool("auto_approve_auth_cert")?,
            auto_approve_client: row.bool("auto_approve_client")?,
            auto_approve_owner_change: row.bool("auto_approve_owner_change")?,
        })
    }
}

/// The settings and the revision, once the instance was initialised.
///
/// # Errors
/// Those of the store.
pub fn load(tx: &mut Tx<'_>) -> Result<Option<(InstanceSettings, i64)>, StoreError> {
    let row = tx.query_one("SELECT * FROM directory_instance WHERE id = 1", &[])?;
    row.map(|row| Ok((InstanceSettings::from_row(&row)?, row.int("revision")?))).transpose()
}

/// Writes the settings of a new instance; `false` when there is one already.
///
/// # Errors
/// Those of the store.
pub fn insert(tx: &mut Tx<'_>, settings: &InstanceSettings) -> Result<bool, StoreError> {
    let changed = tx.exec(
        "INSERT INTO directory_instance (id, instance, address, ocsp_freshness_seconds, timestamping_interval_seconds, \
         expire_seconds, registration_address, registration_cert, management_provider, auto_approve_auth_cert, \
         auto_approve_client, auto_approve_owner_change) \
         VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING",
        &settings.values(),
    )?;
    Ok(changed == 1)
}

/// Changes the settings, all but the identifier.
///
/// # Errors
/// Those of the store.
pub fn update(tx: &mut Tx<'_>, settings: &InstanceSettings) -> Result<(), StoreError> {
    tx.exec(
        "UPDATE directory_instance SET address = $2, ocsp_freshness_seconds = $3, timestamping_interval_seconds = $4, \
         expire_seconds = $5, registration_address = $6, registration_cert = $7, management_provider = $8, \
         auto_approve_auth_cert = $9, auto_approve_client = $10, auto_approve_owner_change = $11 \
         WHERE id = 1 AND instance = $1",
        &settings.values(),
    )?;
    Ok(())
}

/// Says that the configuration may have changed.
///
/// # Errors
/// Those of the store.
pub fn bump_revision(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.exec("UPDATE directory_instance SET revision = revision + 1 WHERE id = 1", &[])?;
    Ok(())
}
