//! Operational records in the database: stored in batches, asked for by time window and party, removed after their retention (§2.15).

use std::fmt::Write as _;

use directory::ClientId;
use store::{Row, Store, StoreError, Tx, Value};

use super::record::{OperationalRecord, ServerType};
use super::service_health::note_events;
use crate::log::insert_many;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Records in one answer at most (§2.15).
pub const MAX_RECORDS: u32 = 10_000;
/// The newest seconds are withheld (§2.15): records of that time may still be on their way.
pub const WITHHELD_SECONDS: i64 = 60;
/// Rows removed per transaction.
const BATCH: i64 = 5_000;

/// Which operational records are wanted.
#[derive(Clone, Debug)]
pub struct OperationalQuery {
    /// Stored at or after this time, Unix seconds.
    pub records_from: i64,
    /// Stored at or before this time, Unix seconds.
    pub records_to: i64,
    /// Only those in which this client asked or was asked.
    pub client: Option<ClientId>,
    /// On whose behalf: everything, or only what the party took part in.
    pub visible_to: Visibility,
}

/// Whose records a caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// The gateway's owner and the central monitoring client see all.
    All,
    /// Another client sees records in which it is a party, without the internal address of the other side's gateway.
    Party(ClientId),
}

/// Operational records and where to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationalRecords {
    /// The records, oldest first.
    pub records: Vec<OperationalRecord>,
    /// `nextRecordsFrom`: ask again from this time (Unix seconds); present when records were left out or the window is not over.
    pub next_records_from: Option<i64>,
}

/// Stores `records`, stamping each with the time of storing.
///
/// # Errors
/// When the database fails; then none is stored.
pub async fn insert(store: &Store, now_micros: i64, records: &[OperationalRecord]) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let records = records.to_vec();
    let now = now_micros.div_euclid(MICROS_PER_SECOND);
    store
        .write(move |tx| {
            // A collector asks for "from where I stopped": a clock set back must not store records where it has already been.
            let last = tx.query_one("SELECT stored_at FROM exchange_operation ORDER BY id DESC LIMIT 1", &[])?;
            let last = last.map(|row| row.int(0)).transpose()?;
            // A last record far ahead is the trace of a wrong clock: following it would hide all new records for as long.
            let stored_at = last.filter(|last| *last - now < SECONDS_PER_DAY).map_or(now, |last| last.max(now));
            let rows = records.iter().map(|record| row(record, stored_at)).collect::<Result<Vec<_>, _>>()?;
            let head = "INSERT INTO exchange_operation
                (stored_at, client, provider, service, side, succeeded, duration, request_size, response_size, document)";
            insert_many(tx, head, "", 10, &rows)?;
            note_events(tx, &records, stored_at)
        })
        .await
}

fn row(record: &OperationalRecord, stored_at: i64) -> Result<Vec<Value>, StoreError> {
    let document = OperationalRecord { monitoring_data_ts: stored_at, ..record.clone() };
    // Texts and numbers only: serialising them cannot fail, but an error must not pass for success either.
    let document = serde_json::to_string(&document).map_err(|error| StoreError::Type { what: error.to_string() })?;
    let side = match record.security_server_type {
        ServerType::Client => 0_i64,
        ServerType::Producer => 1,
    };
    Ok(vec![
        stored_at.into(),
        record.client().into(),
        record.provider().into(),
        record.service().into(),
        side.into(),
        record.succeeded.into(),
        record.duration_ms().into(),
        size(record.request_size).into(),
        size(record.response_size).into(),
        document.into(),
    ])
}

fn size(bytes: Option<u64>) -> Option<i64> {
    bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX))
}

/// The records that match `query` at `now_micros`, oldest first, at most [`MAX_RECORDS`] or those of one second.
///
/// # Errors
/// When the database fails.
pub async fn query(store: &Store, now_micros: i64, query: &OperationalQuery) -> Result<OperationalRecords, StoreError> {
    let now = now_micros.div_euclid(MICROS_PER_SECOND);
    let available = now.saturating_sub(WITHHELD_SECONDS);
    let to = query.records_to.min(available);
    let mut values: Vec<Value> = vec![query.records_from.into(), to.into()];
    let mut condition = String::from("stored_at >= $1 AND stored_at <= $2");
    let party = match &query.visible_to {
        Visibility::All => None,
        Visibility::Party(party) => Some(party.colon()),
    };
    for client in query.client.as_ref().map(ClientId::colon).into_iter().chain(party.clone()) {
        values.push(client.into());
        let number = values.len();
        // Writing to a String cannot fail.
        write!(condition, " AND (client = ${number} OR provider = ${number})").ok();
    }
    let (rows, next) = store.read(move |tx| select(tx, &condition, &values)).await?;
    let records = rows.iter().map(|row| visible(row, party.as_deref())).collect::<Result<Vec<_>, _>>()?;
    let window_is_open = query.records_to > to;
    let after_window = window_is_open.then_some(to.saturating_add(1).max(query.records_from));
    Ok(OperationalRecords { records, next_records_from: next.or(after_window) })
}

/// The rows, and from which second to go on when there are more than fit. Answers are cut between seconds, so that the next question
/// neither repeats nor misses a record; hence one second is answered whole, however full it is.
fn select(tx: &mut Tx<'_>, condition: &str, values: &[Value]) -> Result<(Vec<Row>, Option<i64>), StoreError> {
    let columns = "SELECT stored_at, side, client, provider, document FROM exchange_operation";
    let sql = format!("{columns} WHERE {condition} ORDER BY stored_at, id LIMIT {}", MAX_RECORDS + 1);
    let mut rows = tx.query(&sql, values)?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok((rows, None)) };
    let (first, last) = (first.int("stored_at")?, last.int("stored_at")?);
    if rows.len() <= MAX_RECORDS as usize {
        return Ok((rows, None));
    }
    if first < last {
        rows.retain(|row| row.int("stored_at").is_ok_and(|at| at < last));
        return Ok((rows, Some(last)));
    }
    let sql = format!("{columns} WHERE {condition} AND stored_at = {last} ORDER BY id");
    Ok((tx.query(&sql, values)?, Some(last.saturating_add(1))))
}

fn visible(row: &Row, party: Option<&str>) -> Result<OperationalRecord, StoreError> {
    let mut record: OperationalRecord = serde_json::from_str(row.get::<&str>("document")?)
        .map_err(|error| StoreError::Type { what: error.to_string() })?;
    let own = if row.int("side")? == 0 { row.opt_text("client")? } else { row.opt_text("provider")? };
    if party.is_some_and(|party| own.as_deref() != Some(party)) {
        record.security_server_internal_ip = None;
    }
    Ok(record)
}

/// Removes records stored more than `days` before `now_micros`; answers how many.
///
/// # Errors
/// When the database fails; what was removed before is gone.
pub async fn remove_before(store: &Store, now_micros: i64, days: u32) -> Result<u64, StoreError> {
    let cutoff = now_micros.div_euclid(MICROS_PER_SECOND).saturating_sub(i64::from(days) * SECONDS_PER_DAY);
    let mut removed = 0;
    loop {
        let batch = store
            .write(move |tx| {
                let sql = "DELETE FROM exchange_operation WHERE id IN
                    (SELECT id FROM exchange_operation WHERE stored_at < $1 ORDER BY stored_at LIMIT $2)";
                tx.exec(sql, &[cutoff.into(), BATCH.into()])
            })
            .await?;
        removed += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(removed);
        }
    }
}
