//! What was issued and what became of it: the register behind the OCSP answers, one JSON file replaced as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PkiError;
use crate::Certificate;
use crate::files;
use crate::ocsp::OcspStatus;

/// Status of an issued certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum CertificateStatus {
    /// In force.
    Good,
    /// Revoked for good.
    Revoked {
        /// Since when.
        at: Timestamp,
    },
    /// Suspended; may be put back in force.
    Suspended {
        /// Since when.
        at: Timestamp,
    },
    /// Disowned: the responder answers "unknown". For fault tests.
    Unknown,
}

impl CertificateStatus {
    /// What the responder says.
    pub(super) const fn to_ocsp(self) -> OcspStatus {
        match self {
            Self::Good => OcspStatus::Good,
            Self::Revoked { at } | Self::Suspended { at } => OcspStatus::Revoked { at },
            Self::Unknown => OcspStatus::Unknown,
        }
    }
}

/// One certificate of the register.
#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    subject: String,
    usage: String,
    not_after: Timestamp,
    #[serde(flatten)]
    status: CertificateStatus,
}

/// The register, by serial number in hexadecimal.
pub(super) struct Register {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
}

impl Register {
    pub(super) fn create(dir: &Path) -> Result<Self, PkiError> {
        let register = Self { path: dir.join("register.json"), entries: BTreeMap::new() };
        register.save(&register.entries)?;
        Ok(register)
    }

    pub(super) fn open(dir: &Path) -> Result<Self, PkiError> {
        let path = dir.join("register.json");
        let text = std::fs::read(&path)?;
        let entries = serde_json::from_slice(&text).map_err(|_| PkiError::Damaged("register.json"))?;
        Ok(Self { path, entries })
    }

    /// Enters a certificate just issued. It is on disk when this returns.
    pub(super) fn enter(&mut self, certificate: &Certificate, usage: &str) -> Result<(), PkiError> {
        let entry = Entry {
            subject: certificate.subject().to_owned(),
            usage: usage.to_owned(),
            not_after: certificate.not_after(),
            status: CertificateStatus::Good,
        };
        let mut entries = self.entries.clone();
        entries.insert(certificate.serial_hex(), entry);
        self.replace(entries)
    }

    pub(super) fn set_status(&mut self, serial: &str, status: CertificateStatus) -> Result<(), PkiError> {
        let mut entries = self.entries.clone();
        entries.get_mut(serial).ok_or(PkiError::UnknownSerial)?.status = status;
        self.replace(entries)
    }

    pub(super) fn status(&self, serial: &str) -> Option<CertificateStatus> {
        self.entries.get(serial).map(|entry| entry.status)
    }

    /// The disk first, then memory: what is answered is never ahead of what is kept.
    fn replace(&mut self, entries: BTreeMap<String, Entry>) -> Result<(), PkiError> {
        self.save(&entries)?;
        self.entries = entries;
        Ok(())
    }

    fn save(&self, entries: &BTreeMap<String, Entry>) -> Result<(), PkiError> {
        let text = serde_json::to_vec_pretty(entries).map_err(|_| PkiError::Damaged("register.json"))?;
        Ok(files::replace(&self.path, &text)?)
    }
}
