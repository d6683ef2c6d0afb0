//! Taking in management requests: from gateways, proven by signatures, and from operators of the central.
//!
//! A gateway signs the exact text it sends. The text names instance and time, so that it means nothing elsewhere or later; the same
//! text sent twice is one request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Tx;
use trust::cert::Certificate;
use trust::key::{SignatureAlgorithm, SigningKey};

use super::permit::{Permit, Register};
use super::{ActError, Central, Scene};
use crate::model::cert::{CertDer, sha256};
use crate::model::profile::Profile;
use crate::model::request::{Origin, RequestBody, Status};
use crate::model::trust_view::{Purpose, TrustView};
use crate::store::instance::{self, InstanceSettings};
use crate::store::requests::{self, NewRequest, RequestRow};
use crate::store::snapshot;

/// How far the clock of a gateway may be off, and how long a signed text may be under way.
const FRESHNESS: SignedDuration = SignedDuration::from_mins(10);

/// Work that a gateway may ask for itself.
#[derive(Clone, Copy, Debug)]
enum Asked {}

/// A request whose proofs hold. Only [`Central::prove_request`] makes one, and it permits nothing but this request.
#[derive(Clone, Debug)]
pub struct RequestPermit {
    permit: Permit<Asked>,
    request: RequestBody,
    digest: String,
}

/// A request with its proofs, as a gateway sends it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignedRequest {
    /// JSON text of [`RequestText`]: the bytes that are signed.
    pub text: String,
    /// Signature of the member concerned (the owner of the gateway, or the client's member).
    pub member: Proof,
    /// Signature by the authentication key that is to be registered: who asks does hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_key: Option<KeyProof>,
}

/// What is signed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestText {
    /// Instance that is asked.
    pub instance: String,
    /// When it was signed.
    pub sent_at: Timestamp,
    /// What is asked.
    pub request: RequestBody,
}

/// A signature with the certificate that verifies it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Proof {
    /// Signing certificate, base64 DER.
    #[schema(value_type = String)]
    pub cert: CertDer,
    /// The signature.
    #[serde(flatten)]
    pub signature: KeyProof,
}

/// A signature by a key whose certificate is known from elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeyProof {
    /// XML signature identifier of the algorithm.
    pub algorithm: String,
    /// Signature, base64; ECDSA as ASN.1 DER.
    pub value: String,
}

impl KeyProof {
    fn make(key: &dyn SigningKey, text: &str) -> Result<Self, ActError> {
        let algorithm = key.kind().message_algorithm();
        let value = BASE64.encode(key.sign(algorithm, text.as_bytes())?);
        Ok(Self { algorithm: algorithm.xml_uri().to_owned(), value })
    }

    fn verify(&self, what: &str, certificate: &Certificate, text: &str) -> Result<(), ActError> {
        let refused = |error: &dyn std::fmt::Display| ActError::Signature(format!("{what}: {error}"));
        let algorithm = SignatureAlgorithm::from_xml_uri(&self.algorithm).map_err(|error| refused(&error))?;
        let value = BASE64.decode(&self.value).map_err(|error| refused(&error))?;
        certificate.verify(algorithm, text.as_bytes(), &value).map_err(|error| refused(&error))
    }
}

impl SignedRequest {
    /// Signs a request, as a gateway does before it sends it. `auth_key` is needed to register an authentication certificate.
    ///
    /// # Errors
    /// When a token refuses to sign.
    pub fn sign(
        text: &RequestText,
        sign_cert: &CertDer,
        sign_key: &dyn SigningKey,
        auth_key: Option<&dyn SigningKey>,
    ) -> Result<Self, ActError> {
        let text = serde_json::to_string(text).map_err(|error| ActError::invalid("/text", error))?;
        Ok(Self {
            member: Proof { cert: sign_cert.clone(), signature: KeyProof::make(sign_key, &text)? },
            auth_key: auth_key.map(|key| KeyProof::make(key, &text)).transpose()?,
            text,
        })
    }

    /// Verifies everything the registry need not be asked for. Returns what is asked and the member that proved it.
    fn verify(&self, settings: &InstanceSettings, trust: &TrustView, now: Timestamp) -> Result<RequestText, ActError> {
        let asked: RequestText = serde_json::from_str(&self.text).map_err(|error| ActError::invalid("/text", error))?;
        if asked.instance != settings.instance {
            return Err(ActError::invalid("/text/instance", format!("this is instance {}", settings.instance)));
        }
        if asked.sent_at.duration_since(now).abs() > FRESHNESS {
            return Err(ActError::invalid("/text/sent_at", "is more than ten minutes off: check the clock"));
        }
        let cert = Certificate::from_der(self.member.cert.der())
            .map_err(|error| ActError::Signature(format!("signing certificate: {error}")))?;
        let member = trust
            .signing_member(&cert, &[], &settings.instance, now)
            .map_err(|error| ActError::Signature(format!("signing certificate: {error}")))?;
        if !asked.request.signers().contains(&member) {
            return Err(ActError::Signature(format!("{member} may not ask for this")));
        }
        self.member.signature.verify("signature of the member", &cert, &self.text)?;
        if let RequestBody::AuthCertRegistration { auth_cert, server, .. } = &asked.request {
            self.verify_possession(auth_cert, &server.owner.member, settings, trust, now)?;
        }
        Ok(asked)
    }

    /// The authentication certificate is approved, belongs to the owner, and who asks holds its key.
    fn verify_possession(
        &self,
        auth_cert: &CertDer,
        owner_code: &str,
        settings: &InstanceSettings,
        trust: &TrustView,
        now: Timestamp,
    ) -> Result<(), ActError> {
        let refused =
            |error: &dyn std::fmt::Display| ActError::Signature(format!("authentication certificate: {error}"));
        let cert = Certificate::from_der(auth_cert.der()).map_err(|error| refused(&error))?;
        let path = trust
            .path(&cert, &[], &settings.instance, Purpose::Authentication, now)
            .map_err(|error| refused(&error))?;
        let profile = Profile::from_class_name(&path.authority.profile).map_err(|error| refused(&error))?;
        let code = profile.authentication_member_code(&cert).map_err(|error| refused(&error))?;
        if code != owner_code {
            return Err(refused(&format!("it belongs to member {code}")));
        }
        let proof = self.auth_key.as_ref().ok_or_else(|| refused(&"proof of possession is missing"))?;
        proof.verify("proof of possession", &cert, &self.text)
    }
}

impl Central {
    /// The authorisation step of a gateway's request: its proofs. What does not hold leaves an audit entry.
    ///
    /// # Errors
    /// When a proof does not hold.
    pub async fn prove_request(&self, signed: &SignedRequest) -> Result<RequestPermit, ActError> {
        let now = self.clock.now();
        let (settings, trust) = self.trust_in_force().await?;
        let digest = hex::encode(sha256(signed.text.as_bytes()));
        match signed.verify(&settings, &trust, now) {
            Ok(asked) => {
                let permit = Permit::proven(asked.request.server().colon());
                Ok(RequestPermit { permit, request: asked.request, digest })
            }
            Err(error) => {
                self.record_failure("Add management request", "gateway", &error, json!({ "digest": digest })).await;
                Err(error)
            }
        }
    }

    /// Takes in a proven request of a gateway. Sent again, it answers with the request as it stands.
    ///
    /// # Errors
    /// When the request contradicts what is registered or pending.
    pub async fn submit_request(&self, proven: RequestPermit) -> Result<RequestRow, ActError> {
        self.take_in(&proven.permit, Origin::Gateway, proven.request, proven.digest).await
    }

    /// Takes in a request that an operator enters. It completes a gateway's request for the same thing, or waits for one.
    ///
    /// # Errors
    /// When the request contradicts what is registered or pending.
    pub async fn enter_request(&self, permit: &Permit<Register>, body: RequestBody) -> Result<RequestRow, ActError> {
        let digest = format!("center-{}", kit::id::new(self.clock.now()));
        self.take_in(permit, Origin::Center, body, digest).await
    }

    async fn take_in<O>(
        &self,
        permit: &Permit<O>,
        origin: Origin,
        body: RequestBody,
        digest: String,
    ) -> Result<RequestRow, ActError> {
        let data = json!({ "request": body, "origin": origin });
        self.perform(permit, "Add management request", data, move |scene| {
            if let Some(same) = requests::by_digest(scene.tx, &digest)? {
                return Ok(same);
            }
            scene.own_instance(&body.server().owner)?;
            body.client().map_or(Ok(()), |client| scene.own_instance(client))?;
            let new = NewRequest { origin, body: &body, digest: &digest };
            scene.take_in(&new)
        })
        .await
    }

    /// Settings of the instance and the trust services approved now.
    async fn trust_in_force(&self) -> Result<(InstanceSettings, TrustView), ActError> {
        self.store
            .read(|tx: &mut Tx<'_>| {
                let (settings, _) = instance::load(tx)?.ok_or(ActError::NotInitialised)?;
                let mut trust = TrustView::default();
                trust.add(&snapshot::trust_services(tx, &settings)?);
                Ok((settings, trust))
            })
            .await
    }
}

impl Scene<'_, '_> {
    fn take_in(&mut self, new: &NewRequest<'_>) -> Result<RequestRow, ActError> {
        let body = new.body;
        let mut complement = None;
        for other in requests::pending(self.tx, body.kind(), &body.subject())? {
            if other.origin == new.origin || other.body.server() != body.server() {
                return Err(ActError::Conflict(format!("request {} for the same thing is pending", other.id)));
            }
            complement = Some(other);
        }
        let id = requests::insert(self.tx, new, self.at)?
            .ok_or_else(|| ActError::Conflict("the request is known".to_owned()))?;
        let revoked = self.revoke_pending(new, id)?;
        let decided_by = match &complement {
            Some(other) => Some(format!("complements request {}", other.id)),
            None if revoked => Some("takes back a pending request".to_owned()),
            None if self.approves_itself(new) => Some("automatic".to_owned()),
            None => None,
        };
        if let Some(decided_by) = decided_by {
            if !revoked {
                self.carry_out(body)?;
            }
            for number in [Some(id), complement.map(|other| other.id)].into_iter().flatten() {
                requests::decide(self.tx, number, Status::Approved, &decided_by, None, self.at)?;
            }
        }
        requests::find(self.tx, id)?.ok_or_else(|| ActError::not_found("request", id))
    }

    /// A deletion takes back the registration that is still pending. True when there was one.
    fn revoke_pending(&mut self, new: &NewRequest<'_>, id: i64) -> Result<bool, ActError> {
        let Some(kind) = new.body.revokes() else { return Ok(false) };
        let pending = requests::pending(self.tx, kind, &new.body.subject())?;
        for row in &pending {
            let status = row.status.revoke()?;
            requests::decide(self.tx, row.id, status, &format!("request {id}"), None, self.at)?;
        }
        Ok(!pending.is_empty())
    }

    fn approves_itself(&self, new: &NewRequest<'_>) -> bool {
        match new.body {
            RequestBody::AuthCertRegistration { .. } => {
                self.settings.auto_approve_auth_cert && new.origin == Origin::Gateway
            }
            RequestBody::ClientRegistration { .. } => {
                self.settings.auto_approve_client && new.origin == Origin::Gateway
            }
            RequestBody::OwnerChange { .. } => self.settings.auto_approve_owner_change && new.origin == Origin::Gateway,
            other => !other.needs_decision(),
        }
    }
}
