//! From a certificate to a trust anchor: building the path and judging it at a given time (RFC 5280 §6, without policies).

use jiff::Timestamp;

use super::Certificate;

/// The longest path accepted, leaf and anchor included.
const MAX_DEPTH: usize = 8;

/// Signature checks one verification may spend: enough for honest inputs, a bound for hostile ones.
const MAX_CHECKS: usize = 64;

/// Why no path to an anchor is good at the time asked for. The certificate concerned is named by its subject line.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChainError {
    /// A certificate of the path is past its end.
    #[error("certificate {subject} has expired")]
    Expired {
        /// Subject of the certificate.
        subject: String,
    },
    /// A certificate of the path has not begun.
    #[error("certificate {subject} is not yet valid")]
    NotYetValid {
        /// Subject of the certificate.
        subject: String,
    },
    /// Nobody given carries the name of the issuer.
    #[error("the issuer of {subject} is not among the trusted authorities")]
    UnknownIssuer {
        /// Subject of the certificate whose issuer is missing.
        subject: String,
    },
    /// A certificate with the issuer's name is there, but its key did not make the signature.
    #[error("the signature on certificate {subject} is wrong")]
    BadSignature {
        /// Subject of the certificate.
        subject: String,
    },
    /// The issuer may not issue: no authority, no usage for it, or too many authorities below it.
    #[error("{subject} is not allowed to issue certificates here")]
    NotACa {
        /// Subject of the issuer.
        subject: String,
    },
    /// A critical extension is not understood.
    #[error("certificate {subject} has a critical extension that is not supported")]
    UnknownCriticalExtension {
        /// Subject of the certificate.
        subject: String,
    },
    /// The path is longer, or the candidates more numerous, than is reasonable.
    #[error("the certificate path is too long")]
    TooLong,
}

/// Finds a path from `leaf` over `intermediates` to one of `anchors`, every member valid at `at`.
///
/// Returns the path, leaf first, anchor last. A leaf that is itself an anchor is a path of one. Of several failing paths the
/// reason from the most promising is given: a fault found after a good signature outranks a missing issuer.
///
/// # Errors
/// [`ChainError`] with the reason.
pub fn verify_chain(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Certificate],
    at: Timestamp,
) -> Result<Vec<Certificate>, ChainError> {
    let mut search = Search { intermediates, anchors, at, checks_left: MAX_CHECKS };
    let mut path = vec![leaf.clone()];
    search.check_self(leaf)?;
    search.extend(&mut path)?;
    Ok(path)
}

struct Search<'a> {
    intermediates: &'a [Certificate],
    anchors: &'a [Certificate],
    at: Timestamp,
    checks_left: usize,
}

impl Search<'_> {
    /// Grows `path` until it ends in an anchor; on failure `path` is as it was.
    fn extend(&mut self, path: &mut Vec<Certificate>) -> Result<(), ChainError> {
        let Some(current) = path.last().cloned() else { return Err(ChainError::TooLong) };
        if self.anchors.contains(&current) {
            return Ok(());
        }
        if path.len() >= MAX_DEPTH {
            return Err(ChainError::TooLong);
        }
        let mut reason = ChainError::UnknownIssuer { subject: current.subject().to_owned() };
        let (anchors, intermediates) = (self.anchors, self.intermediates);
        for candidate in anchors.iter().chain(intermediates) {
            if candidate.subject_der() != current.issuer_der() || path.contains(candidate) {
                continue;
            }
            let step = self.check_issuer(&current, candidate, path).and_then(|()| {
                path.push(candidate.clone());
                self.extend(path).inspect_err(|_| {
                    path.pop();
                })
            });
            match step {
                Ok(()) => return Ok(()),
                Err(error) => reason = more_telling(reason, error),
            }
        }
        Err(reason)
    }

    fn check_issuer(
        &mut self,
        child: &Certificate,
        issuer: &Certificate,
        path: &[Certificate],
    ) -> Result<(), ChainError> {
        self.checks_left = self.checks_left.checked_sub(1).ok_or(ChainError::TooLong)?;
        if child.verify_issued_with(issuer).is_err() {
            return Err(ChainError::BadSignature { subject: child.subject().to_owned() });
        }
        // Self-issued authorities (key roll-over) do not count towards the length of the path (RFC 5280 §4.2.1.9).
        let below = path.iter().skip(1).filter(|certificate| !certificate.is_self_issued()).count();
        let room = issuer.path_length().is_none_or(|limit| below <= usize::from(limit));
        let may_sign = issuer.key_usage().is_none_or(|usage| usage.key_cert_sign);
        if !(issuer.is_ca() && may_sign && room) {
            return Err(ChainError::NotACa { subject: issuer.subject().to_owned() });
        }
        self.check_self(issuer)
    }

    fn check_self(&self, certificate: &Certificate) -> Result<(), ChainError> {
        let subject = || certificate.subject().to_owned();
        if certificate.has_unknown_critical_extension() {
            return Err(ChainError::UnknownCriticalExtension { subject: subject() });
        }
        if self.at < certificate.not_before() {
            return Err(ChainError::NotYetValid { subject: subject() });
        }
        if self.at > certificate.not_after() {
            return Err(ChainError::Expired { subject: subject() });
        }
        Ok(())
    }
}

/// Which of two reasons tells the operator more.
fn more_telling(first: ChainError, second: ChainError) -> ChainError {
    let rank = |error: &ChainError| match error {
        ChainError::UnknownIssuer { .. } => 0,
        ChainError::BadSignature { .. } => 1,
        ChainError::TooLong => 2,
        ChainError::NotACa { .. } | ChainError::UnknownCriticalExtension { .. } => 3,
        ChainError::Expired { .. } | ChainError::NotYetValid { .. } => 4,
    };
    if rank(&second) > rank(&first) { second } else { first }
}
