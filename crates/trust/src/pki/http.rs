//! The authority over HTTP: OCSP, time-stamping, certificates to fetch, and enrolment for whoever knows the token.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Authority, PkiError, Profile};
use crate::cert::CertificateRequest;

/// Largest request accepted, in bytes.
const MAX_REQUEST: usize = 64 * 1024;

/// Whether certificates are issued over HTTP, and to whom.
#[derive(Clone)]
pub enum Enrolment {
    /// Not at all.
    Closed,
    /// To requests with `Authorization: Bearer <token>`.
    Token(Arc<str>),
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "Closed",
            Self::Token(_) => "Token(…)",
        })
    }
}

impl Authority {
    /// Everything: OCSP, time-stamping, certificates, enrolment.
    pub fn router(&self, enrolment: Enrolment) -> Router {
        self.ocsp_router()
            .merge(self.tsa_router())
            .merge(self.certificate_router())
            .merge(self.enrolment_router(enrolment))
    }

    /// `POST /ocsp` and `GET /ocsp/{base64}` (RFC 6960 appendix A).
    pub fn ocsp_router(&self) -> Router {
        Router::new()
            .route("/ocsp", post(ocsp_post))
            .route("/ocsp/{*request}", get(ocsp_get))
            .layer(DefaultBodyLimit::max(MAX_REQUEST))
            .with_state(self.clone())
    }

    /// `POST /tsa` (RFC 3161 §3.4).
    pub fn tsa_router(&self) -> Router {
        Router::new().route("/tsa", post(stamp)).layer(DefaultBodyLimit::max(MAX_REQUEST)).with_state(self.clone())
    }

    /// `GET /ca.pem` (root), `/intermediate.pem`, `/ocsp.pem`, `/tsa.pem`.
    pub fn certificate_router(&self) -> Router {
        Router::new()
            .route("/ca.pem", get(|State(it): State<Authority>| async move { pem(it.root().to_pem()) }))
            .route("/ocsp.pem", get(|State(it): State<Authority>| async move { pem(it.ocsp_certificate().to_pem()) }))
            .route("/tsa.pem", get(|State(it): State<Authority>| async move { pem(it.tsa_certificate().to_pem()) }))
            .route("/intermediate.pem", get(intermediate))
            .with_state(self.clone())
    }

    /// `POST /sign/auth` and `POST /sign/sign`: a request (PEM or DER) in, the certificate (PEM) out.
    fn enrolment_router(&self, enrolment: Enrolment) -> Router {
        Router::new()
            .route("/sign/{profile}", post(enrol))
            .layer(DefaultBodyLimit::max(MAX_REQUEST))
            .with_state((self.clone(), enrolment))
    }
}

async fn ocsp_post(State(authority): State<Authority>, body: Bytes) -> Response {
    ocsp(&authority, &body)
}

async fn ocsp_get(State(authority): State<Authority>, Path(request): Path<String>) -> Response {
    // The router has undone the URL escapes; some clients leave `+` and `/` as they are, which comes to the same.
    STANDARD.decode(request).map_or_else(|_| ocsp(&authority, &[]), |request| ocsp(&authority, &request))
}

fn ocsp(authority: &Authority, request: &[u8]) -> Response {
    ([(header::CONTENT_TYPE, "application/ocsp-response")], authority.ocsp_answer(request)).into_response()
}

async fn stamp(State(authority): State<Authority>, body: Bytes) -> Response {
    match authority.stamp(&body) {
        Ok(answer) => ([(header::CONTENT_TYPE, "application/timestamp-reply")], answer).into_response(),
        Err(error) => failed(&error),
    }
}

async fn intermediate(State(authority): State<Authority>) -> Response {
    match authority.intermediates().first() {
        Some(certificate) => pem(certificate.to_pem()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn enrol(
    State((authority, enrolment)): State<(Authority, Enrolment)>,
    Path(profile): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(profile) = Profile::from_name(&profile) else { return StatusCode::NOT_FOUND.into_response() };
    if !is_allowed(&enrolment, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // Issuing waits for the disk, which must not hold up the answers of this thread.
    let issued = tokio::task::spawn_blocking(move || {
        let request = CertificateRequest::from_pem_or_der(&body)?;
        authority.sign_csr_as_requested(&request, profile)
    });
    match issued.await {
        Ok(Ok(certificate)) => pem(certificate.to_pem()),
        Ok(Err(error)) => failed(&error),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn is_allowed(enrolment: &Enrolment, headers: &HeaderMap) -> bool {
    let Enrolment::Token(token) = enrolment else { return false };
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    given.is_some_and(|given| verify_slices_are_equal(given, token.as_bytes()).is_ok())
}

fn pem(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/x-pem-file")], text).into_response()
}

/// What the client did wrong is told; what failed inside is logged.
fn failed(error: &PkiError) -> Response {
    match error {
        PkiError::Certificate(_) | PkiError::MissingName(_) => {
            (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response()
        }
        _ => {
            tracing::error!(error = %error, "authority failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A router being served. Stopping it closes the listener, so that callers are refused; it can be started again on the same address.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `router` on `address` (port 0: any free one).
    ///
    /// # Errors
    /// The I/O error of binding.
    pub async fn start(address: SocketAddr, router: Router) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, router);
            tokio::select! {
                served = async { serving.await } => {
                    if let Err(error) = served {
                        tracing::error!(error = %error, "authority stopped serving");
                    }
                }
                // A dropped handle counts as a request to stop, too.
                _ = stopped => {}
            }
        });
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a path on it, such as `/ocsp`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Stops listening; returns when the port is free.
    pub async fn stop(self) {
        // Nobody listens any more if the task ended by itself, which is what was wanted.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}
