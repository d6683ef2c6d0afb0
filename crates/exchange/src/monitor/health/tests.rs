//! Health: what a load balancer sees, what an operator sees, and how often the parts are asked.

use std::sync::atomic::AtomicUsize;

use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};

use super::*;

fn subject(name: &'static str, severity: Severity) -> Subject {
    Subject {
        name,
        severity,
        title: Text::new("Cơ sở dữ liệu trả lời", "The database answers"),
        remedy: Text::new("Khởi động lại cơ sở dữ liệu.", "Restart the database."),
    }
}

async fn answer(health: &Health) -> (u16, String) {
    let response = health.probe().await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// A check whose answer the test decides, and the number of times it was asked.
fn switch(severity: Severity) -> (Health, Clock, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let clock = Clock::manual(Timestamp::UNIX_EPOCH);
    let (good, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (state, count) = (good.clone(), asked.clone());
    let run = move || {
        count.fetch_add(1, Ordering::SeqCst);
        let good = state.load(Ordering::SeqCst);
        async move { if good { Ok(()) } else { Err("<no> connection".to_owned()) } }
    };
    let health = HealthBuilder::new(clock.clone()).check(subject("database", severity), run).build();
    (health, clock, good, asked)
}

#[tokio::test]
async fn a_working_gateway_answers_with_nothing() {
    let (health, ..) = switch(Severity::Fatal);
    assert_eq!(answer(&health).await, (200, String::new()));
    assert_eq!(health.report().await.to_json()["status"], "ok");
}

#[tokio::test]
async fn a_broken_part_is_named_with_the_reason() {
    let (health, _, good, _) = switch(Severity::Fatal);
    good.store(false, Ordering::SeqCst);
    assert_eq!(answer(&health).await, (500, "database: <no> connection".to_owned()));
    let report = health.report().await;
    assert_eq!(report.to_json()["status"], "down");
    for (lang, remedy) in [(Lang::Vi, "Khởi động lại cơ sở dữ liệu."), (Lang::En, "Restart the database.")]
    {
        let page = report.to_html(lang);
        assert!(page.contains(remedy) && page.contains("&lt;no&gt; connection") && !page.contains("<no>"), "{page}");
    }
}

#[tokio::test]
async fn a_warning_is_shown_but_does_not_take_the_gateway_out() {
    let (health, _, good, _) = switch(Severity::Warning);
    good.store(false, Ordering::SeqCst);
    assert_eq!(answer(&health).await.0, 200);
    assert_eq!(health.report().await.to_json()["status"], "degraded");
    assert!(!health.report().await.is_green());
}

#[tokio::test]
async fn maintenance_is_answered_as_such_and_ends() {
    let (health, ..) = switch(Severity::Fatal);
    assert!(!health.set_maintenance(true));
    assert_eq!(answer(&health).await, (503, "Health check interface is in maintenance mode.".to_owned()));
    assert!(health.set_maintenance(false));
    assert_eq!(answer(&health).await.0, 200);
}

#[tokio::test]
async fn good_answers_are_kept_two_seconds_and_bad_ones_thirty() {
    let (health, clock, good, asked) = switch(Severity::Fatal);
    let asked_after = async |seconds| {
        clock.advance(SignedDuration::from_secs(seconds));
        health.report().await;
        asked.load(Ordering::SeqCst)
    };
    assert_eq!(asked_after(0).await, 1);
    assert_eq!(asked_after(1).await, 1);
    assert_eq!(asked_after(1).await, 2);
    good.store(false, Ordering::SeqCst);
    assert_eq!(asked_after(2).await, 3);
    assert_eq!(asked_after(29).await, 3, "still the bad answer");
    good.store(true, Ordering::SeqCst);
    assert_eq!(asked_after(1).await, 4);
    assert_eq!(answer(&health).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_hangs_is_a_part_that_fails() {
    let health = HealthBuilder::new(Clock::system())
        .check(subject("signer", Severity::Fatal), std::future::pending::<Result<(), String>>)
        .build();
    assert_eq!(answer(&health).await, (500, "signer: no answer within 5 seconds".to_owned()));
}

#[tokio::test]
async fn the_probe_answers_on_any_path_and_operators_get_page_and_data() {
    use tower::ServiceExt as _;
    let (health, _, good, _) = switch(Severity::Fatal);
    good.store(false, Ordering::SeqCst);
    let ask = async |router: Router, path: &str, lang: &str| {
        let request = http::Request::get(path).header("accept-language", lang).body(axum::body::Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    for path in ["/", "/any/path"] {
        assert_eq!(ask(health.probe_router(), path, "vi").await, (500, "database: <no> connection".to_owned()));
    }
    let (status, page) = ask(health.operator_router(), "/health", "en").await;
    assert!(status == 200 && page.contains("<html lang=\"en\">") && page.contains("Restart the database."));
    let (_, data) = ask(health.operator_router(), "/health.json", "vi").await;
    let data: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(
        (data["status"].as_str(), data["checks"][0]["remedy"]["vi"].as_str()),
        (Some("down"), Some("Khởi động lại cơ sở dữ liệu."))
    );
}
