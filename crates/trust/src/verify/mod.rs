//! The offline verifier: what a container proves, said so that a court, an auditor and a script can each use it.
//!
//! Every check is done and reported even after another failed, as far as it can be: the reader learns everything that is
//! wrong, not just the first thing. Nothing is fetched; all trust comes from the [`EvidenceTrust`] given, which holds the
//! global configurations of the instances concerned.
//!
//! Source: exchange protocol §2.8.

mod examine;
mod report;
mod sender;
mod text;
mod words;

pub use examine::verify_container;
pub use report::{Check, Checked, Outcome, PartFacts, Report, SignerFacts, StampFacts, StatusFacts, Verdict, Words};
pub use sender::{Member, Sender, sender_of};

use crate::cert::Certificate;
use crate::xades::TrustSource;

/// What an offline verifier needs to know beyond [`TrustSource`].
pub trait EvidenceTrust: TrustSource {
    /// The member for which `certificate` signs, read by the certificate profile of the approved authority of that name.
    ///
    /// `None` when the subject does not follow the profile.
    fn member_of(&self, certificate: &Certificate, authority: &str) -> Option<Member>;
}

/// Verifies arbitrary bytes against a source that trusts nobody, for a fuzzer. Must never panic.
pub fn fuzz(data: &[u8]) {
    drop(sender_of(data));
    let report = verify_container(data, &Nobody);
    drop((report.text(kit::Lang::Vi), report.text(kit::Lang::En)));
}

struct Nobody;

impl TrustSource for Nobody {
    fn authorities(&self) -> &[crate::xades::ApprovedAuthority] {
        &[]
    }

    fn ocsp_policy(&self) -> crate::ocsp::OcspPolicy {
        crate::ocsp::OcspPolicy::default()
    }

    fn time_stamp_authorities(&self) -> &[Certificate] {
        &[]
    }

    fn generation(&self) -> u64 {
        0
    }
}

impl EvidenceTrust for Nobody {
    fn member_of(&self, _certificate: &Certificate, _authority: &str) -> Option<Member> {
        None
    }
}
