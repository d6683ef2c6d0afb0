//! Signs messages in batches without waiting: whatever is queued when the key becomes free is signed together with one key operation.
//!
//! There is no timer, so a lone caller is not delayed. Before it signs, the key's thread lets every other thread that has work go first and
//! looks again, for as long as the queue grows: on an idle machine that costs a microsecond, on a busy one it is when batches form, and the
//! processor is never left idle. The key has its own thread because a hardware token may take milliseconds.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use kit::Clock;
use tokio::sync::oneshot;
use trust::hashchain::{MessageParts, build_batch};
use trust::xades::{SignatureBuilder, SignedObject};

use super::evidence::Signed;
use crate::monitor::metrics::Metrics;

/// Most messages waiting for one key.
const QUEUE: usize = 10_000;

/// What the parts of one message hash to.
struct Job {
    header_digest: [u8; 64],
    body_digest: Option<[u8; 64]>,
    answer: oneshot::Sender<Result<Signed, SignError>>,
}

/// Why a message was not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// No fresh OCSP answer about our own signing certificate: others would refuse the signature.
    #[error("there is no valid OCSP response for our signing certificate")]
    NoOcsp,
    /// The key refused.
    #[error("the signing key failed: {0}")]
    Key(String),
    /// Too many messages wait for the key.
    #[error("too many messages are waiting to be signed")]
    Overloaded,
    /// The gateway is stopping.
    #[error("the signer has stopped")]
    Stopped,
}

/// A signing key with its queue. Clones share it.
#[derive(Clone, Debug)]
pub struct Signer {
    queue: SyncSender<Job>,
    builder: Arc<ArcSwapOption<SignatureBuilder>>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Signer {
    /// Starts the key's thread. It signs nothing until [`Signer::renew`] gives it certificate and OCSP answer.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(name: &str, batch_limit: usize, clock: Clock, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        let builder = Arc::new(ArcSwapOption::<SignatureBuilder>::empty());
        let current = Arc::clone(&builder);
        thread::Builder::new()
            .name(format!("sign-{name}"))
            .spawn(move || work(&jobs, &current, batch_limit.max(1), &clock, &metrics))?;
        Ok(Self { queue, builder })
    }

    /// Signs with this builder from now on; `None` stops signing, for example when the OCSP answer has become stale.
    pub fn renew(&self, builder: Option<SignatureBuilder>) {
        self.builder.store(builder.map(Arc::new));
    }

    /// Whether it can sign at present.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.builder.load().is_some()
    }

    /// Signs one message.
    ///
    /// # Errors
    /// [`SignError`].
    pub async fn sign(&self, header_digest: [u8; 64], body_digest: Option<[u8; 64]>) -> Result<Signed, SignError> {
        let (answer, signed) = oneshot::channel();
        self.queue.try_send(Job { header_digest, body_digest, answer }).map_err(|error| match error {
            TrySendError::Full(_) => SignError::Overloaded,
            TrySendError::Disconnected(_) => SignError::Stopped,
        })?;
        signed.await.map_err(|_| SignError::Stopped)?
    }
}

fn work(
    jobs: &Receiver<Job>,
    builder: &ArcSwapOption<SignatureBuilder>,
    limit: usize,
    clock: &Clock,
    metrics: &Metrics,
) {
    let mut batch = Vec::with_capacity(limit);
    while let Ok(first) = jobs.recv() {
        batch.push(first);
        gather(jobs, &mut batch, limit);
        metrics.batch(batch.len());
        match builder.load_full() {
            None => batch.drain(..).for_each(|job| drop(job.answer.send(Err(SignError::NoOcsp)))),
            Some(builder) => sign_batch(&mut batch, &builder, clock),
        }
    }
}

/// Takes what is queued, and what is queued while others go first, until nothing more comes or the batch is full.
fn gather(jobs: &Receiver<Job>, batch: &mut Vec<Job>, limit: usize) {
    let mut seen = 0;
    while seen < batch.len() && batch.len() < limit {
        seen = batch.len();
        thread::yield_now();
        batch.extend(jobs.try_iter().take(limit - seen));
    }
}

fn sign_batch(batch: &mut Vec<Job>, builder: &SignatureBuilder, clock: &Clock) {
    let failed = |batch: &mut Vec<Job>, reason: &str| {
        for job in batch.drain(..) {
            let _ = job.answer.send(Err(SignError::Key(reason.to_owned())));
        }
    };
    // A single message of a single part needs no hash chain (§2.5).
    if let [Job { header_digest, body_digest: None, .. }] = batch.as_slice() {
        match builder.sign(SignedObject::Message(*header_digest), clock.now()) {
            Ok(signed) => {
                let signed = Signed { signature: signed.xml.into(), hash_chain: None };
                batch.drain(..).for_each(|job| drop(job.answer.send(Ok(signed.clone()))));
            }
            Err(error) => failed(batch, &error.to_string()),
        }
        return;
    }
    let chained = {
        let parts: Vec<MessageParts<'_>> = batch
            .iter()
            .map(|job| MessageParts { message: job.header_digest, attachments: job.body_digest.as_slice() })
            .collect();
        build_batch(&parts)
    };
    let Some(chained) = chained else { return failed(batch, "empty batch") };
    match builder.sign(SignedObject::HashChainResult(chained.result_digest), clock.now()) {
        Ok(signed) => {
            let signature = Bytes::from(signed.xml);
            let result = Bytes::from(chained.result_xml);
            for (job, chain) in batch.drain(..).zip(chained.chains) {
                let hash_chain = Some((result.clone(), Bytes::from(chain)));
                let _ = job.answer.send(Ok(Signed { signature: signature.clone(), hash_chain }));
            }
        }
        Err(error) => failed(batch, &error.to_string()),
    }
}
