//! Writes the signature of a batch once: the first of its messages brings it into the journal, the others refer to it.
//!
//! Messages signed here share the same memory; messages received arrive one by one with their own copy of the same bytes. Both are
//! recognised by content. A signature is written anew after a while, so that old parts of the journal are not held back by reuse.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use ahash::RandomState;
use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;
use store::journal::JournalError;

use super::codec::{KIND_SIGNATURE, SignatureRef, encode_signature, signature_ref};
use super::journal::{Journal, Receipt, shared};
use super::record::MessageRecord;

/// How many recent signatures are recognised. A batch spans milliseconds, so few are ever live at a time.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);
/// A signature is written again when it is used longer than this after it was written.
const REWRITE_AFTER: Duration = Duration::from_secs(600);

/// The signatures written lately.
pub(super) struct RecentSignatures {
    hasher: RandomState,
    recent: Mutex<LruCache<u64, Written>>,
}

struct Written {
    signature: Bytes,
    hash_chain_result: Option<Bytes>,
    reference: SignatureRef,
    at: Instant,
    receipt: Receipt,
}

impl Written {
    fn holds(&self, record: &MessageRecord) -> bool {
        self.signature == record.signature && self.hash_chain_result == record.hash_chain_result
    }
}

impl RecentSignatures {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), recent: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    /// The reference to the signature of `record`, written to the journal if it is not there, and the receipt of that writing: a message
    /// is durable only when its signature is.
    pub(super) fn refer(
        &self,
        record: &MessageRecord,
        journal: &Journal,
    ) -> Result<(SignatureRef, Receipt), JournalError> {
        let key = self.hasher.hash_one((&record.signature, &record.hash_chain_result));
        // The lock is held while appending: the others of the batch must not overtake the signature they refer to.
        let mut recent = self.recent.lock();
        if let Some(written) = recent.get(&key)
            && written.holds(record)
            && written.at.elapsed() < REWRITE_AFTER
        {
            return Ok((written.reference, written.receipt.clone()));
        }
        let hash_chain_result = record.hash_chain_result.as_deref();
        let reference = signature_ref(&record.signature, hash_chain_result);
        let encoded = encode_signature(record.at, &record.signature, hash_chain_result);
        let receipt = shared(journal.append(KIND_SIGNATURE, &[&encoded])?);
        let written = Written {
            signature: record.signature.clone(),
            hash_chain_result: record.hash_chain_result.clone(),
            reference,
            at: Instant::now(),
            receipt: receipt.clone(),
        };
        recent.put(key, written);
        Ok((reference, receipt))
    }

    /// Forgets everything: after a failed write nobody knows which signatures reached the journal.
    pub(super) fn forget(&self) {
        self.recent.lock().clear();
    }
}
