//! Create and revoke API keys, and recognise the one that is shown (exchange-protocol §2.19).
//!
//! A key is 256 random bits. It is shown once; only its SHA-256 is kept, which is enough for a secret nobody can guess and fast enough to
//! check on every request.

use ::store::Store;
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use kit::Clock;
use serde_json::json;

use super::permit::{Actor, ManageApiKeys, Permit, Role, Roles};
use super::{ActError, Admin};
use crate::monitor::audit::{Entry, Event};
use crate::store::api_key::{self, ApiKeyRow};
use crate::store::audit;

/// The longest name of a key, in characters.
pub const MAX_NAME_CHARS: usize = 100;
/// How old the note of the last use may get before it is written again: a busy key costs one write per minute.
const LAST_USE_PRECISION: SignedDuration = SignedDuration::from_mins(1);

/// A key just made: the only moment it can be read.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// What is stored of it.
    pub row: ApiKeyRow,
    /// The key itself.
    pub key: String,
}

/// What a new key shall be.
#[derive(Clone, Debug)]
pub struct ApiKeyRequest {
    /// Who or what will use it.
    pub name: String,
    /// What its holder may do.
    pub roles: Roles,
    /// When it stops working, microseconds since the Unix epoch.
    pub expires_at: Option<i64>,
}

/// Creates a key.
///
/// # Errors
/// When the name, the roles or the expiry are not acceptable.
pub async fn create_api_key(
    admin: &Admin,
    permit: &Permit<ManageApiKeys>,
    request: ApiKeyRequest,
) -> Result<NewApiKey, ActError> {
    let made = make(admin.clock(), request)?;
    let data = describe(&made.row);
    let (row, hash) = (made.row.clone(), hash(&made.key));
    admin
        .perform(permit, Event::ApiKeyCreate, data, move |tx, change| {
            change.reconfigures = false;
            check(&row, change.now)?;
            Ok(api_key::insert(tx, &row, &hash)?)
        })
        .await?;
    Ok(made)
}

/// Creates a key with all roles from the gateway's own machine: the first one, or a way back in. The tables must exist.
///
/// # Errors
/// When the database fails.
pub async fn bootstrap_api_key(store: &Store, clock: &Clock, name: &str) -> Result<NewApiKey, ActError> {
    let roles = Role::ALL.into_iter().collect();
    let made = make(clock, ApiKeyRequest { name: name.to_owned(), roles, expires_at: None })?;
    let (row, hash) = (made.row.clone(), hash(&made.key));
    let actor = Actor::console("console");
    let entry = Entry::done(row.created_at, Event::ApiKeyCreate, &actor.user, actor.auth, "", describe(&row));
    store
        .write(move |tx| {
            check(&row, row.created_at)?;
            api_key::insert(tx, &row, &hash)?;
            Ok::<_, ActError>(audit::insert(tx, &entry)?)
        })
        .await?;
    Ok(made)
}

fn make(clock: &Clock, request: ApiKeyRequest) -> Result<NewApiKey, ActError> {
    let mut secret = [0; 32];
    rand::fill(&mut secret).map_err(|_| ActError::Refused("the machine has no random numbers"))?;
    let now = clock.now();
    let row = ApiKeyRow {
        id: kit::id::new(now).to_string(),
        name: request.name,
        roles: request.roles,
        created_at: now.as_microsecond(),
        expires_at: request.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    Ok(NewApiKey { row, key: URL_SAFE_NO_PAD.encode(secret) })
}

fn check(row: &ApiKeyRow, now: i64) -> Result<(), ActError> {
    if row.name.trim().is_empty() || row.name.chars().count() > MAX_NAME_CHARS {
        return Err(ActError::invalid("/name", format!("1 to {MAX_NAME_CHARS} characters")));
    }
    if row.roles.is_empty() {
        return Err(ActError::invalid("/roles", "at least one role"));
    }
    if row.expires_at.is_some_and(|end| end <= now) {
        return Err(ActError::invalid("/expires_at", "lies in the past"));
    }
    Ok(())
}

fn describe(row: &ApiKeyRow) -> serde_json::Value {
    json!({ "apiKeyId": row.id, "apiKeyName": row.name, "apiKeyRoles": row.roles.to_string() })
}

fn hash(key: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, key.as_bytes()))
}

/// Revokes a key at once. Revoking it again changes nothing.
///
/// # Errors
/// When there is no such key.
pub async fn revoke_api_key(admin: &Admin, permit: &Permit<ManageApiKeys>, id: String) -> Result<(), ActError> {
    let data = json!({ "apiKeyId": id });
    admin
        .perform(permit, Event::ApiKeyRemove, data, move |tx, change| {
            change.reconfigures = false;
            api_key::find(tx, &id)?.ok_or(ActError::NotFound("API key"))?;
            Ok(api_key::revoke(tx, &id, change.now)?)
        })
        .await
}

/// The key that was shown, when it works now. Notes its use.
///
/// # Errors
/// When the database fails.
pub(crate) async fn recognise(admin: &Admin, key: &str) -> Result<Option<ApiKeyRow>, ActError> {
    let (hash, now) = (hash(key), admin.clock().now_micros());
    let row = admin.store().read(move |tx| api_key::find_by_hash(tx, &hash)).await?;
    let Some(row) = row.filter(|row| row.works_at(now)) else { return Ok(None) };
    let stale = i64::try_from(LAST_USE_PRECISION.as_micros()).unwrap_or(i64::MAX);
    if row.last_used_at.is_none_or(|last| now.saturating_sub(last) >= stale) {
        let id = row.id.clone();
        admin.store().write(move |tx| api_key::touch(tx, &id, now)).await?;
    }
    Ok(Some(row))
}
