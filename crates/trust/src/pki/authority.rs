//! The authority in use: issuing, changing status, answering.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kit::Clock;
use parking_lot::Mutex;

use super::PkiError;
use super::create::{self, AuthorityOptions, BACKDATE, Member, random_serial};
use super::profile::Profile;
use super::register::{CertificateStatus, Register};
use super::service::AnswerCache;
use crate::Certificate;
use crate::cert::{CertificateRequest, CertificateTemplate, DistinguishedName, issue};
use crate::key::KeyKind;

/// How long the certificates of members are valid.
const MEMBER_VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 730);

/// An authority. Cheap to clone; clones share one state.
#[derive(Clone)]
pub struct Authority(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) options: AuthorityOptions,
    pub(super) clock: Clock,
    pub(super) root: Certificate,
    /// The intermediate, or the root when there is none.
    pub(super) issuing: Member,
    pub(super) ocsp: Member,
    pub(super) tsa: Member,
    pub(super) register: Mutex<Register>,
    pub(super) answers: AnswerCache,
}

impl Authority {
    /// Founds an authority in `dir`, whose root issues directly.
    ///
    /// # Errors
    /// [`PkiError::Exists`], or a failure of the disk or of key generation.
    pub fn create(dir: &Path, name: &str, kind: KeyKind, clock: Clock) -> Result<Self, PkiError> {
        Self::create_with(dir, &AuthorityOptions::new(name, kind), clock)
    }

    /// Founds an authority in `dir` with all options.
    ///
    /// # Errors
    /// As [`Authority::create`].
    pub fn create_with(dir: &Path, options: &AuthorityOptions, clock: Clock) -> Result<Self, PkiError> {
        create::found(dir, options, clock.now())?;
        Self::open(dir, clock)
    }

    /// Opens the authority kept in `dir`.
    ///
    /// # Errors
    /// [`PkiError::Io`] or [`PkiError::Damaged`].
    pub fn open(dir: &Path, clock: Clock) -> Result<Self, PkiError> {
        let options = std::fs::read(dir.join("authority.json"))?;
        let options: AuthorityOptions =
            serde_json::from_slice(&options).map_err(|_| PkiError::Damaged("authority.json"))?;
        let root = Member::load(dir, "root")?;
        let root_certificate = root.certificate.clone();
        let issuing = if options.intermediate { Member::load(dir, "intermediate")? } else { root };
        Ok(Self(Arc::new(Inner {
            options,
            clock,
            root: root_certificate,
            issuing,
            ocsp: Member::load(dir, "ocsp")?,
            tsa: Member::load(dir, "tsa")?,
            register: Mutex::new(Register::open(dir)?),
            answers: AnswerCache::default(),
        })))
    }

    /// The root: the trust anchor.
    #[must_use]
    pub fn root(&self) -> &Certificate {
        &self.0.root
    }

    /// The certificate that issues to members: the root, or the intermediate below it.
    #[must_use]
    pub fn issuing_certificate(&self) -> &Certificate {
        &self.0.issuing.certificate
    }

    /// Authorities between the root and the members: one, or none.
    #[must_use]
    pub fn intermediates(&self) -> Vec<Certificate> {
        let issuing = self.issuing_certificate();
        if issuing == self.root() { Vec::new() } else { vec![issuing.clone()] }
    }

    /// The OCSP responder's certificate.
    #[must_use]
    pub fn ocsp_certificate(&self) -> &Certificate {
        &self.0.ocsp.certificate
    }

    /// The time-stamping certificate.
    #[must_use]
    pub fn tsa_certificate(&self) -> &Certificate {
        &self.0.tsa.certificate
    }

    /// Issues a certificate for the key and DNS names of `request`, to `subject` (see [`Profile::subject`]).
    ///
    /// # Errors
    /// [`PkiError::Certificate`] if the subject cannot be written; [`PkiError::Io`] if the register cannot.
    pub fn sign_csr(
        &self,
        request: &CertificateRequest,
        profile: Profile,
        subject: DistinguishedName,
    ) -> Result<Certificate, PkiError> {
        let now = self.0.clock.now();
        let template = CertificateTemplate {
            subject,
            usage: profile.usage(),
            serial: random_serial()?,
            not_before: now.checked_sub(BACKDATE).unwrap_or(now),
            not_after: now
                .checked_add(MEMBER_VALIDITY)
                .unwrap_or(Timestamp::MAX)
                .min(self.issuing_certificate().not_after()),
            dns_names: if profile == Profile::Auth { request.dns_names() } else { Vec::new() },
            ocsp_url: self.0.options.ocsp_url.clone(),
        };
        let certificate = issue(&template, request.public_key_der(), self.0.issuing.issuer())?;
        self.0.register.lock().enter(&certificate, profile.as_str())?;
        Ok(certificate)
    }

    /// Issues a certificate to the subject that the request itself names, if it fits the profile.
    ///
    /// # Errors
    /// [`PkiError::MissingName`], or as [`Authority::sign_csr`].
    pub fn sign_csr_as_requested(
        &self,
        request: &CertificateRequest,
        profile: Profile,
    ) -> Result<Certificate, PkiError> {
        profile.check(request)?;
        self.sign_csr(request, profile, request.subject_name())
    }

    /// Revokes a certificate for good. `serial` is as [`Certificate::serial_hex`] gives it.
    ///
    /// # Errors
    /// [`PkiError::UnknownSerial`] or [`PkiError::Io`].
    pub fn revoke(&self, serial: &str, at: Timestamp) -> Result<(), PkiError> {
        self.set_status(serial, CertificateStatus::Revoked { at })
    }

    /// Changes the status of a certificate: suspends, restores, disowns. The next OCSP answer tells it.
    ///
    /// # Errors
    /// [`PkiError::UnknownSerial`] or [`PkiError::Io`].
    pub fn set_status(&self, serial: &str, status: CertificateStatus) -> Result<(), PkiError> {
        self.0.register.lock().set_status(serial, status)?;
        self.0.answers.forget();
        Ok(())
    }

    /// The status of a certificate issued here.
    #[must_use]
    pub fn status(&self, serial: &str) -> Option<CertificateStatus> {
        self.0.register.lock().status(serial)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("name", &self.0.options.name).finish_non_exhaustive()
    }
}
