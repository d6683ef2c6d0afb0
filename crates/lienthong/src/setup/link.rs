//! The gateway's way to the central: requests about it and its clients, signed with its own keys, over HTTP.

use std::sync::Arc;

use directory::RequestBody;
use directory::{CertDer, ClientId};
use directory::{RequestText, SignedRequest};
use exchange::acts::registration::{ManagementRequest, ManagementRequests, RequestKind, SubmitError};
use futures_util::future::BoxFuture;
use kit::Clock;
use parking_lot::RwLock;
use trust::Certificate;
use trust::key::SigningKey;

use crate::http::Call;

/// Keys as far as they are usable: who is spoken for, with which key and certificate.
pub type Signers = Vec<(ClientId, Arc<dyn SigningKey>, Certificate)>;

/// The way to the central. Clones share it.
#[derive(Clone, Debug)]
pub struct CentralLink(Arc<RwLock<State>>);

#[derive(Debug)]
struct State {
    url: Option<String>,
    signers: Signers,
    clock: Clock,
}

impl CentralLink {
    /// A way that leads nowhere yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(RwLock::new(State { url: None, signers: Vec::new(), clock })))
    }

    /// Where the central takes requests, and who may sign them.
    pub fn set(&self, url: Option<String>, signers: Signers) {
        let mut state = self.0.write();
        (state.url, state.signers) = (url, signers);
    }

    /// Signs a request in the name of `member` and sends it; returns the number the central gave it and where it stands.
    ///
    /// # Errors
    /// When nobody can sign it, or the central cannot be reached or refuses.
    pub async fn send(
        &self,
        member: &ClientId,
        request: RequestBody,
        auth_key: Option<&dyn SigningKey>,
    ) -> Result<(String, String), SubmitError> {
        let (url, body) = self.signed(member, request, auth_key)?;
        let answer = Call::post(&url, "application/json", body).send().await;
        let answer = answer.map_err(|error| SubmitError::Unreachable(format!("{error:#}")))?;
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if !answer.status.is_success() {
            let detail = said.get("detail").or_else(|| said.get("title")).and_then(|text| text.as_str());
            let detail = detail.map_or_else(|| answer.text().chars().take(300).collect(), str::to_owned);
            let status = answer.status;
            return Err(match status.is_server_error() {
                true => SubmitError::Unreachable(format!("{status} {detail}")),
                false => SubmitError::Refused(detail),
            });
        }
        let field =
            |name: &str| said.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        Ok((field("id").unwrap_or_default(), field("status").unwrap_or_default()))
    }

    fn signed(
        &self,
        member: &ClientId,
        request: RequestBody,
        auth_key: Option<&dyn SigningKey>,
    ) -> Result<(String, Vec<u8>), SubmitError> {
        let state = self.0.read();
        let refused = |error: &dyn std::fmt::Display| SubmitError::Refused(error.to_string());
        let url = state.url.clone().ok_or_else(|| refused(&"the configuration names no address for requests"))?;
        let owner = member.owner();
        let signer = state.signers.iter().find(|(known, ..)| *known == owner);
        let (_, key, certificate) =
            signer.ok_or_else(|| refused(&format!("there is no signing certificate of {owner}")))?;
        let text = RequestText { instance: owner.instance.to_string(), sent_at: state.clock.now(), request };
        let signed = SignedRequest::sign(&text, &CertDer::new(certificate.der()), &**key, auth_key);
        let signed = signed.map_err(|error| refused(&error))?;
        let body = serde_json::to_vec(&signed).map_err(|error| refused(&error))?;
        Ok((url, body))
    }
}

impl ManagementRequests for CentralLink {
    fn submit(&self, request: ManagementRequest) -> BoxFuture<'_, Result<String, SubmitError>> {
        let ManagementRequest { kind, server, client, name } = request;
        let member = client.owner();
        let body = match kind {
            RequestKind::Register => RequestBody::ClientRegistration { server, client, subsystem_name: name },
            RequestKind::Unregister => RequestBody::ClientDeletion { server, client },
            RequestKind::Disable => RequestBody::ClientDisable { server, client },
            RequestKind::Enable => RequestBody::ClientEnable { server, client },
        };
        Box::pin(async move { self.send(&member, body, None).await.map(|(number, _)| number) })
    }
}
