//! Certificate profiles: where a certificate says which member or gateway it belongs to (§2.8).

use trust::cert::Certificate;

use super::id::ClientId;

/// Package of the profile classes, as configurations spell them.
const CLASS_SUFFIX: &str = "CertificateProfileInfoProvider";

/// A profile we can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `serialNumber` = member code, `businessCategory` = member class (signing certificates).
    Basic,
    /// `serialNumber` = instance/server/class, `CN` = member code.
    FiVrk,
}

/// Why a certificate does not name a member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The approved authority uses a profile we cannot read.
    #[error("certificate profile {0:?} is not supported")]
    Unsupported(String),
    /// An attribute of the subject is missing or malformed.
    #[error("the certificate's subject lacks a proper {0}")]
    Attribute(&'static str),
    /// The certificate names another instance.
    #[error("the certificate is for instance {0:?}")]
    Instance(String),
}

impl Profile {
    /// From the class name in the configuration. The ACME variant of the basic profile names the same attributes.
    ///
    /// # Errors
    /// [`ProfileError::Unsupported`].
    pub fn from_class_name(class: &str) -> Result<Self, ProfileError> {
        let short = class.rsplit('.').next().unwrap_or(class);
        match short.strip_suffix(CLASS_SUFFIX).unwrap_or(short) {
            "Basic" | "BasicACME" => Ok(Self::Basic),
            "FiVRK" => Ok(Self::FiVrk),
            _ => Err(ProfileError::Unsupported(class.to_owned())),
        }
    }

    /// The member a signing certificate belongs to, in `instance`.
    ///
    /// # Errors
    /// When the subject does not say it as the profile wants.
    pub fn signing_member(self, certificate: &Certificate, instance: &str) -> Result<ClientId, ProfileError> {
        match self {
            Self::Basic => {
                let class = attribute(certificate, "businessCategory")?;
                Ok(ClientId::member(instance, &class, &attribute(certificate, "serialNumber")?))
            }
            Self::FiVrk => {
                let serial = attribute(certificate, "serialNumber")?;
                let [named, _server, class] = three_parts(&serial)?;
                if named != instance {
                    return Err(ProfileError::Instance(named.to_owned()));
                }
                Ok(ClientId::member(instance, class, &attribute(certificate, "CN")?))
            }
        }
    }

    /// The code of the member an authentication certificate belongs to; the basic profile says no class there.
    ///
    /// # Errors
    /// As [`Profile::signing_member`].
    pub fn authentication_member_code(self, certificate: &Certificate) -> Result<String, ProfileError> {
        match self {
            Self::Basic => attribute(certificate, "serialNumber"),
            Self::FiVrk => attribute(certificate, "CN"),
        }
    }
}

fn attribute(certificate: &Certificate, name: &'static str) -> Result<String, ProfileError> {
    certificate.subject_attribute(name).filter(|value| !value.is_empty()).ok_or(ProfileError::Attribute(name))
}

fn three_parts(serial: &str) -> Result<[&str; 3], ProfileError> {
    let parts: Vec<&str> = serial.split('/').collect();
    parts.try_into().map_err(|_| ProfileError::Attribute("serialNumber"))
}
