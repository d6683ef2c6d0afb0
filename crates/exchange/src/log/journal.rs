//! The journal as the log reads and writes it: signed positions as the database holds them, payloads that are cheap to slice, and
//! receipts that several messages can wait for.

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use store::journal::{JournalError, Record, Seq, Ticket};

use super::codec::KIND_PROBE;

/// Tells when an appended record is durable. Clones wait for the same record.
pub(super) type Receipt = Shared<BoxFuture<'static, Result<Seq, JournalError>>>;

/// Makes a ticket one that several can wait for.
pub(super) fn shared(ticket: Ticket) -> Receipt {
    ticket.durable().boxed().shared()
}

/// The log's journal.
#[derive(Clone, Debug)]
pub(super) struct Journal(pub(super) store::journal::Journal);

/// One record.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) seq: i64,
    pub(super) kind: u8,
    pub(super) payload: Bytes,
}

impl From<Record> for Entry {
    fn from(record: Record) -> Self {
        Self { seq: signed(record.seq), kind: record.kind, payload: record.payload.into() }
    }
}

impl Journal {
    pub(super) fn append(&self, kind: u8, parts: &[&[u8]]) -> Result<Ticket, JournalError> {
        self.0.append_parts(kind, parts)
    }

    /// Waits until everything appended before is durable or has failed. Costs one empty record.
    pub(super) async fn barrier(&self) -> Result<(), JournalError> {
        self.append(KIND_PROBE, &[])?.durable().await.map(drop)
    }

    /// The records after position `seq`, up to about `max_bytes`.
    pub(super) async fn read_after(&self, seq: i64, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        let records = self.0.read_from(seq.unsigned_abs() + 1, max_bytes).await?;
        Ok(records.into_iter().map(Entry::from).collect())
    }

    pub(super) async fn read(&self, seq: i64) -> Result<Option<Entry>, JournalError> {
        Ok(self.0.read(seq.unsigned_abs()).await?.map(Entry::from))
    }

    /// The position of the last durable record; 0 when there is none.
    pub(super) async fn durable_tail(&self) -> Result<i64, JournalError> {
        self.0.durable_seq().await.map(signed)
    }

    pub(super) async fn drop_before(&self, seq: i64) -> Result<(), JournalError> {
        self.0.drop_before(seq.unsigned_abs()).await
    }
}

fn signed(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
