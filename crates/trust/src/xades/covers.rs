//! What a signature covers, and whether a given message is part of it.

use crate::hashchain::{
    ATTACHMENT_URI_PREFIX, Digest, DigestValue, HashChainError, Input, InputData, MESSAGE_URI, Rules, verify,
};
use crate::key::DigestKind;

/// What the references of a signature lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Covers {
    /// `/message.xml`, and `/attachmentN` when they are signed without a hash chain.
    Parts(Vec<(String, DigestValue)>),
    /// `/sig-hashchainresult.xml`; the hash chain of each message leads to it.
    HashChainResult(DigestValue),
}

/// The two documents that tie a message to a batch signature.
#[derive(Debug, Clone, Copy)]
pub struct ChainDocuments<'a> {
    /// `sig-hashchainresult.xml`.
    pub result: &'a [u8],
    /// `sig-hashchain.xml`.
    pub chain: &'a [u8],
}

/// Why a message is not the signed one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoverError {
    /// A part differs from what was signed.
    #[error("{0} is not what was signed")]
    Changed(String),
    /// A signed part did not come with the message.
    #[error("{0} is signed but was not received")]
    Missing(String),
    /// A part came with the message that nobody signed.
    #[error("{0} was received but is not signed")]
    Unsigned(String),
    /// The signature is over a batch and the hash chain did not come with the message.
    #[error("the signature is over a hash chain, which is missing")]
    NoHashChain,
    /// The signed hash chain result is another one.
    #[error("the hash chain result is not what was signed")]
    OtherResult,
    /// Only the SHA-512 of a part is known but the signature uses another digest.
    #[error("{0} is signed with another digest algorithm than was computed")]
    OtherAlgorithm(String),
    /// The hash chain does not lead from the message to its result.
    #[error(transparent)]
    HashChain(#[from] HashChainError),
}

impl CoverError {
    /// The error code of the exchange protocol (§2.1.4) in its documented spelling.
    pub fn protocol_code(&self) -> &'static str {
        match self {
            Self::Changed(_) | Self::Missing(_) | Self::Unsigned(_) | Self::OtherAlgorithm(_) => "InvalidReference",
            Self::NoHashChain | Self::OtherResult => "InvalidHashChain",
            Self::HashChain(error) => error.protocol_code(),
        }
    }
}

impl Covers {
    /// Checks a message whose parts have just been received: SHA-512 of the message part and of each attachment in order.
    ///
    /// # Errors
    /// [`CoverError`].
    pub fn check_message(
        &self,
        message: &Digest,
        attachments: &[Digest],
        chain: Option<ChainDocuments<'_>>,
    ) -> Result<(), CoverError> {
        // The common case, a lone part under its own signature, needs no list of inputs.
        if let (Self::Parts(parts), []) = (self, attachments)
            && let [(_, digest)] = parts.as_slice()
            && digest.kind() == DigestKind::Sha512
        {
            let is_same = digest.as_bytes() == message;
            return if is_same { Ok(()) } else { Err(CoverError::Changed(MESSAGE_URI.to_owned())) };
        }
        let uris: Vec<String> =
            (1..=attachments.len()).map(|number| format!("{ATTACHMENT_URI_PREFIX}{number}")).collect();
        let mut inputs = Vec::with_capacity(1 + attachments.len());
        inputs.push(Input { uri: MESSAGE_URI, data: InputData::Sha512(*message) });
        inputs
            .extend(uris.iter().zip(attachments).map(|(uri, digest)| Input { uri, data: InputData::Sha512(*digest) }));
        self.check_inputs(&inputs, chain, Rules::SIGNATURE).map(drop)
    }

    /// Checks parts given in any form, some of them perhaps absent; answers the digests that stand for absent parts.
    ///
    /// # Errors
    /// [`CoverError`].
    pub fn check_inputs(
        &self,
        inputs: &[Input<'_>],
        chain: Option<ChainDocuments<'_>>,
        rules: Rules,
    ) -> Result<Vec<(String, DigestValue)>, CoverError> {
        match self {
            Self::HashChainResult(digest) => {
                let documents = chain.ok_or(CoverError::NoHashChain)?;
                if DigestValue::of(digest.kind(), documents.result) != *digest {
                    return Err(CoverError::OtherResult);
                }
                Ok(verify(documents.result, documents.chain, inputs, rules)?.absent)
            }
            Self::Parts(parts) => check_parts(parts, inputs),
        }
    }
}

fn check_parts(
    parts: &[(String, DigestValue)],
    inputs: &[Input<'_>],
) -> Result<Vec<(String, DigestValue)>, CoverError> {
    let mut absent = Vec::new();
    for (uri, signed) in parts {
        let input = inputs.iter().find(|input| input.uri == uri).ok_or_else(|| CoverError::Missing(uri.clone()))?;
        let actual = match input.data {
            InputData::Sha512(digest) if signed.kind() == DigestKind::Sha512 => DigestValue::sha512(digest),
            InputData::Sha512(_) => return Err(CoverError::OtherAlgorithm(uri.clone())),
            InputData::Bytes(bytes) => DigestValue::of(signed.kind(), bytes),
            InputData::Absent => {
                absent.push((uri.clone(), *signed));
                continue;
            }
        };
        if actual != *signed {
            return Err(CoverError::Changed(uri.clone()));
        }
    }
    let is_signed = |input: &&Input<'_>| parts.iter().any(|(uri, _)| uri == input.uri);
    match inputs.iter().find(|input| !is_signed(input)) {
        Some(extra) => Err(CoverError::Unsigned(extra.uri.to_owned())),
        None => Ok(absent),
    }
}
