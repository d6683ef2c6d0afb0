//! The gateway's own keys and certificates, and the OCSP answers that prove to others that the certificates are good.
//!
//! An answer is fetched again long before others would call it stale. When none can be had, the gateway goes on until the last one is too
//! old, and then says precisely which certificate and why instead of failing somewhere else.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use arc_swap::ArcSwap;
use bytes::Bytes;
use directory::{ClientId, ServerId};
use jiff::{SignedDuration, Timestamp};
use kit::Clock;
use parking_lot::Mutex;
use rustls::sign::CertifiedKey;
use trust::cert::Certificate;
use trust::key::SigningKey;
use trust::ocsp::{self, FetchLimits, OcspError, OcspQuery, OcspResponse};
use trust::xades::{SignatureBuilder, TrustSource as _};

use super::signer::Signer;
use super::tls::OwnKey;
use super::world::{View, World};
use crate::monitor::metrics::{Freshness, Metrics};

/// Answers are fetched again when this share of their life has passed.
const RENEW_AFTER: i32 = 3;
/// Longest pause between two rounds: a clock that jumps is noticed this soon. A round in which all answers are young costs nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Pause after a round in which an answer could not be had.
const RETRY: Duration = Duration::from_secs(10);

/// A key with its certificate.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The private key, wherever it lives.
    pub key: Arc<dyn SigningKey>,
    /// Its certificate.
    pub certificate: Certificate,
}

/// How one of our certificates stands.
#[derive(Clone, Debug)]
pub struct CertificateState {
    /// The certificate.
    pub certificate: Certificate,
    /// What it is for, in words for the health page: `authentication` or the member it signs for.
    pub purpose: String,
    /// The newest good answer.
    pub answer: Option<OcspResponse>,
    /// Why the last attempt to get a newer one failed.
    pub error: Option<String>,
}

/// The gateway's keys and certificates.
#[derive(Debug)]
pub struct Identity {
    /// Which gateway this is.
    pub server: ServerId,
    /// Key and certificate of TLS between gateways, with the newest OCSP answer stapled.
    pub auth_tls: OwnKey,
    /// Figures, of signing too; the gateway shares them.
    pub metrics: Arc<Metrics>,
    auth: Certificate,
    signers: AHashMap<ClientId, (KeyPair, Signer)>,
    auth_ocsp: ArcSwap<Vec<Bytes>>,
    states: Mutex<Vec<CertificateState>>,
}

impl Identity {
    /// An identity that is not usable until [`Identity::refresh`] got OCSP answers. `signing` gives each member whose messages this
    /// gateway signs its key.
    ///
    /// # Errors
    /// When a signing thread cannot be started.
    pub fn new(
        server: ServerId,
        auth_tls: CertifiedKey,
        auth: Certificate,
        signing: Vec<(ClientId, KeyPair)>,
        batch_limit: usize,
        clock: &Clock,
    ) -> std::io::Result<Self> {
        let state = |certificate: &Certificate, purpose: String| CertificateState {
            certificate: certificate.clone(),
            purpose,
            answer: None,
            error: None,
        };
        let mut states = vec![state(&auth, "authentication".to_owned())];
        let mut signers = AHashMap::new();
        let metrics = Arc::<Metrics>::default();
        for (member, pair) in signing {
            states.push(state(&pair.certificate, member.to_string()));
            let signer = Signer::start(&member.member, batch_limit, clock.clone(), Arc::clone(&metrics))?;
            signers.insert(member.owner(), (pair, signer));
        }
        Ok(Self {
            server,
            auth_tls: Arc::new(ArcSwap::from_pointee(auth_tls)),
            metrics,
            auth,
            signers,
            auth_ocsp: ArcSwap::default(),
            states: Mutex::new(states),
        })
    }

    /// The signer of the member `client` is or belongs to.
    #[must_use]
    pub fn signer(&self, client: &ClientId) -> Option<&Signer> {
        let owner = client.owner();
        self.signers.get(&owner).map(|(_, signer)| signer)
    }

    /// The OCSP answers that accompany every message: about our authentication certificate.
    #[must_use]
    pub fn auth_ocsp(&self) -> Arc<Vec<Bytes>> {
        self.auth_ocsp.load_full()
    }

    /// How each certificate stands, for the health page.
    #[must_use]
    pub fn states(&self) -> Vec<CertificateState> {
        self.states.lock().clone()
    }

    /// Why the authentication certificate cannot be used at `now`; `None` when it can.
    #[must_use]
    pub fn auth_trouble(&self, view: &View, now: Timestamp) -> Option<String> {
        if !self.auth.is_valid_at(now) {
            return Some("the authentication certificate is outside its validity period".to_owned());
        }
        let states = self.states.lock();
        let state = states.first()?;
        match &state.answer {
            None => Some(format!(
                "no valid OCSP response for the authentication certificate ({})",
                state.error.as_deref().unwrap_or("not asked yet")
            )),
            Some(answer) => answer.is_fresh(&view.ocsp_policy(), now).err().map(|error| {
                format!("{error} for the authentication certificate ({})", state.error.as_deref().unwrap_or("no error"))
            }),
        }
    }

    /// Fetches OCSP answers until the task is dropped.
    pub async fn keep_fresh(self: Arc<Self>, world: World, clock: Clock) {
        loop {
            let pause =
                if self.refresh(&world.current(), clock.now()).await { self.pause(&world, &clock) } else { RETRY };
            tokio::time::sleep(pause).await;
        }
    }

    /// One round: asks about every certificate whose answer is missing or no longer young. Whether all have a good answer now.
    pub async fn refresh(&self, view: &View, now: Timestamp) -> bool {
        let mut all_good = true;
        let states = self.states();
        for (index, state) in states.into_iter().enumerate() {
            if state.answer.as_ref().is_some_and(|answer| is_young(answer, view, now)) {
                continue;
            }
            let outcome = ask(view, &state.certificate, now).await;
            all_good &= outcome.is_ok();
            self.take(view, index, outcome, now);
        }
        all_good
    }

    fn take(&self, view: &View, index: usize, outcome: Result<OcspResponse, OcspError>, now: Timestamp) {
        let answer = {
            let mut states = self.states.lock();
            let Some(state) = states.get_mut(index) else { return };
            match outcome {
                Ok(answer) => {
                    self.metrics.succeeded(Freshness::Ocsp, now.as_microsecond());
                    state.answer = Some(answer);
                    state.error = None;
                }
                Err(error) => {
                    tracing::warn!(certificate = state.purpose, %error, "no OCSP answer");
                    state.error = Some(error.to_string());
                    // A certificate that its authority calls revoked is not used for one more message.
                    if matches!(error, OcspError::Revoked | OcspError::Unknown) {
                        state.answer = None;
                    }
                }
            }
            state.answer.clone().filter(|answer| answer.is_fresh(&view.ocsp_policy(), now).is_ok())
        };
        if index == 0 {
            self.use_auth_answer(answer.as_ref());
        } else {
            self.use_signing_answers(view, now);
        }
    }

    fn use_auth_answer(&self, answer: Option<&OcspResponse>) {
        let der = answer.map(|answer| Bytes::from(answer.der.clone()));
        let mut tls = CertifiedKey::clone(&self.auth_tls.load());
        tls.ocsp = der.as_ref().map(|der| der.to_vec());
        self.auth_tls.store(Arc::new(tls));
        self.auth_ocsp.store(Arc::new(der.into_iter().collect()));
    }

    fn use_signing_answers(&self, view: &View, now: Timestamp) {
        let states = self.states();
        for (pair, signer) in self.signers.values() {
            let state = states.iter().find(|state| state.certificate == pair.certificate);
            let fresh = |answer: &&OcspResponse| answer.is_fresh(&view.ocsp_policy(), now).is_ok();
            let Some(answer) = state.and_then(|state| state.answer.as_ref()).filter(fresh) else {
                signer.renew(None);
                continue;
            };
            let mut issuers: Vec<Certificate> = view.issuer_of(&pair.certificate).into_iter().cloned().collect();
            if !issuers.contains(&answer.responder) {
                issuers.push(answer.responder.clone());
            }
            match SignatureBuilder::new(Arc::clone(&pair.key), &pair.certificate, &issuers, &answer.der) {
                Ok(builder) => signer.renew(Some(builder)),
                Err(error) => tracing::error!(%error, "signing certificate and key do not fit"),
            }
        }
    }

    fn pause(&self, world: &World, clock: &Clock) -> Duration {
        let (view, now) = (world.current(), clock.now());
        let states = self.states.lock();
        let next = states.iter().filter_map(|state| state.answer.as_ref()).map(|answer| renew_at(answer, &view)).min();
        let wait = next.map_or(SignedDuration::ZERO, |at| now.duration_until(at)).max(SignedDuration::from_secs(1));
        Duration::try_from(wait).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE)
    }
}

/// When an answer should be replaced: after a third of the time others accept it.
fn renew_at(answer: &OcspResponse, view: &View) -> Timestamp {
    let life = view.ocsp_policy().freshness;
    let life = answer.next_update.map_or(life, |next| life.min(answer.this_update.duration_until(next)));
    answer.this_update.checked_add(life / RENEW_AFTER).unwrap_or(answer.this_update)
}

fn is_young(answer: &OcspResponse, view: &View, now: Timestamp) -> bool {
    // An answer from the future is not young: the clock was set back, and nobody would believe it.
    now < renew_at(answer, view) && answer.is_fresh(&view.ocsp_policy(), now).is_ok()
}

/// Asks the responders of the certificate's authority in order until one gives a good answer.
async fn ask(view: &View, certificate: &Certificate, now: Timestamp) -> Result<OcspResponse, OcspError> {
    let issuer = view.issuer_of(certificate).ok_or(OcspError::UnknownResponder)?;
    let trust = view.conf.trust();
    let responders: Vec<Certificate> = trust.ocsp_certs(issuer).into_iter().cloned().collect();
    let query = OcspQuery { certificate, issuer, responders: &responders, policy: view.ocsp_policy() };
    let named = certificate.ocsp_urls().iter().map(String::as_str);
    let mut reason = OcspError::UnknownResponder;
    for url in trust.ocsp_urls(issuer).into_iter().chain(named) {
        match ocsp::fetch(url, &query, now, FetchLimits::default()).await.and_then(|a| a.require_good().map(|()| a)) {
            Ok(answer) => return Ok(answer),
            Err(error) => reason = error,
        }
    }
    Err(reason)
}
