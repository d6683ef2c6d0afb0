//! Approved certification and time-stamping services.

use serde_json::json;
use trust::cert::Certificate;

use super::permit::{ManageTrust, Permit};
use super::{ActError, Central, named};
use crate::model::cert::CertDer;
use crate::model::profile::Profile;
use crate::model::shared_params::{ApprovedCa, ApprovedTsa, CaInfo};
use crate::store::trust_services as services;

impl Central {
    /// Approves a certification service and returns its number.
    ///
    /// # Errors
    /// When a certificate cannot be read or is no authority's, or the profile is not supported.
    pub async fn add_ca(&self, permit: &Permit<ManageTrust>, ca: ApprovedCa) -> Result<i64, ActError> {
        let data = json!({ "name": ca.name, "cert": ca.top.cert.sha256_hex() });
        self.perform(permit, "Add certification service", data, move |scene| {
            check_ca(&ca)?;
            Ok(services::insert(scene.tx, &ca, scene.at)?)
        })
        .await
    }

    /// Changes a certification service: its intermediates, responders, profile.
    ///
    /// # Errors
    /// When it is unknown, or as [`Central::add_ca`].
    pub async fn edit_ca(&self, permit: &Permit<ManageTrust>, id: i64, ca: ApprovedCa) -> Result<(), ActError> {
        let data = json!({ "id": id, "name": ca.name });
        self.perform(permit, "Edit certification service settings", data, move |scene| {
            check_ca(&ca)?;
            found("certification service", id, services::update(scene.tx, id, &ca)?)
        })
        .await
    }

    /// Withdraws a certification service: certificates under it stop counting.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn delete_ca(&self, permit: &Permit<ManageTrust>, id: i64) -> Result<(), ActError> {
        self.perform(permit, "Delete certification service", json!({ "id": id }), move |scene| {
            found("certification service", id, services::delete::<ApprovedCa>(scene.tx, id)?)
        })
        .await
    }

    /// Approves a time-stamping service and returns its number.
    ///
    /// # Errors
    /// When the certificate cannot be read or the address is malformed.
    pub async fn add_tsa(&self, permit: &Permit<ManageTrust>, tsa: ApprovedTsa) -> Result<i64, ActError> {
        let data = json!({ "name": tsa.name, "url": tsa.url });
        self.perform(permit, "Add timestamping service", data, move |scene| {
            check_tsa(&tsa)?;
            Ok(services::insert(scene.tx, &tsa, scene.at)?)
        })
        .await
    }

    /// Changes a time-stamping service.
    ///
    /// # Errors
    /// When it is unknown, or as [`Central::add_tsa`].
    pub async fn edit_tsa(&self, permit: &Permit<ManageTrust>, id: i64, tsa: ApprovedTsa) -> Result<(), ActError> {
        let data = json!({ "id": id, "name": tsa.name, "url": tsa.url });
        self.perform(permit, "Edit timestamping service", data, move |scene| {
            check_tsa(&tsa)?;
            found("timestamping service", id, services::update(scene.tx, id, &tsa)?)
        })
        .await
    }

    /// Withdraws a time-stamping service.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn delete_tsa(&self, permit: &Permit<ManageTrust>, id: i64) -> Result<(), ActError> {
        self.perform(permit, "Delete timestamping service", json!({ "id": id }), move |scene| {
            found("timestamping service", id, services::delete::<ApprovedTsa>(scene.tx, id)?)
        })
        .await
    }
}

fn found(what: &'static str, id: i64, changed: bool) -> Result<(), ActError> {
    if changed { Ok(()) } else { Err(ActError::not_found(what, id)) }
}

fn check_ca(ca: &ApprovedCa) -> Result<(), ActError> {
    named("/name", &ca.name)?;
    Profile::from_class_name(&ca.profile).map_err(|error| ActError::invalid("/profile", error))?;
    check_authority("/top/cert", &ca.top)?;
    ca.intermediates.iter().try_for_each(|info| check_authority("/intermediates", info))
}

fn check_authority(field: &'static str, info: &CaInfo) -> Result<(), ActError> {
    if !certificate(field, &info.cert)?.is_ca() {
        return Err(ActError::invalid(field, "is not the certificate of an authority"));
    }
    for responder in &info.ocsp {
        url("/ocsp/url", &responder.url)?;
        responder.cert.as_ref().map_or(Ok(()), |cert| certificate("/ocsp/cert", cert).map(drop))?;
    }
    Ok(())
}

fn check_tsa(tsa: &ApprovedTsa) -> Result<(), ActError> {
    named("/name", &tsa.name)?;
    url("/url", &tsa.url)?;
    certificate("/cert", &tsa.cert).map(drop)
}

fn certificate(field: &'static str, cert: &CertDer) -> Result<Certificate, ActError> {
    Certificate::from_der(cert.der()).map_err(|error| ActError::invalid(field, error))
}

fn url(field: &'static str, text: &str) -> Result<(), ActError> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let well_formed = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if well_formed { Ok(()) } else { Err(ActError::invalid(field, "must be an http or https address")) }
}
