//! The journal in a table, for several processes on one database.
//!
//! A reader that follows the numbers must not miss a record whose transaction commits late. So a group takes its numbers
//! from the journal's row in `store_journal_head`, by an `UPDATE` whose row lock lasts until the commit: groups commit in
//! the order of their numbers, and a transaction that fails gives its numbers back. The price is one group in flight per
//! journal across all processes; the groups grow instead.

use std::sync::Arc;
use std::thread::JoinHandle;

use kit::Clock;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::queue::{Group, Pending, Queue};
use super::{JournalError, JournalStats, Record, Seq, Ticket};
use crate::{Store, StoreError, Tx, Value};

/// Rows of one `INSERT` at most; a power of two, as smaller ones are, so that few statements need preparing.
const ROWS: usize = 128;
/// Rows fetched at once while reading.
const PAGE: i64 = 256;

/// Records waiting, with their content already owned.
#[derive(Debug, Default)]
struct TablePending(Vec<(u8, Vec<u8>)>);

impl Pending for TablePending {
    type Prepared = Vec<u8>;

    fn prepare(_: u8, parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    fn push(&mut self, _: Seq, kind: u8, _: &[&[u8]], payload: Vec<u8>) {
        self.0.push((kind, payload));
    }
}

#[derive(Debug)]
pub(super) struct TableJournal {
    store: Store,
    name: String,
    queue: Arc<Queue<TablePending>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl TableJournal {
    pub(super) async fn open(store: Store, name: &str, clock: Clock, queue_bytes: usize) -> Result<Self, JournalError> {
        let own = name.to_owned();
        let begin = "INSERT INTO store_journal_head (journal, first, last) VALUES ($1, 1, 0) ON CONFLICT DO NOTHING";
        store.write(move |tx| tx.exec(begin, &[own.as_str().into()])).await?;
        let queue = Arc::new(Queue::new(queue_bytes, 1));
        let runtime = Handle::current();
        let thread = {
            let (store, name, queue) = (store.clone(), name.to_owned(), Arc::clone(&queue));
            let serve = move || {
                queue.guard(|| {
                    while let Some(group) = queue.take(TablePending::default()) {
                        runtime.block_on(write_group(&store, &name, &clock, &queue, group));
                    }
                });
            };
            std::thread::Builder::new().name("journal-writer".to_owned()).spawn(serve).map_err(JournalError::io)?
        };
        Ok(Self { store, name: name.to_owned(), queue, writer: Mutex::new(Some(thread)) })
    }

    pub(super) fn append(&self, kind: u8, parts: &[&[u8]]) -> Result<Ticket, JournalError> {
        self.queue.append(kind, parts)
    }

    pub(super) async fn read_from(&self, seq: Seq, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
        let name = self.name.clone();
        let read = move |tx: &mut Tx<'_>| read_page(tx, &name, seq, max_bytes);
        Ok(self.store.read(read).await?)
    }

    pub(super) async fn durable_seq(&self) -> Result<Seq, JournalError> {
        self.head("SELECT last FROM store_journal_head WHERE journal = $1").await
    }

    pub(super) async fn first_seq(&self) -> Result<Seq, JournalError> {
        self.head("SELECT first FROM store_journal_head WHERE journal = $1").await
    }

    async fn head(&self, sql: &'static str) -> Result<Seq, JournalError> {
        let name = self.name.clone();
        let read = move |tx: &mut Tx<'_>| match tx.query_one(sql, &[name.as_str().into()])? {
            Some(row) => row.get::<u64>(0),
            None => Ok(0),
        };
        Ok(self.store.read::<Seq, StoreError>(read).await?)
    }

    pub(super) async fn drop_before(&self, seq: Seq) -> Result<(), JournalError> {
        let (name, below) = (self.name.clone(), int(seq));
        let drop_rows = move |tx: &mut Tx<'_>| {
            let params: [Value; 2] = [name.as_str().into(), below.into()];
            // Never beyond what exists: numbers yet to come must not be below `first`.
            let raise = "UPDATE store_journal_head SET first = $2 WHERE journal = $1 AND first < $2 AND last + 1 >= $2";
            tx.exec(raise, &params)?;
            tx.exec("DELETE FROM store_journal WHERE journal = $1 AND seq < $2", &params)
        };
        self.store.write_locking::<u64, StoreError>(drop_rows).await?;
        Ok(())
    }

    pub(super) fn stats(&self) -> JournalStats {
        self.queue.stats()
    }

    pub(super) fn close(&self) {
        self.queue.close(JournalError::Closed);
        if let Some(writer) = self.writer.lock().take() {
            // A panic was caught and told by the queue.
            let _ = writer.join();
        }
    }
}

impl Drop for TableJournal {
    fn drop(&mut self) {
        // Not joined here: on a runtime with one thread this very thread may be what the writer waits for.
        self.queue.close(JournalError::Closed);
    }
}

async fn write_group(
    store: &Store,
    name: &str,
    clock: &Clock,
    queue: &Queue<TablePending>,
    group: Group<TablePending>,
) {
    let (count, bytes) = (group.count, group.payload_bytes());
    let chunks = chunks(name, clock.now_micros(), group.pending.0);
    let name = name.to_owned();
    let insert = move |tx: &mut Tx<'_>| insert_group(tx, &name, count, &chunks);
    let outcome = store.write_locking::<Seq, StoreError>(insert).await.map_err(JournalError::from);
    queue.settle(count, outcome.as_ref().map(|_| bytes).map_err(|_| ()));
    group.promise.complete(outcome);
}

/// One `INSERT` of several rows. Its second parameter, the number of the row before the first, is set when it is known;
/// the lock is there because a transaction may run twice.
struct Chunk {
    rows: usize,
    sql: String,
    params: Mutex<Vec<Value>>,
}

/// Parameters in front of those of the rows: journal, number before, time.
const SHARED: usize = 3;

fn chunks(name: &str, at: i64, records: Vec<(u8, Vec<u8>)>) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut records = records.into_iter();
    while records.len() > 0 {
        let rows = 1 << records.len().min(ROWS).ilog2();
        let mut params: Vec<Value> = vec![name.into(), Value::Null, at.into()];
        for (kind, payload) in records.by_ref().take(rows) {
            params.extend([kind.into(), payload.into()]);
        }
        chunks.push(Chunk { rows, sql: insert_sql(rows), params: Mutex::new(params) });
    }
    chunks
}

fn insert_sql(rows: usize) -> String {
    let row = |number: usize| {
        let first = SHARED + 2 * number;
        format!("($1, CAST($2 AS BIGINT) + {}, ${}, ${}, $3)", number + 1, first + 1, first + 2)
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!("INSERT INTO store_journal (journal, seq, kind, payload, at) VALUES {}", rows.join(", "))
}

/// Returns the number of the first record.
fn insert_group(tx: &mut Tx<'_>, name: &str, count: u64, chunks: &[Chunk]) -> Result<Seq, StoreError> {
    let reserve = "UPDATE store_journal_head SET last = last + $2 WHERE journal = $1 RETURNING last";
    let Some(head) = tx.query_one(reserve, &[name.into(), int(count).into()])? else {
        return Err(StoreError::Corrupt { reason: format!("journal {name} has lost its head") });
    };
    let before = head.get::<u64>("last")? - count;
    let mut last = before;
    for chunk in chunks {
        let mut params = chunk.params.lock();
        if let Some(place) = params.get_mut(1) {
            *place = int(last).into();
        }
        tx.exec(&chunk.sql, &params)?;
        last += chunk.rows as u64;
    }
    Ok(before + 1)
}

fn read_page(tx: &mut Tx<'_>, name: &str, seq: Seq, max_bytes: usize) -> Result<Vec<Record>, StoreError> {
    let page = "SELECT seq, kind, payload FROM store_journal WHERE journal = $1 AND seq >= $2 ORDER BY seq LIMIT $3";
    let (mut records, mut bytes, mut from) = (Vec::new(), 0, seq);
    // The first page is one row: a point read, or the one record that is returned however large it is.
    let mut limit = 1;
    loop {
        let rows = tx.query(page, &[name.into(), int(from).into(), limit.into()])?;
        for row in &rows {
            let record = Record { seq: row.get("seq")?, kind: row.get("kind")?, payload: row.bytes("payload")? };
            if !records.is_empty() && bytes + record.payload.len() > max_bytes {
                return Ok(records);
            }
            bytes += record.payload.len();
            from = record.seq + 1;
            records.push(record);
        }
        if rows.is_empty() || bytes >= max_bytes {
            return Ok(records);
        }
        limit = PAGE;
    }
}

fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
