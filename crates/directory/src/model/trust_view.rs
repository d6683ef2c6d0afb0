//! The configuration seen as a source of trust: which authorities are approved where, and whose certificate this is. Certificates are
//! parsed once, when the configuration is built.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use trust::cert::{Certificate, ChainError, verify_chain};
use trust::ocsp::OcspPolicy;
use trust::xades::{ApprovedAuthority, TrustSource};

use super::cert::sha256;
use super::id::ClientId;
use super::profile::{Profile, ProfileError};
use super::shared_params::{CaInfo, NEWEST_VERSION, OcspResponder, SharedParams, write};

/// What a certificate is presented for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A signature of a member: an authority for authentication only does not count.
    Signing,
    /// TLS between gateways.
    Authentication,
}

/// Approved trust services of every known instance.
#[derive(Debug, Default)]
pub struct TrustView {
    instances: Vec<InstanceTrust>,
    unreadable: Vec<String>,
}

/// Approved trust services of one instance: what signatures of its members are judged by.
#[derive(Debug)]
pub struct InstanceTrust {
    instance: Arc<str>,
    authorities: Vec<Authority>,
    signing: Vec<ApprovedAuthority>,
    time_stampers: Vec<Certificate>,
    ocsp_policy: OcspPolicy,
    generation: u64,
}

impl TrustSource for InstanceTrust {
    fn authorities(&self) -> &[ApprovedAuthority] {
        &self.signing
    }

    fn ocsp_policy(&self) -> OcspPolicy {
        self.ocsp_policy
    }

    fn time_stamp_authorities(&self) -> &[Certificate] {
        &self.time_stampers
    }

    fn generation(&self) -> u64 {
        self.generation
    }
}

/// One approved certification service, parsed.
#[derive(Debug)]
pub struct Authority {
    /// Name shown to people.
    pub name: String,
    /// Its certificates count for TLS only.
    pub authentication_only: bool,
    /// The root.
    pub top: Certificate,
    /// Authorities below the root.
    pub intermediates: Vec<Certificate>,
    /// Class name of the certificate profile.
    pub profile: String,
    responders: Vec<Responders>,
}

/// Who answers for the revocations of one authority certificate.
#[derive(Debug)]
struct Responders {
    authority: Certificate,
    urls: Vec<String>,
    certs: Vec<Certificate>,
}

impl Authority {
    fn approved(&self) -> ApprovedAuthority {
        ApprovedAuthority {
            name: self.name.clone(),
            anchor: self.top.clone(),
            intermediates: self.intermediates.clone(),
            ocsp_responders: self.responders.iter().flat_map(|known| known.certs.iter().cloned()).collect(),
        }
    }
}

/// A number that differs whenever the trust services do: the beginning of a digest over them.
fn generation_of(shared: &SharedParams) -> u64 {
    let only_trust = SharedParams {
        instance: shared.instance.clone(),
        approved_cas: shared.approved_cas.clone(),
        approved_tsas: shared.approved_tsas.clone(),
        ocsp_freshness_seconds: shared.ocsp_freshness_seconds,
        ..SharedParams::default()
    };
    let digest = sha256(&write(&only_trust, NEWEST_VERSION));
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// Why a certificate does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The instance is not known.
    #[error("instance {0:?} is not known")]
    UnknownInstance(String),
    /// No path to an approved authority.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// It does not name a member as the profile wants.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Its key usage does not allow what it is used for.
    #[error("the certificate is not issued for this use")]
    Usage,
}

/// A path from a certificate to an approved authority.
#[derive(Debug)]
pub struct Path<'a> {
    /// The certificates, the one asked about first.
    pub certificates: Vec<Certificate>,
    /// The approved service it ends at.
    pub authority: &'a Authority,
}

impl TrustView {
    /// Parses the trust services of one more instance. What cannot be parsed is left out and reported by
    /// [`TrustView::unreadable`]: one bad entry must not stop an instance.
    pub(crate) fn add(&mut self, shared: &SharedParams) {
        let mut authorities = Vec::with_capacity(shared.approved_cas.len());
        for approved in &shared.approved_cas {
            let Some(top) = self.parse(approved.top.cert.der(), &approved.name) else { continue };
            let mut responders = vec![self.responders(top.clone(), &approved.top, &approved.name)];
            let mut intermediates = Vec::new();
            for info in &approved.intermediates {
                if let Some(certificate) = self.parse(info.cert.der(), &approved.name) {
                    responders.push(self.responders(certificate.clone(), info, &approved.name));
                    intermediates.push(certificate);
                }
            }
            authorities.push(Authority {
                name: approved.name.clone(),
                authentication_only: approved.authentication_only,
                top,
                intermediates,
                profile: approved.profile.clone(),
                responders,
            });
        }
        let time_stampers =
            shared.approved_tsas.iter().filter_map(|tsa| self.parse(tsa.cert.der(), &tsa.name)).collect();
        let freshness = SignedDuration::from_secs(i64::from(shared.ocsp_freshness_seconds));
        self.instances.push(InstanceTrust {
            instance: shared.instance.clone(),
            signing: authorities.iter().filter(|known| !known.authentication_only).map(Authority::approved).collect(),
            authorities,
            time_stampers,
            ocsp_policy: OcspPolicy { freshness, ..OcspPolicy::default() },
            generation: generation_of(shared),
        });
    }

    /// Trust services of one instance, in the form signatures are verified against.
    #[must_use]
    pub fn source(&self, instance: &str) -> Option<&InstanceTrust> {
        self.of(instance)
    }

    /// Names of trust services with a certificate that cannot be read.
    #[must_use]
    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// Approved certification services of an instance.
    #[must_use]
    pub fn authorities(&self, instance: &str) -> &[Authority] {
        self.of(instance).map_or(&[], |known| &known.authorities)
    }

    /// Certificates of the approved time-stamping services of an instance.
    #[must_use]
    pub fn time_stampers(&self, instance: &str) -> &[Certificate] {
        self.of(instance).map_or(&[], |known| &known.time_stampers)
    }

    /// Finds the approved authority of `instance` under which `certificate` is good at `at`. `extra` are authorities that came with
    /// the message.
    ///
    /// # Errors
    /// When no path is good; of several reasons the one of the last authority tried.
    pub fn path(
        &self,
        certificate: &Certificate,
        extra: &[Certificate],
        instance: &str,
        purpose: Purpose,
        at: Timestamp,
    ) -> Result<Path<'_>, TrustError> {
        let usable = match purpose {
            Purpose::Signing => certificate.is_for_signing(),
            Purpose::Authentication => certificate.is_for_authentication(),
        };
        if !usable {
            return Err(TrustError::Usage);
        }
        let known = self.of(instance).ok_or_else(|| TrustError::UnknownInstance(instance.to_owned()))?;
        let mut reason = ChainError::UnknownIssuer { subject: certificate.subject().to_owned() };
        for authority in &known.authorities {
            if authority.authentication_only && purpose == Purpose::Signing {
                continue;
            }
            let between: Vec<Certificate> = authority.intermediates.iter().chain(extra).cloned().collect();
            match verify_chain(certificate, &between, std::slice::from_ref(&authority.top), at) {
                Ok(certificates) => return Ok(Path { certificates, authority }),
                Err(ChainError::UnknownIssuer { .. }) => {}
                Err(other) => reason = other,
            }
        }
        Err(reason.into())
    }

    /// The member of `instance` whose signing certificate this is, good at `at`.
    ///
    /// # Errors
    /// When no path is good or the subject does not name a member.
    pub fn signing_member(
        &self,
        certificate: &Certificate,
        extra: &[Certificate],
        instance: &str,
        at: Timestamp,
    ) -> Result<ClientId, TrustError> {
        let path = self.path(certificate, extra, instance, Purpose::Signing, at)?;
        let profile = Profile::from_class_name(&path.authority.profile)?;
        Ok(profile.signing_member(certificate, instance)?)
    }

    /// The approved authority certificate that issued `certificate`, in any instance.
    #[must_use]
    pub fn issuer_of(&self, certificate: &Certificate) -> Option<&Certificate> {
        self.all_authorities().find(|authority| certificate.issued_by(authority))
    }

    /// OCSP responder addresses approved for certificates that `issuer` issued.
    #[must_use]
    pub fn ocsp_urls(&self, issuer: &Certificate) -> Vec<&str> {
        self.responders_of(issuer).flat_map(|known| known.urls.iter().map(String::as_str)).collect()
    }

    /// OCSP responder certificates approved for certificates that `issuer` issued.
    #[must_use]
    pub fn ocsp_certs(&self, issuer: &Certificate) -> Vec<&Certificate> {
        self.responders_of(issuer).flat_map(|known| &known.certs).collect()
    }

    fn of(&self, instance: &str) -> Option<&InstanceTrust> {
        self.instances.iter().find(|known| &*known.instance == instance)
    }

    fn all_authorities(&self) -> impl Iterator<Item = &Certificate> {
        self.instances
            .iter()
            .flat_map(|known| &known.authorities)
            .flat_map(|authority| authority.intermediates.iter().chain([&authority.top]))
    }

    fn responders_of(&self, issuer: &Certificate) -> impl Iterator<Item = &Responders> {
        self.instances
            .iter()
            .flat_map(|known| &known.authorities)
            .flat_map(|authority| &authority.responders)
            .filter(move |known| known.authority == *issuer)
    }

    fn parse(&mut self, der: &[u8], name: &str) -> Option<Certificate> {
        let parsed = Certificate::from_der(der).ok();
        if parsed.is_none() {
            self.unreadable.push(name.to_owned());
        }
        parsed
    }

    fn responders(&mut self, authority: Certificate, info: &CaInfo, name: &str) -> Responders {
        let with_cert = |responder: &OcspResponder| responder.cert.clone();
        let ders: Vec<_> = info.ocsp.iter().filter_map(with_cert).collect();
        Responders {
            authority,
            urls: info.ocsp.iter().map(|responder| responder.url.clone()).collect(),
            certs: ders.iter().filter_map(|cert| self.parse(cert.der(), name)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cert::CertDer;
    use super::super::shared_params::{ApprovedCa, CostType, CsrFormat};
    use super::*;
    use crate::testing::{TestAuthority, start};

    fn view(authority: &TestAuthority, authentication_only: bool, profile: &str) -> TrustView {
        let responder = OcspResponder { url: "http://ocsp/".into(), cert: None, cost: CostType::Free };
        let shared = SharedParams {
            instance: "VN".into(),
            approved_cas: vec![ApprovedCa {
                name: "CA".into(),
                authentication_only,
                top: CaInfo { cert: CertDer::new(authority.certificate.der()), ocsp: vec![responder] },
                intermediates: vec![CaInfo { cert: CertDer::new(b"not a certificate"), ocsp: Vec::new() }],
                profile: profile.into(),
                csr_format: CsrFormat::Der,
                acme: None,
            }],
            ..SharedParams::default()
        };
        let mut view = TrustView::default();
        view.add(&shared);
        view
    }

    const BASIC: &str = "ee.ria.xroad.common.certificateprofile.impl.BasicCertificateProfileInfoProvider";

    #[test]
    fn a_signing_certificate_of_the_basic_profile_names_its_member() {
        let authority = TestAuthority::new();
        let view = view(&authority, false, BASIC);
        let (_, certificate) = authority.sign_cert("GOV", "G01");
        let member = view.signing_member(&certificate, &[], "VN", start());
        assert_eq!(member, Ok(ClientId::member("VN", "GOV", "G01")));
        assert_eq!(view.issuer_of(&certificate), Some(&authority.certificate));
        assert_eq!(view.ocsp_urls(&authority.certificate), vec!["http://ocsp/"]);
        assert_eq!(view.unreadable(), ["CA"], "the broken intermediate is reported, not fatal");
    }

    #[test]
    fn what_does_not_count_is_refused_with_the_reason() {
        let authority = TestAuthority::new();
        let (_, signing) = authority.sign_cert("GOV", "G01");
        let (_, authentication) = authority.auth_cert("G01", "gw1.vn");
        let approved = view(&authority, false, BASIC);
        let member = |view: &TrustView, certificate, instance, at| view.signing_member(certificate, &[], instance, at);
        assert_eq!(member(&approved, &authentication, "VN", start()), Err(TrustError::Usage));
        assert_eq!(member(&approved, &signing, "LA", start()), Err(TrustError::UnknownInstance("LA".into())));
        let late = start() + SignedDuration::from_hours(24 * 366);
        assert!(matches!(member(&approved, &signing, "VN", late), Err(TrustError::Chain(ChainError::Expired { .. }))));
        let stranger = TestAuthority::new();
        let chain = member(&view(&stranger, false, BASIC), &signing, "VN", start());
        assert!(matches!(chain, Err(TrustError::Chain(_))), "{chain:?}");
        let tls_only = member(&view(&authority, true, BASIC), &signing, "VN", start());
        assert!(matches!(tls_only, Err(TrustError::Chain(ChainError::UnknownIssuer { .. }))));
        let exotic =
            member(&view(&authority, false, "x.SkEsteIdCertificateProfileInfoProvider"), &signing, "VN", start());
        assert!(matches!(exotic, Err(TrustError::Profile(ProfileError::Unsupported(_)))));
    }
}
