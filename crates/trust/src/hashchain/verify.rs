//! Recomputes a hash chain and holds it against its result.

use super::digest::{DigestValue, StepEncoder, digest_uri};
use super::model::{Chain, ChainResult, Step, StepInput};
use super::{ChainFile, Digest, HashChainError, fast, parse};
use crate::c14n::{Limits, ParseError, parse_secure_with};
use crate::key::DigestKind;
use roxmltree::Document;

/// What the verifier has of one part that the chain must cover.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Reference URI, such as `/message.xml` or `/attachment1`.
    pub uri: &'a str,
    /// The part, its digest, or the knowledge that it exists but was not kept.
    pub data: InputData<'a>,
}

/// See [`Input::data`].
#[derive(Debug, Clone, Copy)]
pub enum InputData<'a> {
    /// SHA-512 of the part, computed while it was received.
    Sha512(Digest),
    /// The part itself.
    Bytes(&'a [u8]),
    /// The part is not here: the digest stated by the chain stands for it, and [`VerifiedChain::absent`] says so.
    Absent,
}

/// What is accepted.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The chain document that the result must point into.
    pub file: ChainFile,
    /// Accept SHA-256 and SHA-384 beside SHA-512 (evidence of other origin).
    pub weaker_digests: bool,
}

impl Rules {
    /// Chains under signatures, SHA-512 only: the rule between gateways.
    pub const SIGNATURE: Self = Self { file: ChainFile::Signature, weaker_digests: false };
    /// Chains under time-stamps, SHA-512 only.
    pub const TIMESTAMP: Self = Self { file: ChainFile::Timestamp, weaker_digests: false };
}

/// A chain that leads from its inputs to its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedChain {
    /// URIs of the inputs given as [`InputData::Absent`], with the digest the chain proves for each.
    pub absent: Vec<(String, DigestValue)>,
    /// The digest in the result.
    pub root: DigestValue,
}

const LIMITS: Limits = Limits { bytes: 4 << 20, nodes: 200_000, depth: 8 };

/// Checks that `chain_xml` combines exactly `inputs` into the digest that `result_xml` states.
///
/// It says nothing about who vouches for the result: that is the signature or time-stamp over the bytes of `result_xml`.
///
/// # Errors
/// See [`HashChainError`]; the first fault found.
pub fn verify(
    result_xml: &[u8],
    chain_xml: &[u8],
    inputs: &[Input<'_>],
    rules: Rules,
) -> Result<VerifiedChain, HashChainError> {
    let fast_path = fast::result(result_xml).zip(fast::chain(chain_xml));
    match fast_path {
        Some((result, chain)) => evaluate(&result, &chain, inputs, rules),
        None => verify_general(result_xml, chain_xml, inputs, rules),
    }
}

/// URIs of the parts that `chain_xml` covers, in order: what to look for when evidence is opened and parts may be absent.
///
/// # Errors
/// [`HashChainError::Malformed`] or [`HashChainError::Algorithm`].
pub fn data_uris(chain_xml: &[u8], rules: Rules) -> Result<Vec<String>, HashChainError> {
    let document = document(chain_xml)?;
    let chain = parse::chain(&document, rules.weaker_digests)?;
    let uri_of = |input: &StepInput<'_>| match input {
        StepInput::Data { uri, .. } => Some(uri.clone().into_owned()),
        StepInput::Hash(_) | StepInput::Step { .. } => None,
    };
    Ok(chain.steps.iter().flat_map(|step| step.inputs.iter().filter_map(uri_of)).collect())
}

fn verify_general(
    result_xml: &[u8],
    chain_xml: &[u8],
    inputs: &[Input<'_>],
    rules: Rules,
) -> Result<VerifiedChain, HashChainError> {
    let result_document = document(result_xml)?;
    let chain_document = document(chain_xml)?;
    let result = parse::result(&result_document, rules.weaker_digests)?;
    let chain = parse::chain(&chain_document, rules.weaker_digests)?;
    evaluate(&result, &chain, inputs, rules)
}

fn document(xml: &[u8]) -> Result<Document<'_>, HashChainError> {
    parse_secure_with(xml, LIMITS).map_err(|error: ParseError| HashChainError::Malformed(error.to_string()))
}

fn evaluate(
    result: &ChainResult<'_>,
    chain: &Chain<'_>,
    inputs: &[Input<'_>],
    rules: Rules,
) -> Result<VerifiedChain, HashChainError> {
    let mut evaluation = Evaluation {
        chain,
        inputs,
        file: rules.file,
        visited: vec![false; chain.steps.len()],
        used: vec![false; inputs.len()],
        next_input: 0,
        absent: Vec::new(),
    };
    reject_duplicate_ids(&chain.steps)?;
    if !result.uri.starts_with(rules.file.uri()) {
        return Err(HashChainError::UnresolvedReference(shorten(&result.uri)));
    }
    let root = evaluation.step(&result.uri, result.digest.kind())?;
    if evaluation.visited.contains(&false) {
        return Err(HashChainError::Malformed("a step is not part of the chain".into()));
    }
    if root != result.digest {
        return Err(HashChainError::ResultMismatch);
    }
    let unused: Vec<String> = inputs
        .iter()
        .zip(&evaluation.used)
        .filter(|(_, used)| !**used)
        .map(|(input, _)| input.uri.to_owned())
        .collect();
    if !unused.is_empty() {
        return Err(HashChainError::UnusedInputs(unused));
    }
    Ok(VerifiedChain { absent: evaluation.absent, root })
}

fn reject_duplicate_ids(steps: &[Step<'_>]) -> Result<(), HashChainError> {
    let is_repeated = |(at, step): (usize, &Step<'_>)| steps.iter().take(at).any(|earlier| earlier.id == step.id);
    if steps.iter().enumerate().any(is_repeated) {
        return Err(HashChainError::Malformed("two steps have the same id".into()));
    }
    Ok(())
}

struct Evaluation<'c, 'i> {
    chain: &'c Chain<'c>,
    inputs: &'i [Input<'i>],
    file: ChainFile,
    /// Steps entered: each may be entered once, which also rules cycles out and bounds the recursion.
    visited: Vec<bool>,
    used: Vec<bool>,
    /// Inputs usually come in the order of the chain: looking here first keeps the search linear.
    next_input: usize,
    absent: Vec<(String, DigestValue)>,
}

impl Evaluation<'_, '_> {
    fn step(&mut self, uri: &str, algorithm: DigestKind) -> Result<DigestValue, HashChainError> {
        let unresolved = || HashChainError::UnresolvedReference(shorten(uri));
        let id = uri.strip_prefix(self.file.uri()).unwrap_or(uri).strip_prefix('#').ok_or_else(unresolved)?;
        let chain = self.chain;
        let at = chain.steps.iter().position(|step| step.id == id).ok_or_else(unresolved)?;
        let (step, visited) = chain.steps.get(at).zip(self.visited.get_mut(at)).ok_or_else(unresolved)?;
        if std::mem::replace(visited, true) {
            return Err(HashChainError::Malformed("a step is referred to twice or contains itself".into()));
        }
        if step.inputs.is_empty() {
            return Err(HashChainError::Malformed("a step has no inputs".into()));
        }
        let mut encoder = StepEncoder::new();
        for input in &step.inputs {
            let digest = match input {
                StepInput::Hash(digest) => *digest,
                StepInput::Step { uri, algorithm } => self.step(uri, *algorithm)?,
                StepInput::Data { uri, algorithm, stated } => self.data(uri, *algorithm, *stated)?,
            };
            encoder.push(&digest);
        }
        Ok(encoder.finish(algorithm))
    }

    fn data(
        &mut self,
        uri: &str,
        algorithm: DigestKind,
        stated: Option<DigestValue>,
    ) -> Result<DigestValue, HashChainError> {
        let unresolved = || HashChainError::UnresolvedReference(shorten(uri));
        let at = self.find(uri).ok_or_else(unresolved)?;
        let (input, used) = self.inputs.get(at).zip(self.used.get_mut(at)).ok_or_else(unresolved)?;
        if std::mem::replace(used, true) {
            return Err(HashChainError::Malformed(format!("{} is referred to twice", shorten(uri))));
        }
        self.next_input = at + 1;
        let actual = match input.data {
            InputData::Sha512(digest) if algorithm == DigestKind::Sha512 => DigestValue::sha512(digest),
            // Only the SHA-512 of the part is known, but the chain was made with another algorithm.
            InputData::Sha512(_) => return Err(HashChainError::Algorithm(digest_uri(algorithm).to_owned())),
            InputData::Bytes(bytes) => DigestValue::of(algorithm, bytes),
            InputData::Absent => {
                let stated = stated.ok_or_else(unresolved)?;
                self.absent.push((uri.to_owned(), stated));
                stated
            }
        };
        match stated {
            Some(stated) if stated != actual => Err(HashChainError::InputMismatch(shorten(uri))),
            _ => Ok(actual),
        }
    }

    fn find(&self, uri: &str) -> Option<usize> {
        let is_match = |at: &usize| self.inputs.get(*at).is_some_and(|input| input.uri == uri);
        Some(self.next_input).filter(is_match).or_else(|| self.inputs.iter().position(|input| input.uri == uri))
    }
}

/// References come from outside; an error message repeats only so much of them.
fn shorten(uri: &str) -> String {
    uri.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::super::write::{MessageParts, build_batch};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever the reader of our own layout accepts, damaged or not, the general reader must judge the same.
        #[test]
        fn both_readers_give_the_same_verdict(
            size in 1_usize..5,
            attachments in 0_usize..3,
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), prop::sample::select(b"<>/#\"0159AZaz=+ \n&".to_vec())), 0..3),
        ) {
            let digests: Vec<Digest> = (0..=attachments).map(|n| [u8::try_from(n).unwrap(); 64]).collect();
            let parts = MessageParts { message: digests[0], attachments: &digests[1..] };
            let batch = build_batch(&vec![parts; size]).unwrap();
            let (mut result, mut chain) = (batch.result_xml.into_bytes(), batch.chains[size / 2].clone().into_bytes());
            for (at, in_result, to) in edits {
                let document = if in_result { &mut result } else { &mut chain };
                let at = at.index(document.len());
                document[at] = to;
            }
            let uris = ["/message.xml", "/attachment1", "/attachment2"];
            let inputs: Vec<Input<'_>> =
                uris.iter().zip(&digests).map(|(uri, digest)| Input { uri, data: InputData::Sha512(*digest) }).collect();
            let general = verify_general(&result, &chain, &inputs, Rules::SIGNATURE);
            let verdict = verify(&result, &chain, &inputs, Rules::SIGNATURE);
            prop_assert_eq!(verdict, general);
        }
    }

    #[test]
    fn what_is_written_takes_the_fast_path() {
        let parts = MessageParts { message: [1; 64], attachments: &[[2; 64], [3; 64]] };
        let batch = build_batch(&[parts; 5]).unwrap();
        let result = fast::result(batch.result_xml.as_bytes()).unwrap();
        let document = document(batch.result_xml.as_bytes()).unwrap();
        assert_eq!(result, parse::result(&document, false).unwrap());
        for chain in &batch.chains {
            let parsed = fast::chain(chain.as_bytes()).unwrap();
            let document = super::document(chain.as_bytes()).unwrap();
            assert_eq!(parsed, parse::chain(&document, false).unwrap());
        }
    }
}
