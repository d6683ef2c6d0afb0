//! The "Basic" certificate profiles of the exchange (exchange protocol §2.8).

use std::fmt;

use super::PkiError;
use crate::cert::{CertificateRequest, CertificateUsage, DistinguishedName};

/// What a gateway's certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// TLS authentication of a gateway.
    Auth,
    /// Signing messages in the name of a member.
    Sign,
}

/// Whom a certificate is for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Holder {
    /// DNS name of the gateway (auth) or name to show (sign).
    pub common_name: String,
    /// Name of the member organisation.
    pub organization: String,
    /// Member class, such as `GOV`; only signing certificates carry it.
    pub member_class: String,
    /// Member code within its class.
    pub member_code: String,
    /// Two-letter country code; `VN` when empty.
    pub country: String,
}

/// Shows the codes only: the names may be of people.
impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holder({}/{})", self.member_class, self.member_code)
    }
}

impl Profile {
    /// The subject of a certificate for `holder`: auth `C, O, serialNumber=code, CN=dns`; sign adds `businessCategory=class`.
    #[must_use]
    pub fn subject(self, holder: &Holder) -> DistinguishedName {
        let country = if holder.country.is_empty() { "VN" } else { &holder.country };
        let name = DistinguishedName::new().with("C", country).with("O", &holder.organization);
        let name = match self {
            Self::Auth => name,
            Self::Sign => name.with("businessCategory", &holder.member_class),
        };
        name.with("serialNumber", &holder.member_code).with("CN", &holder.common_name)
    }

    /// Checks that a request's own subject fits the profile.
    pub(super) fn check(self, request: &CertificateRequest) -> Result<(), PkiError> {
        let required: &[&'static str] = match self {
            Self::Auth => &["CN", "serialNumber"],
            Self::Sign => &["CN", "businessCategory", "serialNumber"],
        };
        let missing = required.iter().find(|name| request.subject_attribute(name).is_none_or(|value| value.is_empty()));
        missing.map_or(Ok(()), |name| Err(PkiError::MissingName(name)))
    }

    pub(super) const fn usage(self) -> CertificateUsage {
        match self {
            Self::Auth => CertificateUsage::Authentication,
            Self::Sign => CertificateUsage::Signing,
        }
    }

    /// The name used in addresses and records: `auth` or `sign`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Sign => "sign",
        }
    }

    /// The profile of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Auth, Self::Sign].into_iter().find(|profile| profile.as_str() == name)
    }
}
