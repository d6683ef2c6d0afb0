//! Gateways, as far as operators of the central change them. Their owners ask by management requests.

use serde_json::json;

use super::permit::{Permit, Register};
use super::{ActError, Central, Scene, host};
use crate::model::id::{ClientId, ServerId};
use crate::store::registry::{self, GatewayRow};

impl Central {
    /// Changes the address of a gateway.
    ///
    /// # Errors
    /// When the gateway is unknown or the address malformed.
    pub async fn edit_gateway_address(
        &self,
        permit: &Permit<Register>,
        server: ServerId,
        address: String,
    ) -> Result<(), ActError> {
        let data = json!({ "server": server, "address": address });
        self.perform(permit, "Edit security server address", data, move |scene| {
            host("/address", &address)?;
            let mut gateway = scene.gateway(&server)?;
            gateway.address = Some(address.clone());
            Ok(registry::update_gateway(scene.tx, &gateway)?)
        })
        .await
    }

    /// Removes a gateway with its certificates and registrations.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn delete_gateway(&self, permit: &Permit<Register>, server: ServerId) -> Result<(), ActError> {
        self.perform(permit, "Delete security server", json!({ "server": server }), move |scene| {
            let gateway = scene.gateway(&server)?;
            Ok(registry::delete_gateway(scene.tx, gateway.id)?)
        })
        .await
    }

    /// Removes an authentication certificate of a gateway, named by its SHA-256 in hexadecimal.
    ///
    /// # Errors
    /// When the gateway or the certificate is unknown.
    pub async fn delete_auth_cert(
        &self,
        permit: &Permit<Register>,
        server: ServerId,
        sha256_hex: String,
    ) -> Result<(), ActError> {
        let data = json!({ "server": server, "sha256": sha256_hex });
        self.perform(permit, "Delete authentication certificate", data, move |scene| {
            let gateway = scene.gateway(&server)?;
            if registry::delete_cert(scene.tx, gateway.id, &sha256_hex)? {
                Ok(())
            } else {
                Err(ActError::not_found("authentication certificate", &sha256_hex))
            }
        })
        .await
    }

    /// Takes a client off a gateway.
    ///
    /// # Errors
    /// When gateway, client or registration is unknown.
    pub async fn unregister_client(
        &self,
        permit: &Permit<Register>,
        server: ServerId,
        client: ClientId,
    ) -> Result<(), ActError> {
        let data = json!({ "server": server, "client": client });
        self.perform(permit, "Unregister member as security server client", data, move |scene| {
            let (gateway, known) = (scene.gateway(&server)?, scene.client(&client)?);
            if registry::delete_registration(scene.tx, gateway.id, known.id)? {
                Ok(())
            } else {
                Err(ActError::not_found("registration of", client.colon()))
            }
        })
        .await
    }
}

impl Scene<'_, '_> {
    /// A registered gateway.
    pub(crate) fn gateway(&mut self, id: &ServerId) -> Result<GatewayRow, ActError> {
        self.own_instance(&id.owner)?;
        registry::find_gateway(self.tx, id)?.ok_or_else(|| ActError::not_found("gateway", id.colon()))
    }
}
