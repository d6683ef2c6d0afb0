//! How the services of this gateway fare: when each last succeeded and failed, and figures of the last period
//! (`getSecurityServerHealthData`, §2.15). Computed from the operational records of the producer's side.

use std::collections::BTreeMap;

use directory::ClientId;
use serde::Serialize;
use store::{Row, Store, StoreError, Tx, Value};

use super::record::{OperationalRecord, ServerType, ServiceType};

const MICROS_PER_SECOND: i64 = 1_000_000;
/// The period that figures are about, seconds (`statisticsPeriodSeconds`).
pub const STATISTICS_PERIOD_SECONDS: i64 = 600;

/// Minimum, average, maximum and standard deviation of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Smallest.
    pub min: i64,
    /// Mean.
    pub average: f64,
    /// Largest.
    pub max: i64,
    /// Standard deviation of the population.
    pub std_dev: f64,
}

/// Figures of one service over the last period. Spreads are over successful requests; absent when there were none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PeriodStatistics {
    /// `successfulRequestCount`
    pub successful: u64,
    /// `unsuccessfulRequestCount`
    pub unsuccessful: u64,
    /// `requestMinDuration` and its like, milliseconds.
    pub duration: Option<Spread>,
    /// `requestMinSize` and its like, bytes.
    pub request_size: Option<Spread>,
    /// `responseMinSize` and its like, bytes.
    pub response_size: Option<Spread>,
}

/// How one service fares.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceHealth {
    /// The service, `INST:CLASS:CODE:SUBSYSTEM:SERVICE[:VERSION]`.
    pub service: String,
    /// Its kind, as the last record said.
    pub service_type: Option<ServiceType>,
    /// `lastSuccessfulRequestTimestamp`, Unix milliseconds.
    pub last_success: Option<i64>,
    /// `lastUnsuccessfulRequestTimestamp`, Unix milliseconds.
    pub last_failure: Option<i64>,
    /// Figures of the last [`STATISTICS_PERIOD_SECONDS`].
    pub period: PeriodStatistics,
}

/// How the services of `provider` (all, when absent) fare at `now_micros`, in the order of their names.
///
/// # Errors
/// When the database fails.
pub async fn service_health(
    store: &Store,
    now_micros: i64,
    provider: Option<&ClientId>,
) -> Result<Vec<ServiceHealth>, StoreError> {
    let since = now_micros.div_euclid(MICROS_PER_SECOND).saturating_sub(STATISTICS_PERIOD_SECONDS);
    let provider: Option<String> = provider.map(ClientId::colon);
    store
        .read(move |tx| {
            let (condition, mut values) = match &provider {
                Some(provider) => ("provider = $1", vec![Value::from(provider)]),
                None => ("1 = 1", Vec::new()),
            };
            let sql = format!(
                "SELECT service, service_type, last_success, last_failure FROM exchange_service_event
                WHERE {condition} ORDER BY service"
            );
            let mut services = tx.query(&sql, &values)?.iter().map(event).collect::<Result<Vec<_>, _>>()?;
            values.push(since.into());
            let sql = format!(
                "SELECT service, succeeded, COUNT(*) AS requests, {}, {}, {} FROM exchange_operation
                WHERE {condition} AND stored_at > ${} AND side = 1 AND service IS NOT NULL GROUP BY service, succeeded",
                spread_columns("duration"),
                spread_columns("request_size"),
                spread_columns("response_size"),
                values.len()
            );
            let mut periods = BTreeMap::new();
            for row in tx.query(&sql, &values)? {
                add_period(&mut periods, &row)?;
            }
            for service in &mut services {
                service.period = periods.remove(&service.service).unwrap_or_default();
            }
            Ok(services)
        })
        .await
}

/// Averages as floating point: a sum of squares of sizes overflows integers.
fn spread_columns(column: &str) -> String {
    let real = format!("CAST({column} AS DOUBLE PRECISION)");
    format!(
        "MIN({column}) AS {column}_min, AVG({real}) AS {column}_avg, MAX({column}) AS {column}_max,
        AVG({real} * {real}) AS {column}_square"
    )
}

fn event(row: &Row) -> Result<ServiceHealth, StoreError> {
    Ok(ServiceHealth {
        service: row.text("service")?,
        service_type: row.opt_text("service_type")?.as_deref().and_then(type_from_text),
        last_success: row.opt_int("last_success")?,
        last_failure: row.opt_int("last_failure")?,
        period: PeriodStatistics::default(),
    })
}

fn add_period(periods: &mut BTreeMap<String, PeriodStatistics>, row: &Row) -> Result<(), StoreError> {
    let period = periods.entry(row.text("service")?).or_default();
    let requests = row.int("requests")?.unsigned_abs();
    if row.bool("succeeded")? {
        period.successful = requests;
        period.duration = spread(row, "duration")?;
        period.request_size = spread(row, "request_size")?;
        period.response_size = spread(row, "response_size")?;
    } else {
        period.unsuccessful = requests;
    }
    Ok(())
}

fn spread(row: &Row, column: &str) -> Result<Option<Spread>, StoreError> {
    let name = |suffix: &str| format!("{column}_{suffix}");
    let (min, max) = (row.opt_int(name("min").as_str())?, row.opt_int(name("max").as_str())?);
    let (average, square) = (row.opt_float(name("avg").as_str())?, row.opt_float(name("square").as_str())?);
    let (Some(min), Some(max), Some(average), Some(square)) = (min, max, average, square) else { return Ok(None) };
    // Rounding may leave a tiny negative variance when all values are equal.
    let std_dev = (square - average * average).max(0.0).sqrt();
    Ok(Some(Spread { min, average, max, std_dev }))
}

/// Notes the last success and failure of each service in `records`.
pub(super) fn note_events(tx: &mut Tx<'_>, records: &[OperationalRecord], stored_at: i64) -> Result<(), StoreError> {
    let mut latest: BTreeMap<(String, bool), (i64, &OperationalRecord)> = BTreeMap::new();
    for record in records.iter().filter(|record| record.security_server_type == ServerType::Producer) {
        let Some(service) = record.service() else { continue };
        let at = record.request_in_ts.unwrap_or(stored_at * 1000);
        let last = latest.entry((service, record.succeeded)).or_insert((at, record));
        if at >= last.0 {
            *last = (at, record);
        }
    }
    for ((service, succeeded), (at, record)) in latest {
        let column = if succeeded { "last_success" } else { "last_failure" };
        let sql = format!(
            "INSERT INTO exchange_service_event (service, provider, service_type, {column}) VALUES ($1, $2, $3, $4)
            ON CONFLICT (service) DO UPDATE SET service_type = COALESCE(excluded.service_type, exchange_service_event.service_type),
                {column} = excluded.{column}"
        );
        let values: [Value; 4] = [
            service.into(),
            record.provider().unwrap_or_default().into(),
            record.service_type.map(type_text).into(),
            at.into(),
        ];
        tx.exec(&sql, &values)?;
    }
    Ok(())
}

fn type_text(kind: ServiceType) -> &'static str {
    match kind {
        ServiceType::Wsdl => "WSDL",
        ServiceType::Rest => "REST",
        ServiceType::OpenApi3 => "OPENAPI3",
    }
}

fn type_from_text(text: &str) -> Option<ServiceType> {
    [ServiceType::Wsdl, ServiceType::Rest, ServiceType::OpenApi3].into_iter().find(|kind| type_text(*kind) == text)
}
