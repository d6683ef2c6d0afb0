//! The business-registration service of the demo: invented firms in a database of their own. Their codes begin with 99, which no tax
//! office gives.

use std::net::SocketAddr;
use std::path::Path;

use axum::extract::{Path as InPath, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use store::{Migration, Row, Store, StoreError, Tx};

use super::people::{failed, problem};
use super::service::RunningService;

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "firm",
    sql: "CREATE TABLE firm (code TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, capital BIGINT NOT NULL)",
}];
/// How many firms there are.
const FIRMS: usize = 200;
const TRADES: [&str; 5] = ["Xây dựng", "Thương mại", "Công nghệ", "Nông sản", "Vận tải"];
const NAMES: [&str; 8] = ["Sao Mai", "Hồng Hà", "Trường Sơn", "Cửu Long", "Bạch Đằng", "Lam Kinh", "Tây Hồ", "Phú Quý"];

#[derive(Debug, Serialize)]
struct Firm {
    code: String,
    name: String,
    status: String,
    charter_capital_vnd: i64,
}

/// Opens the database, fills it the first time, and serves it.
///
/// # Errors
/// When database or address cannot be used.
pub async fn start(database: &Path, address: SocketAddr) -> anyhow::Result<RunningService> {
    let store = Store::open(&format!("sqlite:{}", database.display())).await?;
    store.migrate("business", MIGRATIONS).await?;
    store.write(fill).await?;
    let router = Router::new()
        .route("/firms/{code}", get(lookup))
        .route("/statistics", get(statistics))
        .route("/openapi.json", get(move || async move { Json(description(address)) }))
        .with_state(store.clone());
    RunningService::start(address, router, store).await
}

/// The code of the `index`-th firm.
#[must_use]
pub fn code(index: usize) -> String {
    format!("99{:08}", index + 1)
}

fn fill(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let count = tx.query_one("SELECT COUNT(*) FROM firm", &[])?.map_or(Ok(0), |row| row.int(0))?;
    if count > 0 {
        return Ok(());
    }
    for index in 0..FIRMS {
        let pick =
            |words: &[&'static str], step: usize| words.get(index / step % words.len()).copied().unwrap_or_default();
        let name = format!("Công ty TNHH {} {} {}", pick(&TRADES, 1), pick(&NAMES, 5), index + 1);
        let status = if index % 17 == 16 { "đã giải thể" } else { "đang hoạt động" };
        let capital = i64::try_from(index).unwrap_or(0) * 250_000_000 + 1_000_000_000;
        tx.exec(
            "INSERT INTO firm (code, name, status, capital) VALUES ($1, $2, $3, $4)",
            &[code(index).into(), name.into(), status.into(), capital.into()],
        )?;
    }
    Ok(())
}

fn firm(row: &Row) -> Result<Firm, StoreError> {
    Ok(Firm {
        code: row.text("code")?,
        name: row.text("name")?,
        status: row.text("status")?,
        charter_capital_vnd: row.int("capital")?,
    })
}

async fn lookup(State(store): State<Store>, InPath(code): InPath<String>) -> Response {
    let sql = "SELECT * FROM firm WHERE code = $1";
    let found =
        store.read(move |tx: &mut Tx<'_>| tx.query_one(sql, &[code.as_str().into()])?.as_ref().map(firm).transpose());
    match found.await {
        Ok(Some(firm)) => Json(firm).into_response(),
        Ok(None) => problem(StatusCode::NOT_FOUND, "không có doanh nghiệp này"),
        Err(error) => failed(&error),
    }
}

/// Figures that not every agency may see: the demo grants nobody a right on them.
async fn statistics(State(store): State<Store>) -> Response {
    let sql = "SELECT COUNT(*) AS firms, COALESCE(SUM(capital), 0) AS capital FROM firm";
    match store.read(move |tx: &mut Tx<'_>| tx.query_one(sql, &[])).await {
        Ok(Some(row)) => {
            Json(json!({ "firms": row.int("firms").unwrap_or(0), "capital": row.int("capital").unwrap_or(0) }))
                .into_response()
        }
        Ok(None) => problem(StatusCode::NOT_FOUND, "–"),
        Err(error) => failed(&error),
    }
}

fn description(address: SocketAddr) -> serde_json::Value {
    let ok = json!({ "200": { "description": "OK" } });
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Đăng ký doanh nghiệp (dữ liệu hư cấu)", "version": "1.0.0" },
        "servers": [{ "url": format!("http://{address}") }],
        "paths": {
            "/firms/{code}": { "get": {
                "summary": "Tra cứu theo mã số doanh nghiệp",
                "parameters": [{ "name": "code", "in": "path", "required": true, "schema": { "type": "string" } }],
                "responses": ok,
            } },
            "/statistics": { "get": { "summary": "Số liệu tổng hợp", "responses": ok } },
        },
    })
}
