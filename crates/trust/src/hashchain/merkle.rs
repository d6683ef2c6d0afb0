//! The binary tree over the messages of a batch. An odd node rises to the next level as it is.

use super::Digest;
use super::digest::{DigestValue, StepEncoder};
use crate::key::DigestKind;

/// All levels of the tree, leaves first. Never empty.
pub(super) struct Merkle {
    levels: Vec<Vec<Digest>>,
}

/// The other half of one step on the way from a leaf to the root.
pub(super) struct Sibling<'a> {
    pub digest: &'a Digest,
    /// True when the sibling is the first input of the step.
    pub is_left: bool,
}

impl Merkle {
    /// Builds the tree; `None` without leaves.
    pub fn new(leaves: Vec<Digest>) -> Option<Self> {
        if leaves.is_empty() {
            return None;
        }
        let mut encoder = StepEncoder::new();
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.chunks(2).map(|pair| combine(pair, &mut encoder)).collect();
            levels.push(above);
        }
        Some(Self { levels })
    }

    /// Digest at the top; of a single leaf it is the leaf.
    pub fn root(&self) -> &Digest {
        const NOTHING: &Digest = &[0; 64];
        self.levels.last().and_then(|top| top.first()).unwrap_or(NOTHING)
    }

    /// Siblings of leaf `index` from the root downwards, one per step.
    pub fn path(&self, index: usize) -> Vec<Sibling<'_>> {
        let mut path = Vec::with_capacity(self.levels.len());
        let mut at = index;
        for level in &self.levels {
            if let Some(digest) = level.get(at ^ 1) {
                path.push(Sibling { digest, is_left: at & 1 == 1 });
            }
            at /= 2;
        }
        path.reverse();
        path
    }

    /// Number of leaves.
    pub fn len(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }
}

fn combine(pair: &[Digest], encoder: &mut StepEncoder) -> Digest {
    match pair {
        [alone] => *alone,
        both => step_digest(both, encoder),
    }
}

/// Digest of a step whose inputs are all SHA-512.
pub(super) fn step_digest(inputs: &[Digest], encoder: &mut StepEncoder) -> Digest {
    for input in inputs {
        encoder.push(&DigestValue::sha512(*input));
    }
    let digest = encoder.finish(DigestKind::Sha512);
    digest.as_sha512().copied().unwrap_or([0; 64])
}
