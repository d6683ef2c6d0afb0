//! Certificates that the information systems of a client show.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use kit::Page;
use kit::PageRequest;
use serde::Serialize;
use trust::Certificate;
use utoipa::ToSchema;

use super::Api;
use super::extract::{PathParts, Upload};
use super::fault::Fault;
use super::view::{Listing, created, listing, time};
use crate::acts::permit::{ManageConnections, Permit, ReadConfiguration};
use crate::acts::{ActError, certificates};
use crate::store::client::{self, CertificateRow};

/// A certificate.
#[derive(Serialize, ToSchema)]
pub(super) struct CertificateView {
    /// SHA-256 of its DER, lower-case hexadecimal.
    sha256: String,
    /// Subject, RFC 2253.
    subject: String,
    /// Issuer, RFC 2253.
    issuer: String,
    /// RFC 3339.
    not_before: String,
    /// RFC 3339.
    not_after: String,
    /// RFC 3339.
    uploaded_at: String,
}

impl From<CertificateRow> for CertificateView {
    fn from(row: CertificateRow) -> Self {
        let parsed = Certificate::from_der(&row.der).ok();
        let text = |of: fn(&Certificate) -> String| parsed.as_ref().map(of).unwrap_or_default();
        Self {
            subject: text(|certificate| certificate.subject().to_owned()),
            issuer: text(|certificate| certificate.issuer().to_owned()),
            not_before: text(|certificate| certificate.not_before().to_string()),
            not_after: text(|certificate| certificate.not_after().to_string()),
            uploaded_at: time(row.uploaded_at),
            sha256: row.sha256,
        }
    }
}

/// The certificates of a client; there are few, so they come in one page.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}/certificates", tag = "certificates",
    params(("client" = String, Path)), responses((status = 200, body = Listing<CertificateView>)))]
pub(super) async fn list(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<Json<Listing<CertificateView>>, Fault> {
    let id = path.client("client")?;
    let all = PageRequest { limit: Some(kit::page::MAX_LIMIT), after: None };
    let rows = api.admin.store().read(move |tx| client::certificates(tx, &id)).await?;
    Ok(listing(Page::from_overfetch(rows, &all, |row| row.sha256.clone())))
}

/// One certificate, as DER.
#[utoipa::path(get, path = "/api/exchange/v1/clients/{client}/certificates/{sha256}", tag = "certificates",
    params(("client" = String, Path), ("sha256" = String, Path)),
    responses((status = 200, content_type = "application/pkix-cert", body = Vec<u8>), (status = 404)))]
pub(super) async fn show(
    _: Permit<ReadConfiguration>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<Response, Fault> {
    let (id, sha256) = (path.client("client")?, path.text("sha256")?);
    let rows = api.admin.store().read(move |tx| client::certificates(tx, &id)).await?;
    let row = rows.into_iter().find(|row| row.sha256 == sha256).ok_or(ActError::NotFound("certificate"))?;
    Ok(([(CONTENT_TYPE, "application/pkix-cert")], row.der).into_response())
}

/// What was stored.
#[derive(Serialize, ToSchema)]
pub(super) struct StoredCertificate {
    /// SHA-256 of its DER, lower-case hexadecimal.
    sha256: String,
}

/// Adds a certificate, DER or PEM in the body.
#[utoipa::path(post, path = "/api/exchange/v1/clients/{client}/certificates", tag = "certificates",
    params(("client" = String, Path)), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = StoredCertificate), (status = 400), (status = 413)))]
pub(super) async fn add(
    permit: Permit<ManageConnections>,
    State(api): State<Api>,
    path: PathParts,
    Upload(bytes): Upload,
) -> Result<Response, Fault> {
    let id = path.client("client")?;
    let location = format!("clients/{}/certificates", id.colon());
    let sha256 = certificates::add_certificate(&api.admin, &permit, id, &bytes).await?;
    Ok(created(&format!("{location}/{sha256}"), Json(StoredCertificate { sha256 })))
}

/// Removes a certificate.
#[utoipa::path(delete, path = "/api/exchange/v1/clients/{client}/certificates/{sha256}", tag = "certificates",
    params(("client" = String, Path), ("sha256" = String, Path)), responses((status = 204), (status = 404)))]
pub(super) async fn remove(
    permit: Permit<ManageConnections>,
    State(api): State<Api>,
    path: PathParts,
) -> Result<StatusCode, Fault> {
    let (id, sha256) = (path.client("client")?, path.text("sha256")?);
    certificates::delete_certificate(&api.admin, &permit, id, sha256).await?;
    Ok(StatusCode::NO_CONTENT)
}
