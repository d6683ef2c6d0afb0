//! Keys and certificates of a gateway: keys made, certificates asked for and brought in, or both at once from a test authority.

use anyhow::Context as _;
use directory::ClientId;
use trust::Certificate;
use trust::cert::CertificateRequest;
use trust::key::KeyKind;
use trust::pki::{Holder, Profile};
use trust::token::{KeyId, KeyInfo, KeyPurpose};

use super::central::read_certificate;
use super::gateway::GatewayNode;
use crate::http::Call;
use crate::out::trouble;

impl GatewayNode {
    /// Makes a key.
    ///
    /// # Errors
    /// When the token refuses.
    pub fn make_key(&self, purpose: KeyPurpose, kind: KeyKind, label: Option<&str>) -> anyhow::Result<KeyInfo> {
        let label = label.map_or_else(|| format!("{} {}", purpose.as_str(), self.server.colon()), str::to_owned);
        Ok(self.token.generate(&label, kind, purpose)?)
    }

    /// A certificate request for a key: authentication in the name of the gateway, signing in the name of `member`.
    ///
    /// # Errors
    /// When there is no such key, or a value cannot be written into a request.
    pub async fn csr(&self, key: &KeyInfo, member: &ClientId) -> anyhow::Result<(Profile, CertificateRequest)> {
        let profile = match key.purpose {
            Some(KeyPurpose::Auth) => Profile::Auth,
            _ => Profile::Sign,
        };
        let conf = self.conf.current();
        let organization = conf.member_name(&member.owner()).unwrap_or(&member.member).to_owned();
        let address = self.address().await?;
        let host = exchange::gateway::pool::split_address(&address, 0).0;
        let common_name = if profile == Profile::Auth { host.clone() } else { organization.clone() };
        let holder = Holder {
            common_name,
            organization,
            member_class: member.class.to_string(),
            member_code: member.member.to_string(),
            country: "VN".to_owned(),
        };
        let dns_names = if profile == Profile::Auth { vec![host] } else { Vec::new() };
        let signing = self.token.signing_key(&key.id)?;
        Ok((profile, CertificateRequest::create(&*signing, &profile.subject(&holder), &dns_names)?))
    }

    /// The key with this identifier.
    ///
    /// # Errors
    /// When the token holds none.
    pub fn key(&self, id: &str) -> anyhow::Result<KeyInfo> {
        let wanted = KeyId::new(id);
        let found = self.token.keys()?.into_iter().find(|key| key.id == wanted);
        Ok(found.ok_or_else(|| trouble!("Không có khóa {id}", "There is no key {id}"))?)
    }

    /// Stores a certificate beside the key it is for; which key that is.
    ///
    /// # Errors
    /// When the token holds no key for it.
    pub fn import(&self, certificate: &Certificate) -> anyhow::Result<KeyInfo> {
        let fits = |key: &KeyInfo| key.public_key_der == certificate.public_key_der();
        let key = self.token.keys()?.into_iter().find(fits).ok_or_else(|| {
            trouble!("Kho khóa không có khóa của chứng thư này", "The key store holds no key for this certificate")
        })?;
        self.token.add_certificate(&key.id, certificate)?;
        Ok(key)
    }

    /// Makes a key and has the test authority at `url` certify it.
    ///
    /// # Errors
    /// When the authority cannot be reached or does not accept the token.
    pub async fn enrol(
        &self,
        url: &str,
        token: &str,
        purpose: KeyPurpose,
        kind: KeyKind,
    ) -> anyhow::Result<Certificate> {
        let key = self.make_key(purpose, kind, None)?;
        let (profile, request) = self.csr(&key, &self.server.owner).await?;
        let address = format!("{}/sign/{}", url.trim_end_matches('/'), profile.as_str());
        let call = Call::post(&address, "application/x-pem-file", request.to_pem());
        let answer = call.header("authorization", &format!("Bearer {token}")).send().await?;
        if answer.status.as_u16() == 401 {
            return Err(
                trouble!("{url} không nhận mã ghi danh này", "{url} does not accept this enrolment token").into()
            );
        }
        let certificate = read_certificate(&answer.ok(&address)?, &address)?;
        self.token.add_certificate(&key.id, &certificate).context("the certificate does not fit the key")?;
        Ok(certificate)
    }
}
