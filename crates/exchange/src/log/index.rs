//! The index: tails the journal in batches into tables that can be searched.
//!
//! A batch and the checkpoint that says how far the index has come are one transaction: after a kill the same records are read again and
//! the same rows are written once. Several processes may try; the checkpoint lets one of them win each batch.

use std::collections::HashMap;
use std::sync::Arc;

use store::{Row, Tx, Value};

use super::codec::{
    KIND_MESSAGE, KIND_SIGNATURE, SignatureRef, StoredMessage, decode_message, decode_signature, signature_ref,
};
use super::error::LogError;
use super::journal::Entry;
use super::message_log::{Inner, MessageLog};
use super::record::{Body, Digest};
use super::settings::BodyMode;
use super::state::{self, INDEXED, UNREADABLE};
use crate::model::header_part::sha512;

/// Bytes of records per transaction, about: other writers of the same database wait for one batch.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Identifiers kept in memory; forgotten all at once when there are more.
const CACHED_NAMES: usize = 20_000;

/// What the indexer remembers between batches.
#[derive(Debug, Default)]
pub(super) struct Memory {
    names: HashMap<String, i64>,
}

/// A signature as indexed.
#[derive(Debug)]
struct SignatureRow {
    seq: i64,
    reference: SignatureRef,
    leaf: Digest,
    at: i64,
}

/// A batch, decoded and ready to be written; `Arc`, because the closure that writes it may run again.
#[derive(Debug)]
struct Batch {
    from: i64,
    to: i64,
    signatures: Vec<SignatureRow>,
    messages: Vec<(i64, StoredMessage)>,
    /// Records that could not be decoded. They are counted and passed over: one damaged record must not blind the index to all others.
    unreadable: i64,
}

impl MessageLog {
    /// Brings the index up to everything that is durable at the time of the call.
    ///
    /// # Errors
    /// When the journal or the database fails, or a record is malformed.
    pub async fn catch_up(&self) -> Result<(), LogError> {
        let inner = &*self.inner;
        let target = inner.journal.durable_tail().await?;
        let mut memory = inner.indexing.lock().await;
        loop {
            match index_batch(inner, &mut memory).await {
                Ok(reached) if reached >= target => return Ok(()),
                Ok(_) => {}
                // Another process indexes too: its progress counts as ours.
                Err(LogError::Contended) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Indexes one batch; answers the position reached, or the end of the journal when there was nothing.
async fn index_batch(inner: &Inner, memory: &mut Memory) -> Result<i64, LogError> {
    let from = inner.store.read(|tx| Ok::<_, LogError>(state::number(tx, INDEXED)?)).await?;
    let entries = inner.journal.read_after(from, BATCH_BYTES).await?;
    let Some(last) = entries.last() else { return Ok(i64::MAX) };
    let batch = Arc::new(decode(from, last.seq, &entries));
    intern_names(inner, memory, &batch).await?;
    let names = Arc::new(batch.name_numbers(memory)?);
    let shared = batch.clone();
    inner.store.write(move |tx| write_batch(tx, &shared, &names)).await?;
    Ok(batch.to)
}

fn decode(from: i64, to: i64, entries: &[Entry]) -> Batch {
    let mut batch = Batch { from, to, signatures: Vec::new(), messages: Vec::new(), unreadable: 0 };
    for entry in entries {
        let decoded = match entry.kind {
            KIND_SIGNATURE => decode_signature(&entry.payload).map(|record| {
                batch.signatures.push(SignatureRow {
                    seq: entry.seq,
                    reference: signature_ref(&record.signature, record.hash_chain_result.as_deref()),
                    leaf: sha512(&record.signature),
                    at: record.at,
                });
            }),
            KIND_MESSAGE => decode_message(&entry.payload).map(|message| batch.messages.push((entry.seq, message))),
            // Probes, and kinds of a newer version that shares the journal.
            _ => Ok(()),
        };
        if let Err(error) = decoded {
            batch.unreadable += 1;
            tracing::error!(record.seq = entry.seq, %error, "a record of the message log cannot be read");
        }
    }
    batch
}

impl Batch {
    fn names(&self) -> impl Iterator<Item = String> {
        self.messages.iter().flat_map(|(_, message)| names_of(message))
    }

    fn name_numbers(&self, memory: &Memory) -> Result<Vec<[i64; 3]>, LogError> {
        let number = |name: &String| memory.names.get(name).copied().ok_or(LogError::Contended);
        self.messages
            .iter()
            .map(|(_, message)| {
                let [party, client, service] = names_of(message);
                Ok([number(&party)?, number(&client)?, number(&service)?])
            })
            .collect()
    }
}

fn names_of(message: &StoredMessage) -> [String; 3] {
    [message.party().colon(), message.client.colon(), message.service.colon()]
}

/// Gives every identifier of the batch a number. A transaction of its own: numbers may exist that no message uses.
async fn intern_names(inner: &Inner, memory: &mut Memory, batch: &Batch) -> Result<(), LogError> {
    if memory.names.len() > CACHED_NAMES {
        memory.names.clear();
    }
    let mut unknown: Vec<String> = batch.names().filter(|name| !memory.names.contains_key(name)).collect();
    unknown.sort_unstable();
    unknown.dedup();
    if unknown.is_empty() {
        return Ok(());
    }
    let known = inner
        .store
        .write(move |tx| {
            let mut known = Vec::with_capacity(unknown.len());
            for name in &unknown {
                let value: [Value; 1] = [name.into()];
                tx.exec("INSERT INTO exchange_log_name (text) VALUES ($1) ON CONFLICT (text) DO NOTHING", &value)?;
                let row = tx.query_one("SELECT id FROM exchange_log_name WHERE text = $1", &value)?;
                known.push((name.clone(), row.ok_or(LogError::Contended)?.int(0)?));
            }
            Ok::<_, LogError>(known)
        })
        .await?;
    memory.names.extend(known);
    Ok(())
}

fn write_batch(tx: &mut Tx<'_>, batch: &Batch, names: &[[i64; 3]]) -> Result<(), LogError> {
    state::advance(tx, INDEXED, batch.from, batch.to)?;
    let ids = signature_ids(tx, batch)?;
    let mut rows = Vec::with_capacity(batch.messages.len());
    for ((seq, message), names) in batch.messages.iter().zip(names) {
        if let Some(signature) = ids.get(&message.signature) {
            rows.push(message_values(*seq, message, *names, *signature));
        } else {
            // The write of the signature failed and a later one of the message succeeded (a disk filling up): such a message was refused,
            // since it counts as logged only together with its signature. No damage, and nothing that proves anything.
            tracing::warn!(
                record.seq = seq,
                "a message whose signature could not be logged was refused and is left out"
            );
        }
    }
    if batch.unreadable > 0 {
        let before = state::number(tx, UNREADABLE)?;
        state::set_number(tx, UNREADABLE, before + batch.unreadable)?;
    }
    let head = "INSERT INTO exchange_message (seq, at, role, direction, message_id, request_id, party, client, service, body_length,
        mode, signature)";
    Ok(state::insert_many(tx, head, "ON CONFLICT (seq) DO NOTHING", 12, &rows)?)
}

/// Each signature once per statement (an upsert may not touch a row twice), the latest writing.
fn distinct(signatures: &[SignatureRow]) -> impl Iterator<Item = &SignatureRow> {
    let latest: HashMap<&SignatureRef, i64> = signatures.iter().map(|row| (&row.reference, row.seq)).collect();
    signatures.iter().filter(move |row| latest.get(&row.reference) == Some(&row.seq))
}

/// Writes the batch's signatures and answers the ids of all signatures that its messages refer to.
fn signature_ids(tx: &mut Tx<'_>, batch: &Batch) -> Result<HashMap<SignatureRef, i64>, LogError> {
    let mut ids = HashMap::new();
    let mut last_messages: HashMap<&SignatureRef, i64> = HashMap::new();
    for (seq, message) in &batch.messages {
        last_messages.insert(&message.signature, *seq);
    }
    let rows: Vec<Vec<Value>> = distinct(&batch.signatures)
        .map(|row| signature_values(row, last_messages.get(&row.reference).copied().unwrap_or(row.seq)))
        .collect();
    // A signature written anew keeps its id, hence its time-stamp; only the place to read it from moves on.
    let head = "INSERT INTO exchange_signature (id, reference, seq, last_message, leaf, at)";
    let tail = "ON CONFLICT (reference) DO UPDATE SET seq = excluded.seq, last_message = excluded.last_message
        RETURNING id, reference";
    for row in state::insert_many_returning(tx, head, tail, 6, &rows)? {
        ids.insert(reference(&row)?, row.int(0)?);
    }
    // Signatures of earlier batches: few, as a batch of messages usually lies together in the journal.
    for (reference, last_message) in last_messages {
        if ids.contains_key(reference) {
            continue;
        }
        let sql = "UPDATE exchange_signature SET last_message = $1 WHERE reference = $2 RETURNING id";
        if let Some(row) = tx.query_one(sql, &[last_message.into(), reference.as_slice().into()])? {
            ids.insert(*reference, row.int(0)?);
        }
    }
    Ok(ids)
}

fn reference(row: &Row) -> Result<SignatureRef, LogError> {
    row.get::<&[u8]>(1)?.try_into().map_err(|_| LogError::Contended)
}

fn signature_values(row: &SignatureRow, last_message: i64) -> Vec<Value> {
    vec![
        row.seq.into(),
        row.reference.as_slice().into(),
        row.seq.into(),
        last_message.into(),
        row.leaf.as_slice().into(),
        row.at.into(),
    ]
}

fn message_values(seq: i64, message: &StoredMessage, [party, client, service]: [i64; 3], signature: i64) -> Vec<Value> {
    let (body_length, body_kept) = match &message.body {
        Body::None => (0, true),
        Body::Inline { bytes, .. } => (bytes.len() as u64, true),
        Body::Digest { length, .. } => (*length, false),
    };
    let mode = match (message.header_reduced, body_kept) {
        (true, _) => BodyMode::Metadata,
        (false, false) => BodyMode::Digest,
        (false, true) => BodyMode::Full,
    };
    vec![
        seq.into(),
        message.at.into(),
        (message.role as i64).into(),
        (message.direction as i64).into(),
        message.message_id.as_str().into(),
        message.request_id.as_bytes().as_slice().into(),
        party.into(),
        client.into(),
        service.into(),
        i64::try_from(body_length).unwrap_or(i64::MAX).into(),
        (mode as i64).into(),
        signature.into(),
    ]
}
