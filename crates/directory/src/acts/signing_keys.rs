//! Signing keys of the configuration: generate, activate, delete; the anchors that begin trust in them; anchors of partners.
//!
//! A key is changed without a gap: a new key is published in the shared parameters first, so that gateways accept it before it signs.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use trust::cert::{CertificateTemplate, CertificateUsage, DistinguishedName, self_signed};

use super::permit::{ManageTrust, Permit, View};
use super::{ActError, Central};
use crate::model::anchor::{self, Anchor, AnchorSource};
use crate::model::cert::CertDer;
use crate::store::instance;
use crate::store::keys::{self, Audience, SigningKeyRow};

/// The certificate of a signing key only carries the key: trust comes from the anchor. It is given twenty years.
const CERT_LIFETIME: SignedDuration = SignedDuration::from_hours(20 * 365 * 24);

impl Central {
    /// Makes a signing key. The first key for an audience is active at once; later ones wait for [`Central::activate_signing_key`].
    ///
    /// # Errors
    /// When the token refuses.
    pub async fn generate_signing_key(
        &self,
        permit: &Permit<ManageTrust>,
        audience: Audience,
    ) -> Result<SigningKeyRow, ActError> {
        let at = self.clock.now();
        let id = kit::id::new(at).to_string();
        let (key_ref, key) = self.keys.generate(&format!("{}-conf-{id}", audience.as_str()))?;
        let cert = certificate(&*key, audience, at)?;
        let row = SigningKeyRow { id, audience, key_ref, cert, active: false, created_at: at.as_microsecond() };
        let event = match audience {
            Audience::Internal => "Generate internal configuration signing key",
            Audience::External => "Generate external configuration signing key",
        };
        let data = json!({ "id": row.id, "cert": row.cert.sha256_hex() });
        self.perform(permit, event, data, move |scene| {
            let first = !keys::list(scene.tx)?.iter().any(|known| known.audience == audience && known.active);
            let row = SigningKeyRow { active: first, ..row.clone() };
            keys::insert(scene.tx, &row)?;
            Ok(row)
        })
        .await
    }

    /// Lets a key sign from now on, instead of the one that did.
    ///
    /// # Errors
    /// When it is unknown or the token does not hold it.
    pub async fn activate_signing_key(&self, permit: &Permit<ManageTrust>, id: String) -> Result<(), ActError> {
        let vault = self.keys.clone();
        self.perform(permit, "Activate configuration signing key", json!({ "id": id }), move |scene| {
            let key = keys::find(scene.tx, &id)?.ok_or_else(|| ActError::not_found("signing key", &id))?;
            if vault.find(&key.key_ref).is_none() {
                return Err(ActError::Conflict("the token does not hold this key, or is locked".to_owned()));
            }
            Ok(keys::activate(scene.tx, &id, key.audience)?)
        })
        .await
    }

    /// Removes a key that does not sign any more, and destroys it in the token.
    ///
    /// # Errors
    /// When it is unknown or active.
    pub async fn delete_signing_key(&self, permit: &Permit<ManageTrust>, id: String) -> Result<(), ActError> {
        let removed = self
            .perform(permit, "Delete configuration signing key", json!({ "id": id }), move |scene| {
                let key = keys::find(scene.tx, &id)?.ok_or_else(|| ActError::not_found("signing key", &id))?;
                if key.active {
                    return Err(ActError::Conflict(
                        "an active key cannot be deleted: activate another first".to_owned(),
                    ));
                }
                keys::delete(scene.tx, &id)?;
                Ok(key)
            })
            .await?;
        // The key is already out of the registry; one that stays in the token is waste, not a danger.
        if let Err(error) = self.keys.delete(&removed.key_ref) {
            tracing::warn!(error.reason = %error, "a deleted signing key stays in the token");
        }
        Ok(())
    }

    /// The signing keys.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn signing_keys(&self, _permit: &Permit<View>) -> Result<Vec<SigningKeyRow>, ActError> {
        self.store.read(|tx| keys::list(tx).map_err(ActError::from)).await
    }

    /// The anchor file of a configuration, with every key that signs or may come to sign it.
    ///
    /// # Errors
    /// When the instance is not initialised or there is no key.
    pub async fn anchor_file(&self, _permit: &Permit<View>, audience: Audience) -> Result<Vec<u8>, ActError> {
        let at = self.clock.now();
        self.store
            .read(move |tx| {
                let (settings, _) = instance::load(tx)?.ok_or(ActError::NotInitialised)?;
                let certs = keys::list(tx)?.into_iter().filter(|key| key.audience == audience).map(|key| key.cert);
                let verification_certs: Vec<CertDer> = certs.collect();
                if verification_certs.is_empty() {
                    return Err(ActError::not_found("signing key for audience", audience.as_str()));
                }
                let download_url = format!("http://{}/{}conf", settings.address, audience.as_str());
                Ok(anchor::write(&Anchor {
                    generated_at: Some(at),
                    instance: settings.instance,
                    sources: vec![AnchorSource { download_url, verification_certs }],
                }))
            })
            .await
    }

    /// Adds or replaces the anchor of a federation partner and returns its fingerprint.
    ///
    /// # Errors
    /// When the file is not an anchor, or of this very instance.
    pub async fn add_trusted_anchor(&self, permit: &Permit<ManageTrust>, file: Vec<u8>) -> Result<String, ActError> {
        let fingerprint = anchor::fingerprint(&file);
        let data = json!({ "fingerprint": fingerprint });
        self.perform(permit, "Add trusted anchor", data, move |scene| {
            let anchor = anchor::read(&file).map_err(|error| ActError::invalid("/file", error))?;
            if anchor.instance == scene.settings.instance {
                return Err(ActError::invalid("/file", "is the anchor of this instance"));
            }
            Ok(keys::put_anchor(scene.tx, &anchor.instance, &file, scene.at)?)
        })
        .await?;
        Ok(fingerprint)
    }

    /// Ends the federation with a partner.
    ///
    /// # Errors
    /// When there is no anchor of this instance.
    pub async fn delete_trusted_anchor(&self, permit: &Permit<ManageTrust>, partner: String) -> Result<(), ActError> {
        self.perform(permit, "Delete trusted anchor", json!({ "instance": partner }), move |scene| {
            if keys::delete_anchor(scene.tx, &partner)? {
                Ok(())
            } else {
                Err(ActError::not_found("trusted anchor", &partner))
            }
        })
        .await
    }
}

fn certificate(key: &dyn trust::key::SigningKey, audience: Audience, at: Timestamp) -> Result<CertDer, ActError> {
    let template = CertificateTemplate {
        subject: DistinguishedName::new().with("CN", &format!("{} configuration", audience.as_str())),
        usage: CertificateUsage::Signing,
        serial: vec![1],
        not_before: at - SignedDuration::from_hours(1),
        not_after: at.saturating_add(CERT_LIFETIME).unwrap_or(Timestamp::MAX),
        dns_names: Vec::new(),
        ocsp_url: None,
    };
    let cert = self_signed(&template, key).map_err(|error| ActError::invalid("/key", error))?;
    Ok(CertDer::new(cert.der()))
}
