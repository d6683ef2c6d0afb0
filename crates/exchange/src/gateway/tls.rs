//! TLS of the gateway: mutual and pinned to the global configuration between gateways, by connection type towards information systems,
//! by uploaded certificate towards services (exchange-protocol §2.4, §2.9).
//!
//! TLS 1.3, and 1.2 with GCM or ChaCha20 suites for others. Between gateways a certificate counts when it is registered for a gateway in
//! the global configuration, unexpired, and issued by an approved authority; host names play no part.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use directory::ServerId;
use kit::Clock;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError, ServerConfig,
    SignatureScheme,
};
use trust::cert::Certificate;

use super::evidence::Evidence;
use super::world::{PeerError, World};

/// Sessions remembered for resumption by one listener or towards one peer.
const SESSION_CACHE: usize = 1024;

/// A key with its certificate that may be replaced while connections are made.
pub type OwnKey = Arc<ArcSwap<CertifiedKey>>;

/// How gateways recognise one another: by the global configuration, and by the OCSP answers they show.
#[derive(Clone, Debug)]
pub struct PeerTrust {
    /// Who is registered.
    pub world: World,
    /// Judges OCSP answers.
    pub evidence: Arc<Evidence>,
    /// What time it is.
    pub clock: Clock,
}

/// Configuration of the listener other gateways connect to.
///
/// # Errors
/// When the key does not fit TLS.
pub fn peer_listener(own: OwnKey, trust: PeerTrust) -> Result<ServerConfig, Error> {
    let provider = provider();
    let verifier = PeerVerifier { trust, expected: None, algorithms: provider.signature_verification_algorithms };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(Always(own)));
    config.session_storage = rustls::server::ServerSessionMemoryCache::new(SESSION_CACHE);
    Ok(config)
}

/// Configuration of connections to the gateway `expected`.
///
/// # Errors
/// When the key does not fit TLS.
pub fn peer_caller(own: OwnKey, trust: PeerTrust, expected: ServerId) -> Result<ClientConfig, Error> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let verifier = PeerVerifier { trust, expected: Some(expected), algorithms };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(Always(own))))
}

/// Configuration of the listener information systems connect to. A client certificate is asked for, not demanded, and any is taken:
/// whether it is one of those uploaded for the client is decided per request, when the client is known.
///
/// # Errors
/// When the key does not fit TLS.
pub fn system_listener(own: OwnKey) -> Result<ServerConfig, Error> {
    let provider = provider();
    let verifier = AnyClient { algorithms: provider.signature_verification_algorithms };
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(Always(own))))
}

/// Configuration of connections to a service. With `allowed`, the service must show one of these certificates (SHA-256 of the DER).
///
/// # Errors
/// When the key does not fit TLS.
pub fn service_caller(own: OwnKey, allowed: Option<Arc<[[u8; 32]]>>) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = PinnedServer { allowed, algorithms: provider.signature_verification_algorithms };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(Always(own))))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Shows the same certificate whatever the other end hints at.
#[derive(Debug)]
struct Always(OwnKey);

impl rustls::server::ResolvesServerCert for Always {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl rustls::client::ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The three verifiers check handshake signatures alike.
macro_rules! handshake_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signed, &self.algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signed, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}

/// Gateways recognise one another by the global configuration.
#[derive(Debug)]
struct PeerVerifier {
    trust: PeerTrust,
    /// The gateway that is being called; any registered one when listening.
    expected: Option<ServerId>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PeerVerifier {
    fn check(&self, certificate: &CertificateDer<'_>) -> Result<Certificate, Error> {
        let certificate = Certificate::from_der(certificate).map_err(|_| refused(PeerError::Unreadable))?;
        let view = self.trust.world.current();
        let server = view.peer(&certificate, self.trust.clock.now()).map_err(refused)?;
        match &self.expected {
            Some(expected) if *expected != server.id => Err(refused(PeerError::OtherServer(server.id.to_string()))),
            _ => Ok(certificate),
        }
    }

    /// A called gateway staples the answer about its certificate; a calling one sends it with each message.
    fn check_stapled(&self, certificate: &Certificate, stapled: &[u8]) -> Result<(), Error> {
        let PeerTrust { world, evidence, clock } = &self.trust;
        let stapled = [Bytes::copy_from_slice(stapled)];
        let answers: &[Bytes] = if stapled.iter().all(Bytes::is_empty) { &[] } else { &stapled };
        evidence
            .check_peer_ocsp(&world.current(), certificate, answers, clock.now())
            .map_err(|error| refused(PeerError::Status(error)))
    }
}

fn refused(reason: PeerError) -> Error {
    tracing::warn!(%reason, "a gateway was refused");
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(reason))))
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = self.check(end_entity)?;
        self.check_stapled(&certificate, ocsp_response)?;
        Ok(ServerCertVerified::assertion())
    }

    handshake_signatures!();
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity).map(|_| ClientCertVerified::assertion())
    }

    handshake_signatures!();
}

/// Takes any client certificate, or none.
#[derive(Debug)]
struct AnyClient {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    handshake_signatures!();
}

/// Takes a service's certificate when it is one of those uploaded, or any when none is demanded.
#[derive(Debug)]
struct PinnedServer {
    allowed: Option<Arc<[[u8; 32]]>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for PinnedServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.allowed {
            Some(allowed) if !allowed.contains(&sha256(end_entity)) => {
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    handshake_signatures!();
}

/// SHA-256 of a certificate's DER: how certificates of information systems are compared.
#[must_use]
pub fn sha256(der: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der).as_ref());
    out
}
