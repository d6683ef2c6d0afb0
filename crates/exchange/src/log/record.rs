//! What the gateway hands to the message log for each message it signs or verifies.

use bytes::Bytes;
use directory::{ClientId, ServiceId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A SHA-512 digest.
pub type Digest = [u8; 64];

/// On which side of the exchange this gateway stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It spoke for the caller.
    Consumer,
    /// It spoke for the service.
    Producer,
}

/// Which half of the exchange the message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The question.
    Request,
    /// The answer.
    Response,
}

/// The body of a message as it reaches the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The message has none.
    None,
    /// Small enough to be kept whole.
    Inline {
        /// The bytes.
        bytes: Bytes,
        /// Their SHA-512.
        digest: Digest,
    },
    /// Too large to be kept, or not wanted: evidence still verifies through the digest.
    Digest {
        /// SHA-512 of the bytes.
        digest: Digest,
        /// Their number.
        length: u64,
    },
}

/// One signed message.
#[derive(Clone, Debug)]
pub struct MessageRecord {
    /// When the gateway finished signing or verifying it, microseconds since the Unix epoch.
    pub at: i64,
    /// Side of the exchange.
    pub role: Role,
    /// Half of the exchange.
    pub direction: Direction,
    /// `X-Road-Id`: chosen by the caller, not necessarily unique.
    pub message_id: String,
    /// `X-Road-Request-Id`: unique per attempt.
    pub request_id: Uuid,
    /// Who asked.
    pub client: ClientId,
    /// Which service was asked.
    pub service: ServiceId,
    /// The signed header part (§2.1.5), `message.xml` of the container.
    pub header_part: Bytes,
    /// SHA-512 of the header part.
    pub header_digest: Digest,
    /// The body, `attachment1` of the container.
    pub body: Body,
    /// `META-INF/signatures.xml`. Messages signed in one batch share the same bytes.
    pub signature: Bytes,
    /// `sig-hashchainresult.xml`, when signed as a batch.
    pub hash_chain_result: Option<Bytes>,
    /// `sig-hashchain.xml`, when signed as a batch.
    pub hash_chain: Option<Bytes>,
}
