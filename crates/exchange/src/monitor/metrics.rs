//! Figures for Prometheus: atomic counters that the data path touches without locks, written out as text on request.
//!
//! Labels come from small enums alone, so the number of series is fixed however many clients and services there are; who called what is
//! in the operational records, not here.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::log::{Direction, Role};

/// Content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The service answered and the answer reached the caller, whatever its status.
    Answered,
    /// The caller's message was refused: malformed, not allowed, unknown.
    Refused,
    /// The exchange failed: network, signature, log, service out of reach.
    Failed,
}

/// A part of the way of a message whose duration is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the first byte to the last.
    Total,
    /// Deciding: configuration, authentication, rights.
    Decide,
    /// Waiting for and making a signature.
    Sign,
    /// Verifying signature and certificate of the other side.
    Verify,
    /// Waiting until the log has the message on disk.
    Log,
    /// The other gateway (consumer side) or the service (producer side).
    Upstream,
}

/// Where a connection comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// From information systems.
    InformationSystem,
    /// From other gateways.
    PeerIn,
    /// To other gateways.
    PeerOut,
    /// To services.
    Service,
}

/// Something that must happen again and again; its age tells when it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A time stamp was received.
    TimeStamp,
    /// An OCSP answer was received.
    Ocsp,
    /// The global configuration was downloaded and verified.
    GlobalConf,
}

/// Gives a small enum its place in an array and its label.
trait Label: Copy + Sized + 'static {
    const ALL: &'static [(Self, &'static str)];
    fn index(self) -> usize;
}

macro_rules! label {
    ($type:ty: $($variant:ident = $text:literal),+) => {
        impl Label for $type {
            const ALL: &'static [(Self, &'static str)] = &[$((<$type>::$variant, $text)),+];
            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label!(Role: Consumer = "consumer", Producer = "producer");
label!(Direction: Request = "request", Response = "response");
label!(Outcome: Answered = "answered", Refused = "refused", Failed = "failed");
label!(Stage: Total = "total", Decide = "decide", Sign = "sign", Verify = "verify", Log = "log", Upstream = "upstream");
label!(Side: InformationSystem = "information_system", PeerIn = "peer_in", PeerOut = "peer_out", Service = "service");
label!(Freshness: TimeStamp = "timestamp", Ocsp = "ocsp", GlobalConf = "globalconf");

/// Upper bounds of the latency buckets, in microseconds: from half a millisecond to a minute.
const LATENCY_MICROS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 20_000_000,
    60_000_000,
];
/// Upper bounds of the batch size buckets, in messages.
const BATCH_MESSAGES: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// Counts of values up to each bound, one more for the rest, and their sum.
#[derive(Debug)]
struct Histogram<const N: usize> {
    buckets: [AtomicU64; N],
    rest: AtomicU64,
    sum: AtomicU64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| AtomicU64::new(0)), rest: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }
}

impl<const N: usize> Histogram<N> {
    fn observe(&self, bounds: &[u64; N], value: u64) {
        let at = bounds.partition_point(|bound| *bound < value);
        self.buckets.get(at).unwrap_or(&self.rest).fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Writes the cumulative buckets; `unit` is how many of the counted make one of the written (1,000,000 for seconds).
    fn write(&self, out: &mut String, bounds: &[u64; N], (name, labels, unit): (&str, &str, u64)) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut total = 0;
        for (bucket, bound) in self.buckets.iter().zip(bounds) {
            total += bucket.load(Ordering::Relaxed);
            let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{}\"}} {total}", decimal(*bound, unit));
        }
        total += self.rest.load(Ordering::Relaxed);
        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {total}");
        let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(out, "{name}_sum{braces} {}", decimal(self.sum.load(Ordering::Relaxed), unit));
        let _ = writeln!(out, "{name}_count{braces} {total}");
    }
}

/// `value / unit` as a decimal text, exactly; `unit` is a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, part) = (value / unit, value % unit);
    if part == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{part:0width$}").trim_end_matches('0').to_owned()
}

/// The figures of one gateway. Share it in an `Arc`; all methods take `&self` and never block.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: [[AtomicU64; 3]; 2],
    stages: [[Histogram<14>; 6]; 2],
    bytes: [[AtomicU64; 2]; 2],
    batches: Histogram<9>,
    connections: [AtomicI64; 4],
    connections_refused: AtomicU64,
    /// Microseconds since the Unix epoch; 0 when it never happened.
    last_success: [AtomicI64; 3],
    log_unstamped: AtomicU64,
    log_unwritten: AtomicU64,
}

impl Metrics {
    /// Counts one exchange that ended.
    pub fn request(&self, role: Role, outcome: Outcome) {
        add(cell(&self.requests, role).and_then(|row| cell(row, outcome)), 1);
    }

    /// Notes how long a stage took.
    pub fn stage(&self, role: Role, stage: Stage, took: Duration) {
        if let Some(histogram) = cell(&self.stages, role).and_then(|row| cell(row, stage)) {
            histogram.observe(&LATENCY_MICROS, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Counts body bytes carried.
    pub fn bytes(&self, role: Role, direction: Direction, count: u64) {
        add(cell(&self.bytes, role).and_then(|row| cell(row, direction)), count);
    }

    /// Notes how many messages one signature covered.
    pub fn batch(&self, messages: usize) {
        self.batches.observe(&BATCH_MESSAGES, messages as u64);
    }

    /// Counts a connection for as long as the guard lives.
    #[must_use = "the connection is counted while the guard lives"]
    pub fn connection(self: &Arc<Self>, side: Side) -> ConnectionGuard {
        if let Some(open) = cell(&self.connections, side) {
            open.fetch_add(1, Ordering::Relaxed);
        }
        ConnectionGuard { metrics: self.clone(), side }
    }

    /// Open connections of one side.
    #[must_use]
    pub fn connections(&self, side: Side) -> i64 {
        cell(&self.connections, side).map_or(0, |open| open.load(Ordering::Relaxed))
    }

    /// Counts a connection that was turned away because there are too many.
    pub fn connection_refused(&self) {
        add(Some(&self.connections_refused), 1);
    }

    /// Notes that something that must happen again and again happened at `now_micros` (since the Unix epoch).
    pub fn succeeded(&self, what: Freshness, now_micros: i64) {
        if let Some(last) = cell(&self.last_success, what) {
            last.fetch_max(now_micros, Ordering::Relaxed);
        }
    }

    /// Microseconds since `what` last happened; `None` when it never did.
    #[must_use]
    pub fn age_micros(&self, what: Freshness, now_micros: i64) -> Option<i64> {
        let last = cell(&self.last_success, what)?.load(Ordering::Relaxed);
        (last != 0).then(|| now_micros.saturating_sub(last).max(0))
    }

    /// Sets how far the message log is behind: records not yet on disk, and records not yet time-stamped.
    pub fn log_lag(&self, unwritten: u64, unstamped: u64) {
        self.log_unwritten.store(unwritten, Ordering::Relaxed);
        self.log_unstamped.store(unstamped, Ordering::Relaxed);
    }

    /// The text exposition format of Prometheus, version 0.0.4.
    #[must_use]
    pub fn render(&self, now_micros: i64) -> String {
        let mut out = String::with_capacity(24 * 1024);
        self.render_exchanges(&mut out);
        self.render_gauges(&mut out, now_micros);
        out
    }

    fn render_exchanges(&self, out: &mut String) {
        head(out, "lienthong_exchange_requests_total", "counter", "Exchanges by side and outcome.");
        for ((role, outcome), count) in table(&self.requests) {
            let _ = writeln!(
                out,
                "lienthong_exchange_requests_total{{role=\"{role}\",outcome=\"{outcome}\"}} {}",
                count.load(Ordering::Relaxed)
            );
        }
        head(out, "lienthong_exchange_stage_seconds", "histogram", "Duration of the stages of an exchange.");
        for ((role, stage), histogram) in stages(&self.stages) {
            let labels = format!("role=\"{role}\",stage=\"{stage}\"");
            histogram.write(out, &LATENCY_MICROS, ("lienthong_exchange_stage_seconds", &labels, 1_000_000));
        }
        head(out, "lienthong_exchange_body_bytes_total", "counter", "Body bytes carried.");
        for (role, role_name) in Role::ALL {
            for (direction, name) in Direction::ALL {
                let count = cell(&self.bytes, *role).and_then(|row| cell(row, *direction)).map_or(0, load);
                let _ = writeln!(
                    out,
                    "lienthong_exchange_body_bytes_total{{role=\"{role_name}\",direction=\"{name}\"}} {count}"
                );
            }
        }
        head(out, "lienthong_exchange_batch_messages", "histogram", "Messages covered by one signature.");
        self.batches.write(out, &BATCH_MESSAGES, ("lienthong_exchange_batch_messages", "", 1));
    }

    fn render_gauges(&self, out: &mut String, now_micros: i64) {
        head(out, "lienthong_exchange_connections", "gauge", "Open connections.");
        for (side, name) in Side::ALL {
            let _ = writeln!(out, "lienthong_exchange_connections{{side=\"{name}\"}} {}", self.connections(*side));
        }
        head(out, "lienthong_exchange_connections_refused_total", "counter", "Connections turned away.");
        let _ = writeln!(out, "lienthong_exchange_connections_refused_total {}", load(&self.connections_refused));
        head(
            out,
            "lienthong_exchange_age_seconds",
            "gauge",
            "Seconds since it last succeeded; absent before the first time.",
        );
        for (what, name) in Freshness::ALL {
            if let Some(age) = self.age_micros(*what, now_micros) {
                let age = decimal(u64::try_from(age).unwrap_or(0), 1_000_000);
                let _ = writeln!(out, "lienthong_exchange_age_seconds{{of=\"{name}\"}} {age}");
            }
        }
        head(out, "lienthong_exchange_log_lag_records", "gauge", "Log records that still wait.");
        let _ = writeln!(out, "lienthong_exchange_log_lag_records{{for=\"disk\"}} {}", load(&self.log_unwritten));
        let _ = writeln!(out, "lienthong_exchange_log_lag_records{{for=\"timestamp\"}} {}", load(&self.log_unstamped));
    }
}

/// Counts a connection while it lives.
#[derive(Debug)]
pub struct ConnectionGuard {
    metrics: Arc<Metrics>,
    side: Side,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        if let Some(open) = cell(&self.metrics.connections, self.side) {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn cell<T, L: Label>(cells: &[T], label: L) -> Option<&T> {
    cells.get(label.index())
}

fn add(counter: Option<&AtomicU64>, count: u64) {
    if let Some(counter) = counter {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

type Named<'a, T> = ((&'static str, &'static str), &'a T);

fn table<const M: usize>(rows: &[[AtomicU64; M]; 2]) -> impl Iterator<Item = Named<'_, AtomicU64>> {
    named::<Role, Outcome, _, M>(rows)
}

fn stages<const M: usize>(rows: &[[Histogram<14>; M]; 2]) -> impl Iterator<Item = Named<'_, Histogram<14>>> {
    named::<Role, Stage, _, M>(rows)
}

/// The cells of a table with the names of their row and column.
fn named<R: Label, C: Label, T, const M: usize>(rows: &[[T; M]; 2]) -> impl Iterator<Item = Named<'_, T>> {
    rows.iter().zip(R::ALL).flat_map(|(row, (_, row_name))| {
        row.iter().zip(C::ALL).map(move |(value, (_, name))| ((*row_name, *name), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(text: &'a str, start: &str) -> &'a str {
        text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no line {start} in\n{text}"))
    }

    #[test]
    fn what_was_counted_is_written() {
        let metrics = Arc::new(Metrics::default());
        metrics.request(Role::Producer, Outcome::Refused);
        metrics.bytes(Role::Consumer, Direction::Response, 70);
        metrics.batch(3);
        metrics.log_lag(2, 9);
        metrics.succeeded(Freshness::Ocsp, 5_000_000);
        metrics.succeeded(Freshness::Ocsp, 4_000_000);
        let guard = metrics.connection(Side::PeerIn);
        let text = metrics.render(6_500_000);
        for expected in [
            "lienthong_exchange_requests_total{role=\"producer\",outcome=\"refused\"} 1",
            "lienthong_exchange_requests_total{role=\"consumer\",outcome=\"refused\"} 0",
            "lienthong_exchange_body_bytes_total{role=\"consumer\",direction=\"response\"} 70",
            "lienthong_exchange_batch_messages_bucket{le=\"2\"} 0",
            "lienthong_exchange_batch_messages_bucket{le=\"4\"} 1",
            "lienthong_exchange_batch_messages_sum 3",
            "lienthong_exchange_connections{side=\"peer_in\"} 1",
            "lienthong_exchange_age_seconds{of=\"ocsp\"} 1.5",
            "lienthong_exchange_log_lag_records{for=\"timestamp\"} 9",
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected} in\n{text}");
        }
        assert!(!text.contains("of=\"globalconf\""), "never happened: no age");
        drop(guard);
        assert_eq!(metrics.connections(Side::PeerIn), 0);
    }

    #[test]
    fn histogram_buckets_are_cumulative_and_end_with_everything() {
        let metrics = Metrics::default();
        for millis in [0, 1, 7, 90_000] {
            metrics.stage(Role::Consumer, Stage::Sign, Duration::from_millis(millis));
        }
        let text = metrics.render(0);
        let series = "lienthong_exchange_stage_seconds";
        let bucket =
            |le: &str| line(&text, &format!("{series}_bucket{{role=\"consumer\",stage=\"sign\",le=\"{le}\"}}"));
        assert!(bucket("0.0005").ends_with(" 1"));
        assert!(bucket("0.001").ends_with(" 2"), "a value on the bound is below it");
        assert!(bucket("0.01").ends_with(" 3"));
        assert!(bucket("60").ends_with(" 3"));
        assert!(bucket("+Inf").ends_with(" 4"));
        assert!(line(&text, &format!("{series}_sum{{role=\"consumer\",stage=\"sign\"}}")).ends_with(" 90.008"));
        assert!(line(&text, &format!("{series}_count{{role=\"consumer\",stage=\"sign\"}}")).ends_with(" 4"));
    }

    #[test]
    fn every_series_is_announced_once() {
        let text = Metrics::default().render(0);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            let base = name.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
            assert_eq!(text.matches(&format!("# TYPE {base} ")).count(), 1, "{line}");
        }
    }
}
