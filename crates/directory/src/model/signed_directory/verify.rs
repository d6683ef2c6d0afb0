//! Decides whether a received directory counts: signed by a trusted certificate, in force, of the version and instance expected.

use jiff::Timestamp;
use trust::cert::Certificate;

use super::{Directory, DirectoryError, FileEntry, SHARED_PARAMETERS, Signed};
use crate::model::cert::CertDer;

/// What the receiver knows beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Expectation<'a> {
    /// Instance of the anchor.
    pub instance: &'a str,
    /// The version that was asked for, when one was.
    pub version: Option<u32>,
    /// The time now.
    pub now: Timestamp,
}

/// A directory whose signature, time, version and instance were found good. Only [`Signed::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    directory: Directory,
    signer: CertDer,
}

impl Signed<'_> {
    /// Verifies the directory. `trusted` are the certificates of the anchor's source, and those that previously accepted shared
    /// parameters name for it (so that keys can be changed before the anchor is). The validity period of a certificate is not
    /// looked at: trust comes from the anchor alone and ends when the certificate leaves it.
    ///
    /// # Errors
    /// The first thing that is wrong, the signature before everything the signature protects.
    pub fn verify(self, trusted: &[CertDer], expected: &Expectation<'_>) -> Result<Verified, DirectoryError> {
        let signer = self.check_signature(trusted)?;
        let directory = self.directory;
        if let Some(version) = expected.version
            && version != directory.version
        {
            return Err(DirectoryError::Version { expected: version, found: directory.version });
        }
        if expected.now >= directory.expires_at {
            return Err(DirectoryError::Expired(directory.expires_at));
        }
        if let Some(stranger) = directory.files.iter().find(|file| file.instance != expected.instance) {
            return Err(DirectoryError::Instance {
                expected: expected.instance.to_owned(),
                found: stranger.instance.clone(),
            });
        }
        if directory.file(SHARED_PARAMETERS).is_none() {
            return Err(DirectoryError::MissingFile(SHARED_PARAMETERS));
        }
        Ok(Verified { directory, signer })
    }

    fn check_signature(&self, trusted: &[CertDer]) -> Result<CertDer, DirectoryError> {
        let signature = &self.signature;
        let signer = trusted
            .iter()
            .find(|cert| signature.cert_hash_algorithm.digest(cert.der()) == signature.cert_hash)
            .ok_or(DirectoryError::UnknownCertificate)?;
        let certificate = Certificate::from_der(signer.der()).map_err(|_| DirectoryError::UnknownCertificate)?;
        certificate
            .verify(signature.algorithm, self.signed_bytes, &signature.value)
            .map_err(|_| DirectoryError::Signature)?;
        Ok(signer.clone())
    }
}

impl Verified {
    /// What it says.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The certificate that verified it.
    #[must_use]
    pub fn signer(&self) -> &CertDer {
        &self.signer
    }

    /// Whether `bytes` are the file the directory names.
    ///
    /// # Errors
    /// [`DirectoryError::FileHash`].
    pub fn check_file(&self, file: &FileEntry, bytes: &[u8]) -> Result<(), DirectoryError> {
        if file.hash_algorithm.digest(bytes) == file.hash {
            Ok(())
        } else {
            Err(DirectoryError::FileHash { content: file.content.clone() })
        }
    }
}
