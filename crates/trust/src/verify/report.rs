//! The outcome of a verification as data; serialises to JSON as it stands.

use jiff::Timestamp;
use kit::Lang;
use serde::Serialize;

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Words {
    /// Vietnamese.
    pub vi: String,
    /// English.
    pub en: String,
}

impl Words {
    /// Both languages at once.
    pub fn new(vi: impl Into<String>, en: impl Into<String>) -> Self {
        Self { vi: vi.into(), en: en.into() }
    }

    /// The sentence in `lang`.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Vi => &self.vi,
            Lang::En => &self.en,
        }
    }
}

/// The conclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was there and everything is right.
    Valid,
    /// Nothing is wrong, but something that would complete the proof is absent; the checks say what.
    Partial,
    /// Something is wrong.
    Invalid,
}

/// What is checked, in the order of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The file is a container.
    Container,
    /// The signature is well formed and all it refers to is known.
    References,
    /// A trusted authority stamped the signature.
    TimeStamp,
    /// The parts are those that were signed, directly or through the hash chain.
    Content,
    /// The certificate is for signing and speaks for the member that sent the message.
    Certificate,
    /// The signature value was made with the signer's key.
    SignatureValue,
    /// The certificate leads to an approved authority and was good when the signature was stamped.
    Signer,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result", content = "reason")]
pub enum Outcome {
    /// Right.
    Pass,
    /// Not wrong, but something is absent.
    Absent(Words),
    /// Wrong, and why.
    Fail(Words),
    /// Could not be done because an earlier check failed.
    Skipped,
}

/// One check with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// What.
    pub check: Check,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignerFacts {
    /// Subject of the certificate.
    pub subject: String,
    /// Member it speaks for, `instance/class/code`, when the authority is approved and its profile is followed.
    pub member: Option<String>,
    /// Issuer of the certificate.
    pub issuer: String,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// Name of the approved authority, when the signer is trusted.
    pub authority: Option<String>,
    /// First moment of validity.
    pub not_before: Timestamp,
    /// Last moment of validity.
    pub not_after: Timestamp,
    /// Time claimed by the signer.
    pub signing_time: Option<Timestamp>,
    /// URI of the signature algorithm.
    pub algorithm: &'static str,
}

/// Who vouches for the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StampFacts {
    /// Time of the stamp.
    pub time: Timestamp,
    /// Subject of the time-stamping authority.
    pub authority: String,
    /// Serial number of the stamp, hexadecimal.
    pub serial: String,
    /// Whether the stamp covers many signatures through a hash chain.
    pub is_batch: bool,
}

/// Who vouches for the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusFacts {
    /// When the responder signed its answer.
    pub produced_at: Timestamp,
    /// When the status was known to be right.
    pub this_update: Timestamp,
    /// Subject of the responder.
    pub responder: String,
}

/// One part of the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartFacts {
    /// Name in the container, such as `message.xml`.
    pub name: String,
    /// Length in bytes; `None` when only the digest was kept.
    pub length: Option<usize>,
    /// Digest proved for an absent part, hexadecimal, for comparison with a copy found elsewhere.
    pub digest: Option<String>,
}

/// What a container proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The conclusion.
    pub verdict: Verdict,
    /// Every check in order.
    pub checks: Vec<Checked>,
    /// Who signed.
    pub signer: Option<SignerFacts>,
    /// Who vouches for the time.
    pub time_stamp: Option<StampFacts>,
    /// Who vouches for the certificate.
    pub status: Option<StatusFacts>,
    /// What was signed.
    pub parts: Vec<PartFacts>,
    /// Entries of the container that are not part of the evidence; nobody signed them.
    pub unknown_entries: Vec<String>,
}

impl Report {
    /// A report without findings.
    pub(super) fn empty() -> Self {
        Self {
            verdict: Verdict::Invalid,
            checks: Vec::with_capacity(7),
            signer: None,
            time_stamp: None,
            status: None,
            parts: Vec::new(),
            unknown_entries: Vec::new(),
        }
    }

    /// Outcome of one check; `None` when the verifier did not come that far.
    pub fn outcome(&self, check: Check) -> Option<&Outcome> {
        self.checks.iter().find(|done| done.check == check).map(|done| &done.outcome)
    }

    /// The report as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    pub(super) fn add(&mut self, check: Check, outcome: Outcome) {
        self.checks.push(Checked { check, outcome });
    }

    /// Draws the conclusion from the checks, adding those not reached as skipped.
    pub(super) fn conclude(mut self) -> Self {
        for check in [
            Check::Container,
            Check::References,
            Check::TimeStamp,
            Check::Content,
            Check::Certificate,
            Check::SignatureValue,
            Check::Signer,
        ] {
            if self.outcome(check).is_none() {
                self.add(check, Outcome::Skipped);
            }
        }
        let has = |wanted: fn(&Outcome) -> bool| self.checks.iter().any(|done| wanted(&done.outcome));
        self.verdict = if has(|outcome| matches!(outcome, Outcome::Fail(_) | Outcome::Skipped)) {
            Verdict::Invalid
        } else if has(|outcome| matches!(outcome, Outcome::Absent(_))) {
            Verdict::Partial
        } else {
            Verdict::Valid
        };
        self
    }
}
