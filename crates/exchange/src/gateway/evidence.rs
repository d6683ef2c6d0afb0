//! Judges what other gateways signed: is the signature valid, is the signer the member that claims to speak, does it cover this message.
//!
//! The expensive part depends on the signature's bytes alone and is remembered; what is left for each message of a batch is a few digests.

use std::io;
use std::sync::Arc;

use ahash::AHashMap;
use bytes::Bytes;
use directory::ClientId;
use directory::TrustError;
use jiff::Timestamp;
use parking_lot::Mutex;
use trust::cert::Certificate;
use trust::ocsp::{self, OcspError, OcspQuery, OcspResponse};
use trust::xades::{ChainDocuments, CoverError, SignatureError, TrustSource as _, Verifier};

use super::failure::Failure;
use super::world::View;
use crate::log::Body;
use crate::model::error::{Code, Place};
use crate::wire::payload::{Payload, PayloadError};

/// Signatures and signers remembered.
const REMEMBERED_SIGNATURES: usize = 1024;
/// Certificates and OCSP answers remembered.
const REMEMBERED_PEERS: usize = 10_000;

/// The signature documents of one message.
#[derive(Clone, Debug)]
pub struct Signed {
    /// `META-INF/signatures.xml`.
    pub signature: Bytes,
    /// `sig-hashchainresult.xml` and `sig-hashchain.xml`, when signed as a batch or with a body.
    pub hash_chain: Option<(Bytes, Bytes)>,
}

/// What a received message claims.
#[derive(Debug)]
pub struct Claim<'a> {
    /// Who speaks: the signature must be of this client's member.
    pub signer: &'a ClientId,
    /// SHA-512 of the header part.
    pub header_digest: &'a [u8; 64],
    /// SHA-512 of the body, if there is one.
    pub body_digest: Option<&'a [u8; 64]>,
    /// The signature documents that came with it.
    pub signed: &'a Signed,
}

/// Why a claim is not believed.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The signature is not valid, or its signer not trusted.
    #[error("Signature is not valid: {0}")]
    Signature(#[from] SignatureError),
    /// The signature does not cover this message.
    #[error("Signature does not cover the message: {0}")]
    Cover(#[from] CoverError),
    /// The signing certificate names no member.
    #[error("The signer is not a member: {0}")]
    Member(#[from] TrustError),
    /// Somebody else signed.
    #[error("Signature is of {actual}, not of {claimed}")]
    OtherSigner {
        /// Whose certificate it is.
        actual: Box<ClientId>,
        /// Who claims to speak.
        claimed: Box<ClientId>,
    },
    /// The signature does not say when it was made.
    #[error("Signature has no signing time")]
    NoTime,
}

impl EvidenceError {
    /// The protocol's code (§2.1.4).
    #[must_use]
    pub fn code(&self) -> Code {
        let name = match self {
            Self::Signature(error) => error.protocol_code(),
            Self::Cover(error) => error.protocol_code(),
            Self::Member(_) | Self::OtherSigner { .. } => "SignatureVerification",
            Self::NoTime => "MalformedSignature",
        };
        Code::ALL.iter().copied().find(|code| code.pascal() == name).unwrap_or(Code::SignatureVerification)
    }
}

/// A good answer, and the SHA-256 of the certificate it is about.
type KnownAnswer = ([u8; 32], Arc<OcspResponse>);

/// Remembers verdicts.
#[derive(Debug)]
pub struct Evidence {
    verifier: Verifier,
    /// Which member a signing certificate belongs to, under the view with this number.
    members: Mutex<(u64, AHashMap<[u8; 32], ClientId>)>,
    /// Good OCSP answers about other gateways' authentication certificates, by their bytes.
    peers: Mutex<AHashMap<Bytes, KnownAnswer>>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self { verifier: Verifier::new(REMEMBERED_SIGNATURES), members: Mutex::default(), peers: Mutex::default() }
    }
}

impl Evidence {
    /// Believes the claim, or says why not. Returns when the signature says it was made.
    ///
    /// # Errors
    /// [`EvidenceError`] with the reason.
    pub fn check(&self, view: &View, claim: &Claim<'_>, now: Timestamp) -> Result<Timestamp, EvidenceError> {
        let verified = self.verifier.verify(&claim.signed.signature, view, now)?;
        let chain = claim.signed.hash_chain.as_ref().map(|(result, chain)| ChainDocuments { result, chain });
        let attachments: &[[u8; 64]] = claim.body_digest.map_or(&[], std::slice::from_ref);
        verified.covers_message(claim.header_digest, attachments, chain)?;
        self.check_member(view, &verified.signer, claim.signer, now)?;
        verified.signing_time.ok_or(EvidenceError::NoTime)
    }

    fn check_member(
        &self,
        view: &View,
        certificate: &Certificate,
        claimed: &ClientId,
        now: Timestamp,
    ) -> Result<(), EvidenceError> {
        let mut members = self.members.lock();
        if members.0 != view.generation() || members.1.len() >= REMEMBERED_PEERS {
            *members = (view.generation(), AHashMap::new());
        }
        let actual = match members.1.get(certificate.sha256()) {
            Some(member) => member,
            None => {
                // The path was judged with the signature; here only the member's name is wanted from it.
                let member = view.conf.trust().signing_member(certificate, &[], &claimed.instance, now)?;
                members.1.entry(*certificate.sha256()).or_insert(member)
            }
        };
        if actual.same_member(claimed) {
            return Ok(());
        }
        Err(EvidenceError::OtherSigner { actual: Box::new(actual.clone()), claimed: Box::new(claimed.owner()) })
    }

    /// Whether one of `responses` says that another gateway's authentication certificate is good.
    ///
    /// # Errors
    /// The most telling reason.
    pub fn check_peer_ocsp(
        &self,
        view: &View,
        certificate: &Certificate,
        responses: &[Bytes],
        now: Timestamp,
    ) -> Result<(), OcspError> {
        let policy = view.ocsp_policy();
        let mut reason = OcspError::Unknown;
        for response in responses {
            let known = self.peers.lock().get(response).cloned();
            if let Some((about, answer)) = known
                && about == *certificate.sha256()
            {
                match answer.is_fresh(&policy, now) {
                    Ok(()) => return Ok(()),
                    Err(error) => reason = error,
                }
                continue;
            }
            match judge(view, certificate, response, now) {
                Ok(answer) => {
                    let mut peers = self.peers.lock();
                    if peers.len() >= REMEMBERED_PEERS {
                        peers.clear();
                    }
                    peers.insert(response.clone(), (*certificate.sha256(), Arc::new(answer)));
                    return Ok(());
                }
                Err(OcspError::OtherCertificate) => {}
                Err(error) => reason = error,
            }
        }
        Err(reason)
    }
}

fn judge(view: &View, certificate: &Certificate, response: &[u8], now: Timestamp) -> Result<OcspResponse, OcspError> {
    let issuer = view.issuer_of(certificate).ok_or(OcspError::UnknownResponder)?;
    let responders: Vec<Certificate> = view.conf.trust().ocsp_certs(issuer).into_iter().cloned().collect();
    let query = OcspQuery { certificate, issuer, responders: &responders, policy: view.ocsp_policy() };
    let answer = ocsp::verify(response, &query, now)?;
    answer.require_good()?;
    Ok(answer)
}

/// The body as the message log takes it: whole when it is within `limit` bytes, by digest when it is larger.
///
/// # Errors
/// When a spooled body cannot be read back.
pub async fn log_body(payload: &Payload, limit: u64) -> io::Result<Body> {
    match payload {
        Payload::None => Ok(Body::None),
        Payload::Memory { bytes, digest } => Ok(Body::Inline { bytes: bytes.clone(), digest: *digest }),
        Payload::Spooled { spool, digest } if spool.length() > limit => {
            Ok(Body::Digest { digest: *digest, length: spool.length() })
        }
        Payload::Spooled { digest, .. } => {
            let (payload, digest) = (payload.clone(), *digest);
            let bytes = tokio::task::spawn_blocking(move || payload.to_bytes()).await.map_err(io::Error::other)??;
            Ok(Body::Inline { bytes, digest })
        }
    }
}

/// Turns a body that could not be taken in into a failure at `place`.
pub fn payload_failure(place: Place) -> impl Fn(PayloadError) -> Failure {
    move |error| match &error {
        PayloadError::TooLarge(_) => Failure::own(Place::Client, Code::BadRequest, error),
        PayloadError::Io(_) => Failure::own(place, Code::IOError, error),
    }
}
