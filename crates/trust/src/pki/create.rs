//! Founding an authority: keys, certificates and files of a new directory.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rand::TryRngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};

use super::PkiError;
use super::register::Register;
use crate::cert::{CertificateTemplate, CertificateUsage, DistinguishedName, Issuer, issue, self_signed};
use crate::key::{KeyError, KeyKind, SigningKey};
use crate::{Certificate, SoftwareKey, files};

/// How the authority is named and laid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityOptions {
    /// Name shown in the subjects of its certificates.
    pub name: String,
    /// Kind of all its keys.
    pub kind: KeyKind,
    /// Whether certificates are issued by an intermediate authority below the root.
    pub intermediate: bool,
    /// Address of its OCSP responder, written into the certificates it issues.
    pub ocsp_url: Option<String>,
}

impl AuthorityOptions {
    /// An authority whose root issues directly, with no responder address in its certificates.
    #[must_use]
    pub fn new(name: &str, kind: KeyKind) -> Self {
        Self { name: name.to_owned(), kind, intermediate: false, ocsp_url: None }
    }
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Certificates begin a little before their issue, so that a peer whose clock is behind accepts them at once.
pub(super) const BACKDATE: SignedDuration = SignedDuration::from_mins(5);

/// A member of the authority: its certificate and key.
pub(super) struct Member {
    pub(super) certificate: Certificate,
    pub(super) key: SoftwareKey,
}

impl Member {
    pub(super) fn issuer(&self) -> Issuer<'_> {
        Issuer { certificate: &self.certificate, key: &self.key }
    }

    fn save(&self, dir: &Path, name: &str) -> Result<(), PkiError> {
        files::replace(&dir.join(format!("{name}.key")), &self.key.to_pkcs8()?)?;
        files::replace(&dir.join(format!("{name}.pem")), self.certificate.to_pem().as_bytes())?;
        Ok(())
    }

    pub(super) fn load(dir: &Path, name: &'static str) -> Result<Self, PkiError> {
        let key = zeroize::Zeroizing::new(std::fs::read(dir.join(format!("{name}.key")))?);
        let key = SoftwareKey::from_pkcs8(&key).map_err(|_| PkiError::Damaged(name))?;
        let certificate = std::fs::read(dir.join(format!("{name}.pem")))?;
        let certificate = Certificate::from_pem_or_der(&certificate).map_err(|_| PkiError::Damaged(name))?;
        if certificate.public_key_der() != key.public_key_der() {
            return Err(PkiError::Damaged(name));
        }
        Ok(Self { certificate, key })
    }
}

/// Writes a new authority into `dir`. The options are written last: a directory without them holds no authority.
pub(super) fn found(dir: &Path, options: &AuthorityOptions, now: Timestamp) -> Result<(), PkiError> {
    if dir.join("authority.json").exists() {
        return Err(PkiError::Exists);
    }
    std::fs::create_dir_all(dir)?;
    let mut register = Register::create(dir)?;
    let below = if options.intermediate { Some(1) } else { Some(0) };
    let authority = CertificateUsage::Authority { below };
    let root = make(options, "Root CA", authority, 7300, now, None)?;
    root.save(dir, "root")?;
    let intermediate = if options.intermediate {
        let usage = CertificateUsage::Authority { below: Some(0) };
        let member = make(options, "Issuing CA", usage, 3650, now, Some(&root))?;
        member.save(dir, "intermediate")?;
        Some(member)
    } else {
        None
    };
    let issuing = intermediate.as_ref().unwrap_or(&root);
    let services = [
        ("ocsp", "OCSP Responder", CertificateUsage::OcspResponder),
        ("tsa", "Time-Stamping Authority", CertificateUsage::TimeStamping),
    ];
    for (file, title, usage) in services {
        let member = make(options, title, usage, 3650, now, Some(issuing))?;
        member.save(dir, file)?;
        register.enter(&member.certificate, file)?;
    }
    let text = serde_json::to_vec_pretty(options).map_err(|_| PkiError::Damaged("authority.json"))?;
    Ok(files::replace(&dir.join("authority.json"), &text)?)
}

fn make(
    options: &AuthorityOptions,
    title: &str,
    usage: CertificateUsage,
    days: i32,
    now: Timestamp,
    issuer: Option<&Member>,
) -> Result<Member, PkiError> {
    let key = SoftwareKey::generate(options.kind)?;
    let template = CertificateTemplate {
        subject: DistinguishedName::new()
            .with("C", "VN")
            .with("O", &options.name)
            .with("CN", &format!("{} {title}", options.name)),
        usage,
        serial: random_serial()?,
        not_before: now.checked_sub(BACKDATE).unwrap_or(now),
        not_after: now.checked_add(DAY * days).unwrap_or(Timestamp::MAX),
        dns_names: Vec::new(),
        ocsp_url: None,
    };
    let certificate = match issuer {
        Some(issuer) => issue(&template, key.public_key_der(), issuer.issuer())?,
        None => self_signed(&template, &key)?,
    };
    Ok(Member { certificate, key })
}

/// Sixteen random bytes, positive and of full length (RFC 5280 §4.1.2.2 asks for unique serial numbers, CAs for unpredictable ones).
pub(super) fn random_serial() -> Result<Vec<u8>, KeyError> {
    let mut serial = vec![0_u8; 16];
    OsRng.try_fill_bytes(&mut serial).map_err(|_| KeyError::Refused)?;
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}
