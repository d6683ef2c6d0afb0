//! What an approved management request changes in the registry.

use super::{ActError, Scene, host, named, strict};
use crate::model::cert::CertDer;
use crate::model::id::{ClientId, ServerId};
use crate::model::request::RequestBody;
use crate::store::registry;

impl Scene<'_, '_> {
    /// Carries out a request. Everything it relies on is looked up again: the registry may have changed since it was submitted.
    pub(super) fn carry_out(&mut self, body: &RequestBody) -> Result<(), ActError> {
        match body {
            RequestBody::AuthCertRegistration { server, address, auth_cert } => {
                self.register_auth_cert(server, address.as_deref(), auth_cert)
            }
            RequestBody::AuthCertDeletion { server, auth_cert } => self.delete_auth_cert(server, auth_cert),
            RequestBody::ClientRegistration { server, client, subsystem_name } => {
                self.register_client(server, client, subsystem_name.as_deref())
            }
            RequestBody::ClientDeletion { server, client } => self.unregister(server, client),
            RequestBody::ClientDisable { server, client } => self.enable(server, client, false),
            RequestBody::ClientEnable { server, client } => self.enable(server, client, true),
            RequestBody::ClientRename { server, client, subsystem_name } => self.rename(server, client, subsystem_name),
            RequestBody::AddressChange { server, address } => {
                host("/address", address)?;
                let mut gateway = self.gateway(server)?;
                gateway.address = Some(address.clone());
                Ok(registry::update_gateway(self.tx, &gateway)?)
            }
            RequestBody::OwnerChange { server, client } => self.change_owner(server, client),
            RequestBody::MaintenanceOn { server, message } => self.set_maintenance(server, Some(message)),
            RequestBody::MaintenanceOff { server } => self.set_maintenance(server, None),
        }
    }

    fn register_auth_cert(
        &mut self,
        server: &ServerId,
        address: Option<&str>,
        auth_cert: &CertDer,
    ) -> Result<(), ActError> {
        strict("/server", &server.code)?;
        address.map_or(Ok(()), |address| host("/address", address))?;
        let owner = self.client(&server.owner)?;
        if registry::cert_holder(self.tx, auth_cert)?.is_some() {
            return Err(ActError::Conflict("this authentication certificate is registered already".to_owned()));
        }
        let gateway = match registry::find_gateway(self.tx, server)? {
            None => registry::insert_gateway(self.tx, owner.id, &server.code, address, self.at)?,
            Some(mut known) => {
                if let Some(address) = address {
                    known.address = Some(address.to_owned());
                    registry::update_gateway(self.tx, &known)?;
                }
                known.id
            }
        };
        Ok(registry::insert_cert(self.tx, gateway, auth_cert, self.at)?)
    }

    fn delete_auth_cert(&mut self, server: &ServerId, auth_cert: &CertDer) -> Result<(), ActError> {
        let gateway = self.gateway(server)?;
        if registry::delete_cert(self.tx, gateway.id, &auth_cert.sha256_hex())? {
            Ok(())
        } else {
            Err(ActError::not_found("authentication certificate", auth_cert.sha256_hex()))
        }
    }

    fn register_client(&mut self, server: &ServerId, client: &ClientId, name: Option<&str>) -> Result<(), ActError> {
        let gateway = self.gateway(server)?;
        let owner = self.client(&client.owner())?;
        name.map_or(Ok(()), |name| named("/subsystem_name", name))?;
        let id = match registry::find_client(self.tx, client)? {
            Some(known) => {
                if known.name.is_none() && name.is_some() {
                    registry::rename_client(self.tx, known.id, name)?;
                }
                known.id
            }
            None => {
                strict("/client", client.subsystem.as_deref().unwrap_or_default())?;
                let added = registry::insert_client(self.tx, client, name, self.at)?;
                added.unwrap_or(owner.id)
            }
        };
        if registry::insert_registration(self.tx, gateway.id, id, self.at)? {
            Ok(())
        } else {
            Err(ActError::Conflict(format!("{client} is registered at this gateway already")))
        }
    }

    fn unregister(&mut self, server: &ServerId, client: &ClientId) -> Result<(), ActError> {
        let (gateway, known) = self.registered(server, client)?;
        registry::delete_registration(self.tx, gateway, known)?;
        Ok(())
    }

    fn enable(&mut self, server: &ServerId, client: &ClientId, enabled: bool) -> Result<(), ActError> {
        let (gateway, known) = self.registered(server, client)?;
        Ok(registry::set_enabled(self.tx, gateway, known, enabled)?)
    }

    fn rename(&mut self, server: &ServerId, client: &ClientId, name: &str) -> Result<(), ActError> {
        if client.subsystem.is_none() {
            return Err(ActError::invalid("/client", "only subsystems are renamed by request"));
        }
        named("/subsystem_name", name)?;
        let (_, known) = self.registered(server, client)?;
        Ok(registry::rename_client(self.tx, known, Some(name))?)
    }

    /// The new owner is a client of the gateway beforehand; afterwards the old owner is. The gateway's identifier changes with it.
    fn change_owner(&mut self, server: &ServerId, new_owner: &ClientId) -> Result<(), ActError> {
        if new_owner.subsystem.is_some() {
            return Err(ActError::invalid("/client", "a subsystem cannot own a gateway"));
        }
        let (_, new_id) = self.registered(server, new_owner)?;
        let mut gateway = self.gateway(server)?;
        let renamed = ServerId::new(new_owner.clone(), &server.code);
        if registry::find_gateway(self.tx, &renamed)?.is_some() {
            return Err(ActError::Conflict(format!("{new_owner} has a gateway {} already", server.code)));
        }
        registry::delete_registration(self.tx, gateway.id, new_id)?;
        registry::insert_registration(self.tx, gateway.id, gateway.owner_id, self.at)?;
        gateway.owner_id = new_id;
        Ok(registry::update_gateway(self.tx, &gateway)?)
    }

    fn set_maintenance(&mut self, server: &ServerId, message: Option<&str>) -> Result<(), ActError> {
        if message.is_some_and(|text| text.chars().count() > 255 || text.chars().any(char::is_control)) {
            return Err(ActError::invalid("/message", "at most 255 printable characters"));
        }
        let mut gateway = self.gateway(server)?;
        gateway.maintenance = message.map(str::to_owned);
        Ok(registry::update_gateway(self.tx, &gateway)?)
    }

    /// Numbers of a gateway and of a client registered at it.
    fn registered(&mut self, server: &ServerId, client: &ClientId) -> Result<(i64, i64), ActError> {
        let (gateway, known) = (self.gateway(server)?, self.client(client)?);
        match registry::registration(self.tx, gateway.id, known.id)? {
            Some(_) => Ok((gateway.id, known.id)),
            None => Err(ActError::not_found("registration of", client.colon())),
        }
    }
}
