//! Whether the gateway works (exchange-protocol §2.17): named checks, run on demand, for load balancers and for people.
//!
//! A check really does what the data path needs done (use the key, reach the database) instead of asking whether it was done once: green
//! means it works. Each has five seconds; a good answer is kept two seconds and a bad one thirty, so that probing costs little and a
//! broken part is not beaten while it is down.

mod page;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures_util::future::{BoxFuture, join_all};
use http::{HeaderMap, StatusCode, header};
use kit::{Clock, Lang, Text};
use serde_json::{Value, json};

/// How long one check may take.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a good answer is kept, microseconds.
const KEEP_GOOD_MICROS: i64 = 2_000_000;
/// How long a bad answer is kept, microseconds.
const KEEP_BAD_MICROS: i64 = 30_000_000;
/// The answer during maintenance; load balancers' scripts look for it.
const MAINTENANCE: &str = "Health check interface is in maintenance mode.";

/// What a failing check means for the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It cannot carry messages: the probe fails.
    Fatal,
    /// It still carries messages, but somebody has to act: the probe stays good, the page shows it.
    Warning,
}

/// What is checked, in words for people.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Stable short name, e.g. `database`.
    pub name: &'static str,
    /// What a failure means for the gateway.
    pub severity: Severity,
    /// What works when the check is good.
    pub title: Text,
    /// What to do when it is not.
    pub remedy: Text,
}

type Run = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

struct Check {
    subject: Subject,
    run: Run,
    /// Held while the check runs, so that many probes share one run.
    last: tokio::sync::Mutex<Option<Kept>>,
}

#[derive(Clone)]
struct Kept {
    at: i64,
    result: Result<(), String>,
}

impl Kept {
    fn is_fresh(&self, now: i64) -> bool {
        let keep = if self.result.is_ok() { KEEP_GOOD_MICROS } else { KEEP_BAD_MICROS };
        (0..keep).contains(&now.saturating_sub(self.at))
    }
}

/// The checks of one gateway, collected at start-up.
pub struct HealthBuilder {
    clock: Clock,
    checks: Vec<Check>,
}

/// The health of one gateway. Cheap to clone.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    clock: Clock,
    checks: Vec<Check>,
    maintenance: AtomicBool,
}

/// How one check stands.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was checked.
    pub subject: Subject,
    /// What is wrong, when something is.
    pub fault: Option<String>,
    /// When it was found out, microseconds since the Unix epoch.
    pub checked_at: i64,
}

/// How the gateway stands.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether it was taken out of service on purpose.
    pub maintenance: bool,
    /// Each check, in the order of registration.
    pub findings: Vec<Finding>,
}

impl HealthBuilder {
    /// No checks yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, checks: Vec::new() }
    }

    /// Adds a check: `run` answers with what is wrong, in plain words without secrets.
    #[must_use]
    pub fn check<F>(mut self, subject: Subject, run: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let run: Run = Box::new(move || Box::pin(run()));
        self.checks.push(Check { subject, run, last: tokio::sync::Mutex::new(None) });
        self
    }

    /// Ready to be asked.
    #[must_use]
    pub fn build(self) -> Health {
        Health(Arc::new(Inner { clock: self.clock, checks: self.checks, maintenance: AtomicBool::new(false) }))
    }
}

impl Health {
    /// Takes the gateway out of its load balancer, or puts it back; returns what it was before.
    pub fn set_maintenance(&self, maintenance: bool) -> bool {
        self.0.maintenance.swap(maintenance, Ordering::Relaxed)
    }

    /// Whether it was taken out of service on purpose.
    #[must_use]
    pub fn in_maintenance(&self) -> bool {
        self.0.maintenance.load(Ordering::Relaxed)
    }

    /// Runs all checks side by side, as far as their last answer is too old.
    pub async fn report(&self) -> Report {
        let findings = join_all(self.0.checks.iter().map(|check| self.ask(check))).await;
        Report { maintenance: self.in_maintenance(), findings }
    }

    async fn ask(&self, check: &Check) -> Finding {
        let mut last = check.last.lock().await;
        let kept = match last.as_ref().filter(|kept| kept.is_fresh(self.0.clock.now_micros())) {
            Some(kept) => kept.clone(),
            None => {
                let result = match tokio::time::timeout(CHECK_TIMEOUT, (check.run)()).await {
                    Ok(result) => result,
                    Err(_) => Err(format!("no answer within {} seconds", CHECK_TIMEOUT.as_secs())),
                };
                if let Err(reason) = &result {
                    tracing::warn!(check = check.subject.name, reason, "health check failed");
                }
                last.insert(Kept { at: self.0.clock.now_micros(), result }).clone()
            }
        };
        Finding { subject: check.subject, fault: kept.result.err(), checked_at: kept.at }
    }

    /// The answer to a load balancer: 200 and nothing, 500 and the reasons, or 503 during maintenance.
    pub async fn probe(&self) -> Response {
        if self.in_maintenance() {
            return (StatusCode::SERVICE_UNAVAILABLE, MAINTENANCE).into_response();
        }
        let reasons = self.report().await.fatal_reasons();
        if reasons.is_empty() {
            StatusCode::OK.into_response()
        } else {
            (StatusCode::INTERNAL_SERVER_ERROR, reasons.join("\n")).into_response()
        }
    }

    /// The health port: `GET` on any path is the probe.
    pub fn probe_router(&self) -> Router {
        let probe = get(|State(health): State<Self>| async move { health.probe().await });
        Router::new().route("/", probe.clone()).route("/{*path}", probe).with_state(self.clone())
    }

    /// The operator's view: `/health` as a page, `/health.json` as data. To be mounted where only operators come.
    pub fn operator_router(&self) -> Router {
        let page = get(|State(health): State<Self>, headers: HeaderMap| async move {
            let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
            let lang = accepted.map_or(Lang::Vi, Lang::from_accept_language);
            Html(health.report().await.to_html(lang))
        });
        let data = get(|State(health): State<Self>| async move { axum::Json(health.report().await.to_json()) });
        Router::new().route("/health", page).route("/health.json", data).with_state(self.clone())
    }
}

impl Report {
    /// Whether messages are carried and nobody has to act.
    #[must_use]
    pub fn is_green(&self) -> bool {
        !self.maintenance && self.findings.iter().all(|finding| finding.fault.is_none())
    }

    /// Why messages cannot be carried; empty when they can.
    #[must_use]
    pub fn fatal_reasons(&self) -> Vec<String> {
        self.findings
            .iter()
            .filter(|finding| finding.subject.severity == Severity::Fatal)
            .filter_map(|finding| Some(format!("{}: {}", finding.subject.name, finding.fault.as_ref()?)))
            .collect()
    }

    /// The report as data, texts in both languages.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let checks: Vec<Value> = self.findings.iter().map(Finding::to_json).collect();
        let status = match (self.maintenance, self.is_green(), self.fatal_reasons().is_empty()) {
            (true, ..) => "maintenance",
            (_, true, _) => "ok",
            (.., true) => "degraded",
            _ => "down",
        };
        json!({ "status": status, "checks": checks })
    }

    /// The report as a page without scripts.
    #[must_use]
    pub fn to_html(&self, lang: Lang) -> String {
        page::render(self, lang)
    }
}

impl Finding {
    fn to_json(&self) -> Value {
        let mut check = json!({
            "name": self.subject.name,
            "ok": self.fault.is_none(),
            "fatal": self.subject.severity == Severity::Fatal,
            "title": { "vi": self.subject.title.vi, "en": self.subject.title.en },
            "checked_at": jiff::Timestamp::from_microsecond(self.checked_at).unwrap_or_default().to_string(),
        });
        if let Some(fault) = &self.fault {
            check["reason"] = fault.as_str().into();
            check["remedy"] = json!({ "vi": self.subject.remedy.vi, "en": self.subject.remedy.en });
        }
        check
    }
}

#[cfg(test)]
mod tests;
