//! All checks of a signature in one call, and the memory that spares repeating them.

use super::{
    ChainDocuments, CoverError, Covers, ParsedSignature, SignatureError, SignerEvidence, TrustSource, judge_signer,
};
use crate::cert::{CertError, Certificate};
use crate::hashchain::Digest;
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// A signature that is valid and whose signer is trusted. What it says about a message is asked with
/// [`VerifiedSignature::covers_message`].
#[derive(Debug, Clone)]
pub struct VerifiedSignature {
    /// What is covered.
    pub covers: Covers,
    /// Signing time claimed by the signer.
    pub signing_time: Option<Timestamp>,
    /// Raw signature value: what a synchronous time-stamp covers.
    pub value: Vec<u8>,
    /// Certificate of the signer; its subject says which member it speaks for.
    pub signer: Certificate,
    /// Why the signer is believed.
    pub evidence: Arc<SignerEvidence>,
}

impl VerifiedSignature {
    /// Checks that this signature covers exactly the message with these SHA-512 digests (attachments in order).
    ///
    /// # Errors
    /// [`CoverError`].
    pub fn covers_message(
        &self,
        message: &Digest,
        attachments: &[Digest],
        chain: Option<ChainDocuments<'_>>,
    ) -> Result<(), CoverError> {
        self.covers.check_message(message, attachments, chain)
    }
}

/// Checks everything that can be known from the signature alone: structure, certificate, value, path and OCSP at `at`.
///
/// # Errors
/// [`SignatureError`]; the first fault found.
pub fn verify_signature(
    xml: &[u8],
    trust: &dyn TrustSource,
    at: Timestamp,
) -> Result<VerifiedSignature, SignatureError> {
    let parsed = ParsedSignature::parse(xml)?;
    finish(parsed, |parsed| {
        judge_signer(&parsed.signer, &parsed.enclosed_certificates(), &parsed.ocsp_responses, trust, at).map(Arc::new)
    })
}

fn finish(
    parsed: ParsedSignature,
    judge: impl FnOnce(&ParsedSignature) -> Result<Arc<SignerEvidence>, super::SignerError>,
) -> Result<VerifiedSignature, SignatureError> {
    parsed.check_usage()?;
    parsed.check_value()?;
    let evidence = judge(&parsed)?;
    Ok(VerifiedSignature {
        covers: parsed.covers,
        signing_time: parsed.signing_time,
        value: parsed.value,
        signer: parsed.signer,
        evidence,
    })
}

/// [`verify_signature`] with memory.
///
/// Two things repeat on the message path: the very same signature (every message of a batch carries it), and the same signer
/// with the same OCSP answer under new signatures. Only successes are remembered, keyed by all the bytes that led to them and
/// by the generation of the trust source; validity and freshness are judged anew at every use. Certificates are remembered as
/// read, which says nothing about trust.
#[derive(Debug)]
pub struct Verifier {
    signatures: Memory<(u64, Vec<u8>), VerifiedSignature>,
    signers: Memory<SignerKey, SignerEvidence>,
    certificates: Memory<Vec<u8>, Certificate>,
}

/// Trust generation, signer, and everything enclosed that took part in the judgement.
type SignerKey = (u64, [u8; 32], Vec<Vec<u8>>, Vec<Vec<u8>>);

impl Default for Verifier {
    fn default() -> Self {
        Self::new(512)
    }
}

impl Verifier {
    /// Remembers up to `capacity` signatures and as many signers; a signature takes about 10 KiB.
    pub fn new(capacity: usize) -> Self {
        Self { signatures: Memory::new(capacity), signers: Memory::new(capacity), certificates: Memory::new(capacity) }
    }

    /// As [`verify_signature`].
    ///
    /// # Errors
    /// As [`verify_signature`].
    pub fn verify(
        &self,
        xml: &[u8],
        trust: &dyn TrustSource,
        at: Timestamp,
    ) -> Result<Arc<VerifiedSignature>, SignatureError> {
        let policy = trust.ocsp_policy();
        let key = (trust.generation(), xml.to_vec());
        // Evidence that no longer holds is judged anew: another enclosed OCSP answer may still be fresh.
        if let Some(known) = self.signatures.get(&key).filter(|known| known.evidence.holds_at(&policy, at).is_ok()) {
            return Ok(known);
        }
        let parsed = ParsedSignature::parse_with(xml, |der| self.read_certificate(der))?;
        let verified = Arc::new(finish(parsed, |parsed| self.judge(parsed, trust, at))?);
        self.signatures.put(key, Arc::clone(&verified));
        Ok(verified)
    }

    fn judge(
        &self,
        parsed: &ParsedSignature,
        trust: &dyn TrustSource,
        at: Timestamp,
    ) -> Result<Arc<SignerEvidence>, super::SignerError> {
        let enclosed = (parsed.certificates.clone(), parsed.ocsp_responses.clone());
        let key = (trust.generation(), *parsed.signer.sha256(), enclosed.0, enclosed.1);
        let policy = trust.ocsp_policy();
        if let Some(known) = self.signers.get(&key).filter(|known| known.holds_at(&policy, at).is_ok()) {
            return Ok(known);
        }
        let certificates = parsed.enclosed_certificates();
        let evidence = Arc::new(judge_signer(&parsed.signer, &certificates, &parsed.ocsp_responses, trust, at)?);
        self.signers.put(key, Arc::clone(&evidence));
        Ok(evidence)
    }

    fn read_certificate(&self, der: &[u8]) -> Result<Certificate, CertError> {
        let key = der.to_vec();
        if let Some(known) = self.certificates.get(&key) {
            return Ok(Certificate::clone(&known));
        }
        let certificate = Certificate::from_der(der)?;
        self.certificates.put(key, Arc::new(certificate.clone()));
        Ok(certificate)
    }
}

/// A bounded map in two halves: when the young half is full it becomes the old one, and what was not used since is dropped.
#[derive(Debug)]
struct Memory<K, V> {
    halves: Mutex<Halves<K, V>>,
    half_capacity: usize,
}

#[derive(Debug)]
struct Halves<K, V> {
    young: HashMap<K, Arc<V>>,
    old: HashMap<K, Arc<V>>,
}

impl<K: Eq + Hash + Clone, V> Memory<K, V> {
    fn new(capacity: usize) -> Self {
        let halves = Halves { young: HashMap::new(), old: HashMap::new() };
        Self { halves: Mutex::new(halves), half_capacity: (capacity / 2).max(1) }
    }

    fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut halves = self.halves.lock();
        if let Some(found) = halves.young.get(key) {
            return Some(Arc::clone(found));
        }
        let (key, value) = halves.old.remove_entry(key)?;
        Self::insert(&mut halves, key, Arc::clone(&value), self.half_capacity);
        Some(value)
    }

    fn put(&self, key: K, value: Arc<V>) {
        Self::insert(&mut self.halves.lock(), key, value, self.half_capacity);
    }

    fn insert(halves: &mut Halves<K, V>, key: K, value: Arc<V>, half_capacity: usize) {
        if halves.young.len() >= half_capacity {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.young.insert(key, value);
    }
}
