//! Add and remove the certificates that information systems of a client show (exchange-protocol §2.9).

use directory::ClientId;
use serde_json::json;
use trust::Certificate;

use super::permit::{ManageConnections, Permit};
use super::{ActError, Admin};
use crate::monitor::audit::Event;
use crate::store::client;

/// The most certificates one client may have.
pub const MAX_CERTIFICATES: usize = 100;

/// Adds a certificate given as DER or PEM and returns the hexadecimal SHA-256 of its DER. Adding one that is there changes nothing.
///
/// # Errors
/// When there is no such client, the bytes are not a certificate, or the client has [`MAX_CERTIFICATES`].
pub async fn add_certificate(
    admin: &Admin,
    permit: &Permit<ManageConnections>,
    id: ClientId,
    bytes: &[u8],
) -> Result<String, ActError> {
    let parsed = Certificate::from_pem_or_der(bytes).ok();
    let data = json!({ "clientIdentifier": id.colon() });
    admin
        .perform(permit, Event::AddInternalTlsCertificate, data, move |tx, change| {
            client::find(tx, &id)?.ok_or(ActError::NotFound("client"))?;
            let certificate =
                parsed.as_ref().ok_or_else(|| ActError::invalid("", "neither a DER nor a PEM certificate"))?;
            if client::certificates(tx, &id)?.len() >= MAX_CERTIFICATES {
                return Err(ActError::Refused("the client has as many certificates as it may have"));
            }
            let sha256 = hex::encode(certificate.sha256());
            change.data["certHash"] = sha256.as_str().into();
            change.data["certHashAlgorithm"] = "SHA-256".into();
            client::insert_certificate(tx, &id, &sha256, certificate.der(), change.now)?;
            Ok(sha256)
        })
        .await
}

/// Removes a certificate.
///
/// # Errors
/// When the client has none with this digest.
pub async fn delete_certificate(
    admin: &Admin,
    permit: &Permit<ManageConnections>,
    id: ClientId,
    sha256: String,
) -> Result<(), ActError> {
    let data = json!({ "clientIdentifier": id.colon(), "certHash": sha256, "certHashAlgorithm": "SHA-256" });
    admin
        .perform(permit, Event::DeleteInternalTlsCertificate, data, move |tx, _| {
            if client::delete_certificate(tx, &id, &sha256)? { Ok(()) } else { Err(ActError::NotFound("certificate")) }
        })
        .await
}
