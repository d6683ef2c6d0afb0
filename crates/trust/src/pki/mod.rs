//! A small complete authority kept in a directory: root, optional intermediate, OCSP responder and time-stamping.
//!
//! Meant for tests, the demonstration nation and closed pilot networks. Its keys lie unencrypted in the directory, readable by
//! the owner alone; a national network uses an accredited authority instead.

mod authority;
mod create;
mod http;
mod profile;
mod register;
mod service;

pub use authority::Authority;
pub use create::AuthorityOptions;
pub use http::{Enrolment, Server};
pub use profile::{Holder, Profile};
pub use register::CertificateStatus;

use crate::cert::CertError;
use crate::key::KeyError;
use crate::ocsp::OcspError;
use crate::tsp::TspError;

/// Why the authority could not do it.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The directory could not be read or written.
    #[error("the authority's directory failed: {0}")]
    Io(#[from] std::io::Error),
    /// There is an authority in the directory already.
    #[error("the directory already holds an authority")]
    Exists,
    /// A file of the directory does not hold what it should.
    #[error("the authority's file {0} is damaged")]
    Damaged(&'static str),
    /// No certificate with this serial number was issued here.
    #[error("no certificate with this serial number was issued here")]
    UnknownSerial,
    /// The request lacks a part of the subject that its profile demands.
    #[error("the certificate request lacks {0}")]
    MissingName(&'static str),
    /// Randomness, a key or a signature failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate or request is malformed.
    #[error(transparent)]
    Certificate(#[from] CertError),
    /// An OCSP message is malformed or could not be signed.
    #[error(transparent)]
    Ocsp(#[from] OcspError),
    /// A time-stamp could not be made.
    #[error(transparent)]
    Tsp(#[from] TspError),
}
