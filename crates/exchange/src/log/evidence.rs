//! A logged message as an ASiC-E container (§2.8): the signed parts that were kept, the signature, and the time-stamp with the path to it.
//!
//! A part of which only the digest was kept is left out. The signature still proves that digest: the hash chain (or, for a message of one
//! part, the signature's own reference) names it, and a verifier reports the part as covered by digest only.

use trust::asic::{BatchTimeStamp, Chain, Container};

use super::error::LogError;
use super::fetch::LoggedMessage;
use super::record::Body;

/// The container of a message, as a zip.
///
/// # Errors
/// [`LogError::Evidence`] when it cannot be written.
pub fn container(logged: &LoggedMessage) -> Result<Vec<u8>, LogError> {
    content(logged).write().map_err(|error| LogError::Evidence(error.to_string()))
}

fn content(logged: &LoggedMessage) -> Container {
    let message = &logged.message;
    let signature_chain = match (&logged.signature.hash_chain_result, &message.hash_chain) {
        (Some(result), Some(chain)) => Some(Chain { result: result.to_vec(), chain: chain.to_vec() }),
        _ => None,
    };
    let time_stamp = logged.stamp.as_ref().map(|stamp| BatchTimeStamp {
        token: stamp.token.clone(),
        chain: Chain { result: stamp.result_xml.clone().into_bytes(), chain: stamp.chain_xml.clone().into_bytes() },
        manifest: None,
    });
    Container {
        // What metadata logging left of the header part is not what was signed; under its name it would only look forged.
        message: (!message.header_reduced).then(|| message.header_part.to_vec()),
        attachments: match &message.body {
            Body::Inline { bytes, .. } => vec![(1, bytes.to_vec())],
            Body::None | Body::Digest { .. } => Vec::new(),
        },
        signatures: logged.signature.signature.to_vec(),
        signature_chain,
        time_stamp,
        unknown: Vec::new(),
    }
}
