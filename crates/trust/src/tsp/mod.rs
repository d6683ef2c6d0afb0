//! Time-stamps (RFC 3161): asking an authority for one, checking it, and making one.
//!
//! A [`TimeStamp`] proves that data with a given digest existed at its time. The exchange stamps the SHA-512 of a signature value,
//! or of a hash-chain result when many are stamped at once (exchange protocol §2.7).

mod cms;
mod respond;
mod structures;
mod token;

use aws_lc_rs::digest;
use der::asn1::Int;
use der::{Decode, Encode};
use jiff::Timestamp;
use rand::TryRngCore;
use rand::rngs::OsRng;

pub use crate::fetch::{FetchError, FetchLimits};
pub use respond::{StampIssuer, respond};
pub use token::verify_token;

use crate::Certificate;
use crate::key::{DigestKind, KeyError};
use structures::{MessageImprint, TimeStampReq, TimeStampResp};

/// A digest to be stamped, or that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imprint {
    /// Which digest.
    pub kind: DigestKind,
    /// Its value.
    pub value: Vec<u8>,
}

impl Imprint {
    /// The SHA-512 imprint of `data`.
    #[must_use]
    pub fn sha512_of(data: &[u8]) -> Self {
        Self { kind: DigestKind::Sha512, value: digest::digest(&digest::SHA512, data).as_ref().to_vec() }
    }
}

/// A verified time-stamp.
#[derive(Clone, Debug)]
pub struct TimeStamp {
    /// The token (a CMS `ContentInfo`, DER), as it is put into signatures and containers.
    pub token: Vec<u8>,
    /// The time it proves.
    pub time: Timestamp,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// The authority's certificate.
    pub authority: Certificate,
}

/// Why there is no time-stamp or it cannot be relied upon.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TspError {
    /// The bytes are not a time-stamp message.
    #[error("malformed time-stamp: {0}")]
    Malformed(&'static str),
    /// The authority refused the request.
    #[error("the time-stamping authority refused (status {status})")]
    Refused {
        /// `PKIStatus` of the answer.
        status: u32,
    },
    /// The stamp is over other data.
    #[error("the time-stamp is not over this data")]
    OtherData,
    /// The answer is to another request.
    #[error("the time-stamp answers another request")]
    OtherRequest,
    /// The signer is not one of the trusted authorities.
    #[error("the time-stamp was not made by a trusted authority")]
    UnknownAuthority,
    /// The authority's certificate was not valid at the time of the stamp.
    #[error("the certificate of the time-stamping authority was not valid then")]
    AuthorityNotValid,
    /// The signature, or a digest under it, is wrong.
    #[error("the signature on the time-stamp is wrong")]
    BadSignature,
    /// The stamp could not be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The authority could not be reached.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// A request for a stamp, remembered to check the answer against it.
#[derive(Clone, Debug)]
pub struct StampRequest {
    imprint: Imprint,
    nonce: Int,
    der: Vec<u8>,
}

impl StampRequest {
    /// A request with a fresh nonce that asks for the authority's certificate (`certReq`).
    ///
    /// # Errors
    /// [`TspError::Key`] when the system has no randomness to give.
    pub fn new(imprint: Imprint) -> Result<Self, TspError> {
        let mut random = [0_u8; 16];
        OsRng.try_fill_bytes(&mut random).map_err(|_| KeyError::Refused)?;
        // Positive and of full length, whatever the random bytes are.
        random[0] = random[0] & 0x7f | 0x40;
        let nonce = Int::new(&random).map_err(|_| TspError::Malformed("nonce"))?;
        let request = TimeStampReq {
            version: 1,
            imprint: MessageImprint::of(&imprint)?,
            policy: None,
            nonce: Some(nonce.clone()),
            certificate_wanted: true,
            extensions: None,
        };
        let der = request.to_der().map_err(|_| TspError::Malformed("request"))?;
        Ok(Self { imprint, nonce, der })
    }

    /// The request as DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Judges the authority's answer (DER).
    ///
    /// # Errors
    /// [`TspError::Refused`], [`TspError::OtherRequest`], or as [`verify_token`].
    pub fn verify_response(&self, der: &[u8], trusted: &[Certificate]) -> Result<TimeStamp, TspError> {
        let response = TimeStampResp::from_der(der).map_err(|_| TspError::Malformed("answer"))?;
        // 0 is granted, 1 granted with modifications; the checks below tell whether those matter.
        if response.status.status > 1 {
            return Err(TspError::Refused { status: response.status.status });
        }
        let token = response.token.ok_or(TspError::Malformed("answer without token"))?;
        let token = token.to_der().map_err(|_| TspError::Malformed("token"))?;
        token::verify_with_nonce(&token, &self.imprint, trusted, Some(&self.nonce))
    }
}

/// Asks the authority at `url` for a stamp over `imprint` and checks it.
///
/// # Errors
/// [`TspError::Fetch`] if there is no answer, otherwise as [`StampRequest::verify_response`].
pub async fn fetch(
    url: &str,
    imprint: Imprint,
    trusted: &[Certificate],
    limits: FetchLimits,
) -> Result<TimeStamp, TspError> {
    let request = StampRequest::new(imprint)?;
    let answer = crate::fetch::post(url, "application/timestamp-query", request.der.clone(), limits).await?;
    request.verify_response(&answer, trusted)
}
