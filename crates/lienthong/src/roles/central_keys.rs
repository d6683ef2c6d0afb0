//! API keys of the central: made on its own machine, recognised on its administration listener. Only the SHA-256 of a key is kept.

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use directory::acts::permit::{Principal, Role};
use http::header::AUTHORIZATION;
use kit::Clock;
use store::{Migration, Store, StoreError, Tx};
use zeroize::Zeroizing;

use crate::home::random_secret;
use crate::out::trouble;

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "key",
    sql: "CREATE TABLE lienthong_central_key (hash TEXT PRIMARY KEY, name TEXT NOT NULL, roles TEXT NOT NULL, created_at BIGINT NOT NULL)",
}];

/// Brings the table up to date.
///
/// # Errors
/// When the database fails.
pub async fn migrate(store: &Store) -> Result<(), StoreError> {
    store.migrate("lienthong_central", MIGRATIONS).await
}

/// Makes a key with these roles; the only moment it can be read.
///
/// # Errors
/// When a role is unknown or the database fails.
pub async fn create(store: &Store, clock: &Clock, name: &str, roles: &[String]) -> anyhow::Result<Zeroizing<String>> {
    let parsed: Vec<Role> = roles.iter().map(|role| read_role(role)).collect::<anyhow::Result<_>>()?;
    let (key, at, name) = (random_secret()?, clock.now_micros(), name.to_owned());
    let (hash, roles) = (hash(&key), serde_json::to_string(&parsed)?);
    let sql = "INSERT INTO lienthong_central_key (hash, name, roles, created_at) VALUES ($1, $2, $3, $4)";
    let write = move |tx: &mut Tx<'_>| {
        tx.exec(sql, &[hash.as_str().into(), name.as_str().into(), roles.as_str().into(), at.into()])
    };
    store.write(write).await?;
    Ok(key)
}

fn read_role(text: &str) -> anyhow::Result<Role> {
    let role = serde_json::from_value(serde_json::Value::String(text.to_uppercase()));
    role.with_context(|| trouble!("Không có vai trò {text}", "There is no role {text}").code(2))
}

/// The router with each request's principal put into its extensions, when the key it shows is known.
pub fn recognising(router: Router, store: Store) -> Router {
    router.layer(middleware::from_fn_with_state(store, recognise))
}

async fn recognise(State(store): State<Store>, mut request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(key) = shown.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned) {
        match principal(&store, &key).await {
            Ok(Some(principal)) => drop(request.extensions_mut().insert(principal)),
            Ok(None) => tracing::warn!("an unknown API key was shown"),
            Err(error) => tracing::error!(%error, "API keys cannot be read"),
        }
    }
    next.run(request).await
}

async fn principal(store: &Store, key: &str) -> Result<Option<Principal>, StoreError> {
    let hash = hash(key);
    let sql = "SELECT name, roles FROM lienthong_central_key WHERE hash = $1";
    let row = store.read(move |tx: &mut Tx<'_>| tx.query_one(sql, &[hash.as_str().into()])).await?;
    let Some(row) = row else { return Ok(None) };
    let roles = serde_json::from_str(&row.text("roles")?).unwrap_or_default();
    Ok(Some(Principal { name: row.text("name")?, roles }))
}

fn hash(key: &str) -> String {
    hex::encode(exchange::gateway::tls::sha256(key.as_bytes()))
}
