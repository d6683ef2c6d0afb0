//! The configuration as an offline verifier of stored messages needs it: the approved services of every instance at once, and the member
//! behind a signing certificate.

use trust::cert::Certificate;
use trust::ocsp::OcspPolicy;
use trust::verify::{EvidenceTrust, Member};
use trust::xades::{ApprovedAuthority, TrustSource};

use super::global_conf::GlobalConf;
use super::profile::Profile;

/// Trust for the verification of containers.
#[derive(Debug)]
pub struct Evidence {
    authorities: Vec<ApprovedAuthority>,
    /// Instance and profile of each authority, in the same order.
    readings: Vec<(String, Option<Profile>)>,
    time_stampers: Vec<Certificate>,
    ocsp_policy: OcspPolicy,
    generation: u64,
}

impl Evidence {
    /// Gathers the trust services of every instance in `conf`. An authority is named with its instance when there are several: two
    /// instances may call different authorities by one name.
    #[must_use]
    pub fn new(conf: &GlobalConf) -> Self {
        let several = conf.instances().count() > 1;
        let mut evidence = Self {
            authorities: Vec::new(),
            readings: Vec::new(),
            time_stampers: Vec::new(),
            ocsp_policy: OcspPolicy { freshness: conf.ocsp_freshness(), ..OcspPolicy::default() },
            generation: 0,
        };
        for instance in conf.instances() {
            let Some(source) = conf.trust().source(&instance.id) else { continue };
            for approved in source.authorities() {
                let profile = conf
                    .trust()
                    .authorities(&instance.id)
                    .iter()
                    .find(|authority| authority.top == approved.anchor && authority.name == approved.name)
                    .and_then(|authority| Profile::from_class_name(&authority.profile).ok());
                let mut approved = approved.clone();
                if several {
                    approved.name = format!("{} ({})", approved.name, instance.id);
                }
                evidence.authorities.push(approved);
                evidence.readings.push((instance.id.to_string(), profile));
            }
            evidence.time_stampers.extend_from_slice(source.time_stamp_authorities());
            evidence.generation ^= source.generation();
        }
        evidence
    }
}

impl TrustSource for Evidence {
    fn authorities(&self) -> &[ApprovedAuthority] {
        &self.authorities
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

impl EvidenceTrust for Evidence {
    fn member_of(&self, certificate: &Certificate, authority: &str) -> Option<Member> {
        let position = self.authorities.iter().position(|known| known.name == authority)?;
        let (instance, profile) = self.readings.get(position)?;
        let member = (*profile)?.signing_member(certificate, instance).ok()?;
        Some(Member {
            instance: member.instance.to_string(),
            class: member.class.to_string(),
            code: member.member.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::cert::CertDer;
    use crate::model::global_conf::InstanceParts;
    use crate::model::shared_params::{ApprovedCa, CaInfo, CsrFormat, SharedParams};
    use crate::testing::TestAuthority;

    fn parts(instance: &str, authority: &TestAuthority, authentication_only: bool) -> InstanceParts {
        let approved = ApprovedCa {
            name: "CA".into(),
            authentication_only,
            top: CaInfo { cert: CertDer::new(authority.certificate.der()), ocsp: Vec::new() },
            intermediates: Vec::new(),
            profile: "BasicCertificateProfileInfoProvider".into(),
            csr_format: CsrFormat::Der,
            acme: None,
        };
        let shared =
            SharedParams { instance: instance.into(), approved_cas: vec![approved], ..SharedParams::default() };
        InstanceParts { shared, private: None, expires_at: Timestamp::MAX }
    }

    #[test]
    fn authorities_of_one_name_in_two_instances_are_told_apart() {
        let (home, away) = (TestAuthority::new(), TestAuthority::new());
        let conf = GlobalConf::build(vec![parts("VN", &home, false), parts("LA", &away, false)]).unwrap();
        let evidence = Evidence::new(&conf);
        let names: Vec<&str> = evidence.authorities().iter().map(|known| known.name.as_str()).collect();
        assert_eq!(names, ["CA (VN)", "CA (LA)"]);
        let (_, certificate) = away.sign_cert("GOV", "M1");
        let member = evidence.member_of(&certificate, "CA (LA)").unwrap();
        assert_eq!((member.instance.as_str(), member.class.as_str(), member.code.as_str()), ("LA", "GOV", "M1"));
        assert!(evidence.member_of(&certificate, "CA").is_none());
        let (_, tls) = away.auth_cert("M1", "gw.la");
        assert!(evidence.member_of(&tls, "CA (LA)").is_none(), "it names no class");
    }

    #[test]
    fn an_authority_for_authentication_only_certifies_no_signer() {
        let conf = GlobalConf::build(vec![parts("VN", &TestAuthority::new(), true)]).unwrap();
        assert!(Evidence::new(&conf).authorities().is_empty());
    }
}
