//! The population service of the demo: invented people in a database of their own. No number here can be a real one: the first three
//! digits, the place of birth registration, are 099, which no province has.

use std::net::SocketAddr;
use std::path::Path;

use axum::extract::{Path as InPath, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Migration, Row, Store, StoreError, Tx};

use super::service::{RunningService, folded};

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "person",
    sql: "CREATE TABLE person (number TEXT PRIMARY KEY, name TEXT NOT NULL, folded TEXT NOT NULL, born TEXT NOT NULL, \
          sex TEXT NOT NULL, residence TEXT NOT NULL)",
}];
/// How many people live there.
const PEOPLE: usize = 600;
const FAMILY: [&str; 10] = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Ngô"];
/// Middle and given names of men, then of women.
const MIDDLE: [[&str; 3]; 2] = [["Văn", "Minh", "Quốc"], ["Thị", "Thu", "Ngọc"]];
const GIVEN: [[&str; 7]; 2] =
    [["An", "Bình", "Dũng", "Hùng", "Nam", "Phúc", "Quân"], ["Chi", "Giang", "Hà", "Lan", "Linh", "Mai", "Thảo"]];
const PLACES: [&str; 4] = [
    "phường Hoàn Kiếm, thành phố Hà Nội",
    "phường Hải Châu, thành phố Đà Nẵng",
    "phường Sài Gòn, Thành phố Hồ Chí Minh",
    "xã Mường Lát, tỉnh Thanh Hóa",
];

#[derive(Debug, Serialize)]
struct Person {
    personal_number: String,
    full_name: String,
    date_of_birth: String,
    sex: String,
    residence: String,
}

#[derive(Debug, Deserialize)]
struct Search {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Confirm {
    personal_number: String,
    full_name: String,
}

/// Opens the database, fills it the first time, and serves it.
///
/// # Errors
/// When database or address cannot be used.
pub async fn start(database: &Path, address: SocketAddr) -> anyhow::Result<RunningService> {
    let store = Store::open(&format!("sqlite:{}", database.display())).await?;
    store.migrate("population", MIGRATIONS).await?;
    store.write(fill).await?;
    let router = Router::new()
        .route("/people", get(search))
        .route("/people/{number}", get(lookup))
        .route("/confirmations", post(confirm))
        .route("/openapi.json", get(move || async move { Json(description(address)) }))
        .with_state(store.clone());
    RunningService::start(address, router, store).await
}

/// The personal number of the `index`-th person.
#[must_use]
pub fn number(index: usize) -> String {
    let (year, sex) = (born(index).0, index % 2);
    let century = if year < 2000 { sex } else { sex + 2 };
    format!("099{century}{:02}{:06}", year % 100, index + 1)
}

fn born(index: usize) -> (usize, usize, usize) {
    (1950 + (index * 7) % 70, 1 + (index * 5) % 12, 1 + (index * 11) % 28)
}

fn fill(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let count = tx.query_one("SELECT COUNT(*) FROM person", &[])?.map_or(Ok(0), |row| row.int(0))?;
    if count > 0 {
        return Ok(());
    }
    for index in 0..PEOPLE {
        let pick =
            |words: &[&'static str], step: usize| words.get(index / step % words.len()).copied().unwrap_or_default();
        let name = format!("{} {} {}", pick(&FAMILY, 1), pick(&MIDDLE[index % 2], 10), pick(&GIVEN[index % 2], 3));
        let (year, month, day) = born(index);
        let sex = if index % 2 == 0 { "nam" } else { "nữ" };
        tx.exec(
            "INSERT INTO person (number, name, folded, born, sex, residence) VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                number(index).into(),
                name.as_str().into(),
                folded(&name).into(),
                format!("{year}-{month:02}-{day:02}").into(),
                sex.into(),
                pick(&PLACES, 1).into(),
            ],
        )?;
    }
    Ok(())
}

fn person(row: &Row) -> Result<Person, StoreError> {
    Ok(Person {
        personal_number: row.text("number")?,
        full_name: row.text("name")?,
        date_of_birth: row.text("born")?,
        sex: row.text("sex")?,
        residence: row.text("residence")?,
    })
}

async fn find(store: &Store, number: String) -> Result<Option<Person>, StoreError> {
    let sql = "SELECT * FROM person WHERE number = $1";
    store
        .read(move |tx: &mut Tx<'_>| tx.query_one(sql, &[number.as_str().into()])?.as_ref().map(person).transpose())
        .await
}

async fn lookup(State(store): State<Store>, InPath(number): InPath<String>) -> Response {
    if number.len() != 12 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return problem(StatusCode::BAD_REQUEST, "số định danh cá nhân có 12 chữ số");
    }
    match find(&store, number).await {
        Ok(Some(person)) => Json(person).into_response(),
        Ok(None) => problem(StatusCode::NOT_FOUND, "không có người này"),
        Err(error) => failed(&error),
    }
}

async fn search(State(store): State<Store>, Query(search): Query<Search>) -> Response {
    let pattern = format!("%{}%", folded(&search.name).replace(['%', '_'], ""));
    let sql = "SELECT * FROM person WHERE folded LIKE $1 ORDER BY folded, number LIMIT 20";
    let found = store.read(move |tx: &mut Tx<'_>| {
        tx.query(sql, &[pattern.as_str().into()])?.iter().map(person).collect::<Result<Vec<_>, _>>()
    });
    match found.await {
        Ok(people) => Json(json!({ "people": people })).into_response(),
        Err(error) => failed(&error),
    }
}

/// Whether number and name belong together: what a one-stop desk needs most, and no more than that.
async fn confirm(State(store): State<Store>, Json(asked): Json<Confirm>) -> Response {
    match find(&store, asked.personal_number).await {
        Ok(found) => {
            let matches = found.is_some_and(|person| folded(&person.full_name) == folded(&asked.full_name));
            Json(json!({ "matches": matches })).into_response()
        }
        Err(error) => failed(&error),
    }
}

/// An answer that is no success.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    (status, Json(json!({ "status": status.as_u16(), "detail": detail }))).into_response()
}

/// A failure inside: logged, not told.
pub(super) fn failed(error: &StoreError) -> Response {
    tracing::error!(%error, "a service of the demo failed");
    problem(StatusCode::INTERNAL_SERVER_ERROR, "lỗi bên trong")
}

fn description(address: SocketAddr) -> serde_json::Value {
    let ok = json!({ "200": { "description": "OK" } });
    let parameter = |name: &str, place: &str| json!([{ "name": name, "in": place, "required": true, "schema": { "type": "string" } }]);
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Tra cứu dân cư (dữ liệu hư cấu)", "version": "1.0.0" },
        "servers": [{ "url": format!("http://{address}") }],
        "paths": {
            "/people": { "get": { "summary": "Tìm theo họ tên", "parameters": parameter("name", "query"), "responses": ok } },
            "/people/{number}": {
                "get": { "summary": "Tra cứu theo số định danh", "parameters": parameter("number", "path"), "responses": ok }
            },
            "/confirmations": { "post": { "summary": "Đối chiếu số định danh và họ tên", "responses": ok } },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_twelve_digits_and_no_real_province() {
        for index in 0..PEOPLE {
            let number = number(index);
            assert!(number.len() == 12 && number.starts_with("099"), "{number}");
        }
    }
}
