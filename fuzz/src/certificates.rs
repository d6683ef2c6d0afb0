//! Entry points that read certificates, their statuses and time-stamps.

use std::sync::OnceLock;

use jiff::Timestamp;
use trust::Certificate;
use trust::cert::CertificateRequest;
use trust::ocsp::{OcspPolicy, OcspQuery};
use trust::tsp::{Imprint, StampRequest};

const AUTHORITY: &[u8] = include_bytes!("../corpus-seeds/certificate/authority.der");
const RESPONDER: &[u8] = include_bytes!("../corpus-seeds/certificate/responder.der");
const STAMPER: &[u8] = include_bytes!("../corpus-seeds/certificate/stamper.der");
const SIGNER: &[u8] = include_bytes!("../corpus-seeds/certificate/signer.der");
/// When the seeds were made: 2026-11-20T05:00:00Z.
const NOON: i64 = 1_795_150_800;

/// Certificates and requests for them.
pub fn certificate(data: &[u8]) {
    for read in [Certificate::from_der(data), Certificate::from_pem_or_der(data)].into_iter().flatten() {
        assert_eq!(Certificate::from_der(read.der()).as_ref(), Ok(&read));
        drop((read.subject_attribute("CN"), read.serial_decimal(), read.key_usage(), read.key_kind()));
        let _ = (read.is_ca(), read.is_for_signing(), read.is_for_authentication(), read.issued_by(&read));
        drop((read.ocsp_urls().len(), read.dns_names().len(), read.to_pem()));
        assert!(read.subject() == read.issuer() || !read.is_self_issued());
    }
    for read in [CertificateRequest::from_der(data), CertificateRequest::from_pem_or_der(data)].into_iter().flatten() {
        drop((read.subject(), read.subject_name(), read.dns_names(), read.to_pem()));
    }
}

/// Requests for the status of a certificate, and answers.
pub fn ocsp(data: &[u8]) {
    drop(trust::ocsp::parse_request(data));
    let Some([authority, responder, _, signer]) = known() else { return };
    let responders = std::slice::from_ref(responder);
    let query = OcspQuery { certificate: signer, issuer: authority, responders, policy: OcspPolicy::default() };
    let Ok(noon) = Timestamp::from_second(NOON) else { return };
    if let Ok(answer) = trust::ocsp::verify(data, &query, noon) {
        assert_eq!(answer.der, data, "an answer is kept as received");
        drop(answer.require_good());
    }
}

/// Time-stamps, alone and as answers of an authority.
pub fn time_stamp(data: &[u8]) {
    let Some([_, _, stamper, _]) = known() else { return };
    let trusted = std::slice::from_ref(stamper);
    drop(trust::tsp::verify_token(data, &Imprint::sha512_of(b"ab"), trusted));
    static ASKED: OnceLock<Option<StampRequest>> = OnceLock::new();
    if let Some(request) = ASKED.get_or_init(|| StampRequest::new(Imprint::sha512_of(b"ab")).ok()) {
        // The request is always another than the one the seed answers.
        assert!(request.verify_response(data, trusted).is_err());
    }
}

/// Authority, responder, time-stamper and signer of the seeds.
fn known() -> Option<&'static [Certificate; 4]> {
    static KNOWN: OnceLock<Option<[Certificate; 4]>> = OnceLock::new();
    let read = || {
        let read = |der| Certificate::from_der(der).ok();
        Some([read(AUTHORITY)?, read(RESPONDER)?, read(STAMPER)?, read(SIGNER)?])
    };
    KNOWN.get_or_init(read).as_ref()
}
