//! Answers of the authority: OCSP from a cache of signed answers, and time-stamps.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use const_oid::ObjectIdentifier;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::PkiError;
use super::authority::Authority;
use super::create::random_serial;
use crate::ocsp::{self, CertificateId, OcspError, OcspStatus, StatusEntry};
use crate::tsp::{self, StampIssuer};

/// How long one signed answer is served.
const SERVED_FOR: SignedDuration = SignedDuration::from_mins(5);

/// How far `nextUpdate` lies after `thisUpdate`.
const VALID_FOR: SignedDuration = SignedDuration::from_hours(1);

/// A ceiling for the cache: one certificate can be asked about under several spellings of its identifier.
const MAX_CACHED: usize = 100_000;

/// Policy named in the stamps: an identifier from the documentation arc, since this authority has no accredited policy.
const STAMP_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.2.1.48.1");

/// An answer (DER) and when it was signed.
struct SignedAnswer {
    signed_at: Timestamp,
    der: Vec<u8>,
}

/// Signed answers by certificate identifier.
#[derive(Default)]
pub(super) struct AnswerCache {
    answers: Mutex<HashMap<Vec<u8>, SignedAnswer>>,
    /// Counts changes of status, so that an answer signed before a change is not stored after it.
    generation: AtomicU64,
}

impl AnswerCache {
    pub(super) fn forget(&self) {
        let mut answers = self.answers.lock();
        self.generation.fetch_add(1, Ordering::AcqRel);
        answers.clear();
    }

    fn get(&self, id: &[u8], now: Timestamp) -> Option<Vec<u8>> {
        let answers = self.answers.lock();
        let answer = answers.get(id)?;
        // A clock set back must not keep an answer alive that would look as if from the future.
        let age = now.duration_since(answer.signed_at);
        (!age.is_negative() && age < SERVED_FOR).then(|| answer.der.clone())
    }

    fn put(&self, generation: u64, id: Vec<u8>, now: Timestamp, answer: Vec<u8>) {
        let mut answers = self.answers.lock();
        if self.generation.load(Ordering::Acquire) != generation {
            return;
        }
        if answers.len() >= MAX_CACHED {
            answers.clear();
        }
        answers.insert(id, SignedAnswer { signed_at: now, der: answer });
    }
}

impl Authority {
    /// Answers an OCSP request (DER) with a DER answer; what is wrong with the request is told in the answer.
    #[must_use]
    pub fn ocsp_answer(&self, request: &[u8]) -> Vec<u8> {
        self.try_ocsp_answer(request).unwrap_or_else(|error| ocsp::unsuccessful(&error))
    }

    fn try_ocsp_answer(&self, request: &[u8]) -> Result<Vec<u8>, OcspError> {
        let ids = ocsp::parse_request(request)?;
        if !ids.iter().all(|id| id.is_issued_by(self.issuing_certificate())) {
            return Err(OcspError::OtherCertificate);
        }
        let now = self.0.clock.now();
        let cache = &self.0.answers;
        let key = match ids.as_slice() {
            [single] => Some(single.to_der()),
            _ => None,
        };
        if let Some(answer) = key.as_deref().and_then(|key| cache.get(key, now)) {
            return Ok(answer);
        }
        let generation = cache.generation.load(Ordering::Acquire);
        let entries: Vec<StatusEntry> = ids.into_iter().map(|id| self.entry(id, now)).collect();
        let known = entries.iter().all(|entry| entry.status != OcspStatus::Unknown);
        let answer = ocsp::respond(&entries, &self.0.ocsp.certificate, &self.0.ocsp.key, now)?;
        // Made-up serial numbers are endless and would push out the honest ones.
        if let Some(key) = key.filter(|_| known) {
            cache.put(generation, key, now, answer.clone());
        }
        Ok(answer)
    }

    fn entry(&self, id: CertificateId, now: Timestamp) -> StatusEntry {
        let status = self.status(&id.serial_hex()).map_or(OcspStatus::Unknown, |status| status.to_ocsp());
        StatusEntry { id, status, this_update: now, next_update: now.checked_add(VALID_FOR).ok() }
    }

    /// Answers a time-stamp request (DER) with a DER answer.
    ///
    /// # Errors
    /// [`PkiError::Tsp`] if the stamp cannot be signed.
    pub fn stamp(&self, request: &[u8]) -> Result<Vec<u8>, PkiError> {
        let issuer = StampIssuer { certificate: &self.0.tsa.certificate, key: &self.0.tsa.key, policy: STAMP_POLICY };
        Ok(tsp::respond(request, &issuer, &random_serial()?, self.0.clock.now())?)
    }
}
