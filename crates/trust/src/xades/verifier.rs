//! All checks of a signature in one call, and the memory that spares repeating them.

use super::likeness::Likeness;
use super::memory::Memory;
use super::{
    ChainDocuments, CoverError, Covers, ParsedSignature, SignatureError, SignerEvidence, TrustSource, judge_signer,
};
use crate::cert::{CertError, Certificate};
use crate::hashchain::Digest;
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::VecDeque;
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
/// with the same OCSP answer under new signatures, which are then verified by their likeness to the last one. Only successes are remembered, keyed by all the bytes that led to them and
/// by the generation of the trust source; validity and freshness are judged anew at every use. Certificates are remembered as
/// read, which says nothing about trust.
#[derive(Debug)]
pub struct Verifier {
    signatures: Memory<Box<[u8]>, (u64, Arc<VerifiedSignature>)>,
    likenesses: Mutex<VecDeque<Arc<Known>>>,
    signers: Memory<SignerKey, SignerEvidence>,
    certificates: Memory<Vec<u8>, Certificate>,
}

/// The likeness of a verified signature, and why its signer was believed under which trust.
#[derive(Debug)]
struct Known {
    likeness: Likeness,
    generation: u64,
    evidence: Arc<SignerEvidence>,
}

/// Likenesses remembered: two for each signer whose messages come often, as messages with and without a hash chain differ.
const MAX_LIKENESSES: usize = 256;

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
        Self {
            signatures: Memory::new(capacity),
            likenesses: Mutex::default(),
            signers: Memory::new(capacity),
            certificates: Memory::new(capacity),
        }
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
        let generation = trust.generation();
        // Evidence that no longer holds is judged anew: another enclosed OCSP answer may still be fresh.
        let holds = |evidence: &SignerEvidence| evidence.holds_at(&policy, at).is_ok();
        if let Some(known) = self.signatures.get(xml).filter(|known| known.0 == generation && holds(&known.1.evidence))
        {
            return Ok(Arc::clone(&known.1));
        }
        let alike = self.by_likeness(xml, generation, holds);
        let verified = match alike {
            Some(verified) => Arc::new(verified),
            None => {
                let parsed = ParsedSignature::parse_with(xml, |der| self.read_certificate(der))?;
                let likeness = Likeness::of(xml, &parsed);
                let verified = Arc::new(finish(parsed, |parsed| self.judge(parsed, trust, at))?);
                self.remember_likeness(likeness, generation, &verified.evidence);
                verified
            }
        };
        self.signatures.put(xml.into(), Arc::new((generation, Arc::clone(&verified))));
        Ok(verified)
    }

    fn by_likeness(
        &self,
        xml: &[u8],
        generation: u64,
        holds: impl Fn(&SignerEvidence) -> bool,
    ) -> Option<VerifiedSignature> {
        let candidates: Vec<Arc<Known>> =
            self.likenesses.lock().iter().filter(|known| known.likeness.may_be_like(xml)).cloned().collect();
        let usable = candidates.iter().filter(|known| known.generation == generation && holds(&known.evidence));
        let (known, changed) = usable.filter_map(|known| Some((known, known.likeness.verify(xml)?))).next()?;
        Some(VerifiedSignature {
            covers: changed.covers,
            signing_time: changed.signing_time,
            value: changed.value,
            signer: known.likeness.signer().clone(),
            evidence: Arc::clone(&known.evidence),
        })
    }

    fn remember_likeness(&self, likeness: Option<Likeness>, generation: u64, evidence: &Arc<SignerEvidence>) {
        let Some(likeness) = likeness else { return };
        let known = Arc::new(Known { likeness, generation, evidence: Arc::clone(evidence) });
        let mut likenesses = self.likenesses.lock();
        likenesses.retain(|other| other.generation == generation);
        if likenesses.len() >= MAX_LIKENESSES {
            likenesses.pop_back();
        }
        likenesses.push_front(known);
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
        if let Some(known) = self.certificates.get(der) {
            return Ok(Certificate::clone(&known));
        }
        let certificate = Certificate::from_der(der)?;
        self.certificates.put(der.to_vec(), Arc::new(certificate.clone()));
        Ok(certificate)
    }
}
