//! One message with everything that proves it: its record, the signature it shares, and its place under a time-stamp.
//!
//! What is read is compared with the digests that were written with it, so that a journal changed on disk is noticed at the latest here.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use store::Row;
use trust::hashchain::TimestampTree;

use super::codec::{SignatureRecord, StoredMessage, decode_message, decode_signature, signature_ref};
use super::error::LogError;
use super::journal::Entry;
use super::message_log::{Inner, MessageLog};
use super::record::{Body, Digest};
use crate::model::header_part::sha512;

/// A message as the log holds it.
#[derive(Clone, Debug)]
pub struct LoggedMessage {
    /// Position in the log.
    pub seq: i64,
    /// The message.
    pub message: StoredMessage,
    /// The signature that covers it.
    pub signature: SignatureRecord,
    /// The time-stamp that covers the signature, when there is one yet.
    pub stamp: Option<Stamp>,
}

/// The time-stamp of one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When it was obtained, microseconds since the Unix epoch.
    pub at: i64,
    /// Who gave it.
    pub authority: String,
    /// `META-INF/timestamp.tst`: the token, DER.
    pub token: Vec<u8>,
    /// `ts-hashchainresult.xml`: what the token covers.
    pub result_xml: String,
    /// `ts-hashchain.xml`: the path from the signature to the result.
    pub chain_xml: String,
}

impl MessageLog {
    /// The message at `seq`, or `None` when there is none (never was, or past retention).
    ///
    /// # Errors
    /// [`LogError::Tampered`] when bytes and digests do not belong together; else when the journal or the database fails.
    pub async fn message(&self, seq: i64) -> Result<Option<LoggedMessage>, LogError> {
        self.catch_up().await?;
        self.inner.fetch(seq).await
    }
}

impl Inner {
    /// As [`MessageLog::message`], of what is already indexed.
    pub(super) async fn fetch(&self, seq: i64) -> Result<Option<LoggedMessage>, LogError> {
        let Some((signature_id, signature_seq)) = self.locate(seq).await? else { return Ok(None) };
        let message = self.entry(seq).await?;
        let message = decode_message(&message.payload).map_err(|reason| malformed(seq, reason))?;
        let signature = self.entry(signature_seq).await?;
        let signature = decode_signature(&signature.payload).map_err(|reason| malformed(signature_seq, reason))?;
        check(seq, &message, &signature)?;
        let stamp = self.stamp_of(signature_id, &sha512(&signature.signature)).await?;
        Ok(Some(LoggedMessage { seq, message, signature, stamp }))
    }

    /// Id and current journal position of the signature of the message at `seq`.
    async fn locate(&self, seq: i64) -> Result<Option<(i64, i64)>, LogError> {
        self.store
            .read(move |tx| {
                let sql = "SELECT s.id, s.seq FROM exchange_message m JOIN exchange_signature s ON s.id = m.signature
                    WHERE m.seq = $1";
                let row = tx.query_one(sql, &[seq.into()])?;
                row.map(|row| Ok::<_, LogError>((row.int(0)?, row.int(1)?))).transpose()
            })
            .await
    }

    async fn entry(&self, seq: i64) -> Result<Entry, LogError> {
        self.journal.read(seq).await?.ok_or(LogError::Missing { seq: seq.unsigned_abs() })
    }

    /// The time-stamp that covers signature `id`, with the chain of its leaf built anew from the leaves.
    async fn stamp_of(&self, id: i64, leaf: &Digest) -> Result<Option<Stamp>, LogError> {
        let known = self.stamps.lock().iter().find(|(_, stamp)| stamp.covers(id)).map(|(_, stamp)| stamp.clone());
        let covering = match known {
            Some(covering) => covering,
            None => match self.load_stamp(id).await? {
                Some(covering) => covering,
                None => return Ok(None),
            },
        };
        covering.stamp(leaf).map(Some).ok_or_else(|| tampered(id, "the leaf under its time-stamp"))
    }

    async fn load_stamp(&self, id: i64) -> Result<Option<Arc<Covering>>, LogError> {
        let row = self
            .store
            .read(move |tx| {
                let sql =
                    "SELECT first_signature, last_signature, at, authority, token, result, leaves FROM exchange_stamp
                    WHERE last_signature >= $1 AND first_signature <= $1 ORDER BY last_signature LIMIT 1";
                Ok::<_, LogError>(tx.query_one(sql, &[id.into()])?)
            })
            .await?;
        let Some(row) = row else { return Ok(None) };
        let covering = Arc::new(Covering::from_row(&row)?);
        self.stamps.lock().put(covering.last, covering.clone());
        Ok(Some(covering))
    }
}

/// How many time-stamps are kept ready: an archiving pass meets them one after the other, searches jump.
const READY_STAMPS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// The time-stamps used last, by their last signature.
pub(super) type ReadyStamps = Mutex<LruCache<i64, Arc<Covering>>>;

pub(super) fn ready_stamps() -> ReadyStamps {
    Mutex::new(LruCache::new(READY_STAMPS))
}

/// A time-stamp with its tree, ready to write the chain of any of its leaves.
pub(super) struct Covering {
    first: i64,
    last: i64,
    at: i64,
    authority: String,
    token: Vec<u8>,
    result_xml: String,
    tree: TimestampTree,
    positions: HashMap<Digest, usize>,
}

impl Covering {
    fn from_row(row: &Row) -> Result<Self, LogError> {
        let last = row.int("last_signature")?;
        let (leaves, rest) = row.get::<&[u8]>("leaves")?.as_chunks::<{ size_of::<Digest>() }>();
        let tree = TimestampTree::new(leaves.to_vec()).filter(|_| rest.is_empty());
        let tree = tree.ok_or_else(|| tampered(last, "the leaves of its time-stamp"))?;
        let result_xml = tree.result_xml();
        if result_xml.as_bytes() != row.get::<&[u8]>("result")? {
            return Err(tampered(last, "the hash chain of its time-stamp"));
        }
        Ok(Self {
            first: row.int("first_signature")?,
            last,
            at: row.int("at")?,
            authority: row.text("authority")?,
            token: row.bytes("token")?,
            result_xml,
            tree,
            positions: leaves.iter().enumerate().map(|(position, leaf)| (*leaf, position)).collect(),
        })
    }

    fn covers(&self, signature_id: i64) -> bool {
        (self.first..=self.last).contains(&signature_id)
    }

    fn stamp(&self, leaf: &Digest) -> Option<Stamp> {
        Some(Stamp {
            at: self.at,
            authority: self.authority.clone(),
            token: self.token.clone(),
            result_xml: self.result_xml.clone(),
            chain_xml: self.tree.chain_xml(*self.positions.get(leaf)?, leaf)?,
        })
    }
}

fn tampered(seq: i64, what: &'static str) -> LogError {
    LogError::Tampered { seq: seq.unsigned_abs(), what }
}

fn malformed(seq: i64, reason: super::codec::DecodeError) -> LogError {
    LogError::Malformed { seq: seq.unsigned_abs(), reason }
}

/// Compares what was read with the digests that were written with it.
fn check(seq: i64, message: &StoredMessage, signature: &SignatureRecord) -> Result<(), LogError> {
    let tampered = |what| Err(tampered(seq, what));
    if signature_ref(&signature.signature, signature.hash_chain_result.as_deref()) != message.signature {
        return tampered("its signature");
    }
    if !message.header_reduced && sha512(&message.header_part) != message.header_digest {
        return tampered("its header part");
    }
    match &message.body {
        Body::Inline { bytes, digest } if sha512(bytes) != *digest => tampered("its body"),
        _ => Ok(()),
    }
}
